"""What is said in every format alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from reconciler.core.plan import Scope
from reconciler.render.plan_view import plan_view
from reconciler.render.view import Weight, duration_text
from tests.unit.render import samples


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (0.2, "1 s"),
        (119, "119 s"),
        (120, "2 min"),
        (150, "2 min 30 s"),
        (3600, "1 h"),
        (3720, "1 h 2 min"),
        (86400, "1 d"),
        (100_000, "1 d 3 h"),
    ],
)
def test_durations_are_rounded_up_and_short(seconds: float, text: str) -> None:
    """Two units are enough to decide whether to wait."""
    assert duration_text(timedelta(seconds=seconds)) == text


@pytest.mark.parametrize(
    ("unchanged", "scope", "text"),
    [
        (4, Scope(), "No changes. 4 keys are as declared."),
        (1, Scope(), "No changes. 1 key is as declared."),
        (0, Scope(), "No changes. No key is declared."),
        (0, Scope(keys=("x*",)), "No changes. No declared key is in this scope."),
    ],
)
def test_an_empty_plan_is_one_sentence(unchanged: int, scope: Scope, text: str) -> None:
    """A plan without work has neither a digest to approve nor a footer."""
    view = plan_view(samples.plan(scope=scope, unchanged=unchanged))

    assert view.verdict.text == text
    assert (view.digest, view.footer, view.hint, view.groups) == ("", (), (), ())


def test_a_plan_of_blocked_keys_says_that_nothing_can_be_done() -> None:
    """Blocked keys are no work, and what to do about them is said."""
    view = plan_view(samples.plan([samples.BLOCKED]))

    assert view.verdict.text == "Nothing can be applied: 1 key is blocked. 3 keys are as declared."
    assert view.digest == ""
    assert view.rows[0].details[0].label == "what to do"


def test_what_cuts_somebody_off_is_red() -> None:
    """Disables, retirements, deletes, caps below the spend and blocked keys come first for a reviewer."""
    red = {row.subject for row in plan_view(samples.rich_plan()).rows if row.red}
    names = ("leaver", "old-roller", "gone", "spender", "in-use")

    assert red == {f"reseller/{name}" for name in names}


def test_what_a_protected_key_refuses_is_said_beside_it() -> None:
    """A reviewer sees before the merge that an apply will refuse an action."""
    row = plan_view(samples.plan([replace(samples.ROTATED, protected=True)])).rows[0]

    assert row.red
    assert row.details[0].label == "refused"
    assert row.details[0].weight is Weight.VITAL


def test_exposure_counts_caps_up_and_down() -> None:
    """The sum of all cap changes is what a merge may cost at most."""
    exposures = [
        plan_view(samples.plan(actions)).footer[0].value[0].text
        for actions in (
            [samples.CREATE, samples.NARROWED],
            [samples.NARROWED],
            [samples.DISABLED],
            [samples.UNBOUNDED],
            [samples.UNBOUNDED, samples.CREATE],
        )
    ]

    assert exposures == [
        "+80 USD in lifetime caps, +10 USD a day in daily caps",
        "-20 USD in lifetime caps",
        "no change in lifetime caps",
        "unbounded: 1 key without a lifetime cap",
        "unbounded: 1 key without a lifetime cap; the others change by +100 USD, +10 USD a day in daily caps",
    ]


def test_spend_is_told_with_the_cap() -> None:
    """Used, old cap, new cap and exposure stand in one line, whichever of them are known."""
    lifted = replace(samples.WIDENED, after=samples.limits(total_usd="unlimited"))
    kept = replace(samples.WIDENED, after=samples.limits(daily_usd=1, total_usd=100))
    unread = replace(samples.WIDENED, used_micro_usd=None)
    narrowed, minted = samples.NARROWED, samples.CREATE
    told = [
        span.text
        for action in (lifted, kept, unread, narrowed, minted)
        for detail in plan_view(samples.plan([action])).rows[0].details
        if detail.label == "money"
        for span in detail.value
    ]

    assert told == [
        "used 99.99 USD, lifetime cap 100 USD → unlimited, exposure without a bound",
        "used 99.99 USD, lifetime cap 100 USD",
        "lifetime cap 100 USD → 250 USD, exposure +150 USD",
        "used 12.5 USD, lifetime cap 100 USD → 80 USD, exposure -20 USD",
        "lifetime cap 100 USD, exposure +100 USD",
    ]


def test_a_plan_of_a_part_is_applied_from_its_file() -> None:
    """The digest covers the scope, so an apply of everything would not match it."""
    hint = plan_view(samples.plan([samples.CREATE], scope=Scope(keys=("client-*",)))).hint

    assert hint[-1].text == "reconciler apply plan.json --expect-digest DIGEST"
