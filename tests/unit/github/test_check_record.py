"""What a check run records, and how a plan of today differs from it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from reconciler.core.plan_document import digest
from reconciler.errors import StalePlanError, UsageError
from reconciler.github.check_record import MOST_CHARACTERS, Record, check_name, difference, read_record
from tests.unit.render import samples

SETTINGS, DECLARATIONS = f"sha256:{'5' * 64}", f"sha256:{'d' * 64}"


def planned(*actions: object, settings: str = SETTINGS) -> Record:
    """Return the record of a plan with real digests."""
    plan = samples.plan(actions)  # type: ignore[arg-type]  # actions, as the samples have them
    return Record.of(replace(plan, settings_digest=settings, declarations_digest=DECLARATIONS))


def test_a_record_comes_back_as_it_was() -> None:
    """What is read from the text of a check run is what was written, with every digest and action."""
    plan = replace(samples.rich_plan(), settings_digest=SETTINGS, declarations_digest=DECLARATIONS)
    record = Record.of(plan)

    assert read_record(record.text()) == record
    assert record.plan == digest(plan)
    assert record.steps is not None
    assert len(record.steps) == len(plan.actions)


def test_line_ends_of_windows_do_not_matter() -> None:
    """A text that came through a form, with carriage returns, is still the same record."""
    record = planned(samples.CREATE)

    assert read_record(record.text().replace("\n", "\r\n")) == record


def test_hostile_names_stay_in_their_block() -> None:
    """No name ends the block, becomes markup or hides characters; and each comes back unchanged."""
    plan = replace(samples.hostile_plan(), settings_digest=SETTINGS, declarations_digest=DECLARATIONS)
    record = Record.of(plan)
    text = record.text()
    kinds = [token.type for token in MarkdownIt("commonmark").parse(text)]

    assert kinds == ["paragraph_open", "inline", "paragraph_close", "fence"]
    assert text.isascii()
    assert "##[" not in text
    assert "\x7f" not in text
    assert read_record(text) == record


def test_a_record_that_is_too_long_has_no_actions() -> None:
    """The digests always find room; which actions differ can then not be told."""
    record = planned(*(replace(samples.CREATE, name=f"new-{number}") for number in range(3_000)))
    text = record.text()

    assert len(text) <= MOST_CHARACTERS
    assert read_record(text) == replace(record, steps=None)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "some other check",
        "```json\n{}\n```",
        "```json\n{not json}\n```",
        '```json\n{"format":2}\n```',
        '```json\n{"format":1,"settings":"x","declarations":"x","plan":"x","actions":null}\n```',
        planned().text() * 2,
        planned().text().replace(SETTINGS, "sha256:short"),
        planned().text().replace('"actions":[]', '"actions":[["create"]]'),
        planned().text().replace('"actions":[]', '"actions":7'),
        planned().text().replace('"format":1', '"format":1,"format":1'),
    ],
)
def test_what_is_no_record_is_refused(text: object) -> None:
    """Anything that this program did not write, or that somebody changed, proves nothing."""
    with pytest.raises(StalePlanError, match="no readable record"):
        read_record(text)


def test_the_same_plan_differs_in_nothing() -> None:
    """Equal settings, declarations and plan are the reviewed ones."""
    assert difference(planned(samples.CREATE), planned(samples.CREATE)) is None


def test_actions_that_differ_are_named() -> None:
    """What is new, what is gone and what has other contents are told apart."""
    narrower = replace(samples.NARROWED, after=samples.limits(daily_usd=4, total_usd=80))
    found = difference(
        planned(samples.CREATE, samples.NARROWED, samples.ENABLED),
        planned(samples.CREATE, narrower, samples.DISABLED),
    )

    assert found is not None
    assert [(step.op, step.address) for step in found.new] == [("disable", "reseller/leaver")]
    assert [(step.op, step.address) for step in found.gone] == [("enable", "reseller/back")]
    assert [(step.op, step.address) for step in found.changed] == [("update", "reseller/client-b")]
    assert (found.parts, found.unknown) == ((), False)


def test_other_settings_are_a_difference_of_their_own() -> None:
    """Settings that are not those of the review are named even where the actions are the same."""
    found = difference(planned(samples.CREATE), planned(samples.CREATE, settings=DECLARATIONS))

    assert found is not None
    assert found.parts == ("the settings are not those of the review",)


def test_a_plan_that_only_its_digest_tells_apart() -> None:
    """Another account or limit changes the digest and no action; that is a difference too."""
    now = replace(planned(samples.CREATE), plan=SETTINGS)

    assert difference(planned(samples.CREATE), now) is not None


def test_actions_that_were_not_recorded_cannot_be_told() -> None:
    """Without the reviewed actions the difference says so, and is still one."""
    found = difference(replace(planned(samples.CREATE), steps=None), planned(samples.DISABLED))

    assert found is not None
    assert found.unknown


def test_each_stack_has_a_check_of_its_own() -> None:
    """The name tells stacks apart, and is plain for settings that are alone."""
    assert check_name("default") == "reconciler"
    assert check_name("prod") == "reconciler (prod)"
    with pytest.raises(UsageError, match="--stack"):
        check_name("a b")


def test_the_block_is_one_line_of_json() -> None:
    """Other programs can read it: the third line is JSON with four digests and the actions."""
    text = planned(samples.CREATE).text()
    document = json.loads(text.splitlines()[3])

    assert sorted(document) == ["actions", "declarations", "format", "plan", "settings"]
