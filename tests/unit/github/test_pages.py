"""Comments, check runs and issues: what they say, and that they stay within their limits."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from markdown_it import MarkdownIt

from reconciler.core.plan_document import digest
from reconciler.github.check_record import Difference, Step
from reconciler.github.event import FORK
from reconciler.github.marker import Marker
from reconciler.github.pages import (
    Origin,
    clean_issue,
    drift_issue,
    drift_title,
    failed_check,
    failure_reason,
    plan_check,
    plan_comment,
    restricted_notice,
    stopped_comment,
)
from reconciler.github.summary import MOST_OF_SUMMARY, Parts, summary_page
from tests.unit.github.github_runs import HEAD, context, origin
from tests.unit.render import samples

PLAN = Marker(kind="plan", stack="default")
DRIFT = Marker(kind="drift", stack="prod")
MOST = 65_536
MARKDOWN = MarkdownIt("commonmark").enable(["table"])
OUR_MARKER = re.compile(r"<!-- reconciler:v1 [a-z0-9=: .]+ -->")
OURS = {"<br>", "<details><summary>Why and where</summary>", "</details>"}


def said(text: str) -> str:
    """Return what stands outside of code, and check that the only HTML and links are our own."""
    tokens = [child for token in MARKDOWN.parse(text) for child in (token, *(token.children or ()))]
    html = {token.content.strip() for token in tokens if token.type in {"html_inline", "html_block"}}
    links = {token.attrs.get("href") for token in tokens if token.type == "link_open"}
    assert {item for item in html if not OUR_MARKER.fullmatch(item)} <= OURS
    assert links <= {"https://github.com/acme/keys/actions/runs/77"}
    assert not {token.type for token in tokens} & {"image", "code_block"}
    return " ".join(token.content for token in tokens if token.type == "text")


def test_a_comment_shows_plan_digest_commit_and_run() -> None:
    """The comment begins with the marker, and has everything a reviewer goes by."""
    text = plan_comment(samples.rich_plan(), PLAN, origin())
    first, title = text.splitlines()[:2]

    assert first == (
        f"<!-- reconciler:v1 kind=plan stack=default digest={digest(samples.rich_plan())} "
        f"commit={HEAD} cut=false -->"
    )
    assert title == "### Keys: plan"
    assert "**Plan: 2 to create" in text
    assert f"Digest: `{digest(samples.rich_plan())}`" in text
    assert text.endswith(f"Commit `{HEAD[:12]}` · [run](https://github.com/acme/keys/actions/runs/77)\n")


@pytest.mark.parametrize(
    "text",
    [
        plan_comment(samples.hostile_plan(), PLAN, origin()),
        drift_issue(samples.hostile_plan(), DRIFT, origin("schedule")),
        plan_check(samples.hostile_plan(), origin()).summary,
        plan_check(samples.hostile_plan(), origin()).title,
        summary_page(
            Parts(plan=samples.hostile_plan()), origin(), stack="prod", exit_code=0, limit=MOST_OF_SUMMARY
        ),
    ],
)
def test_hostile_texts_stay_inert(text: str) -> None:
    """Every hostile name is in a code span: no mention, reference, link or HTML comes from it."""
    assert re.findall(r"[@#]\w|https?:|<|\]\(", said(text)) == []
    assert "##[" not in text
    assert not re.search("[\u202a-\u202e\u2066-\u2069\u200b\x00-\x09\x0b-\x1f]", text)


def test_three_thousand_changes_keep_every_disable() -> None:
    """With 3,000 changes the comment keeps to its limit, and each of 400 disables and cut-offs is there."""
    actions = [
        *(replace(samples.CREATE, name=f"new-key-of-team-{number}") for number in range(2_600)),
        *(
            replace(samples.DISABLED, name=f"leaving-{number}", remote_id=f"d{number}")
            for number in range(350)
        ),
        *(replace(samples.CUT_OFF, name=f"cut-{number}", remote_id=f"c{number}") for number in range(50)),
    ]
    text = plan_comment(samples.plan(actions), PLAN, origin())

    assert len(text.encode()) <= MOST
    assert "cut=true" in text.splitlines()[0]
    assert "2600 other rows (2600 create)" in text
    assert all(f"`reseller/leaving-{number}`" in text for number in range(350))
    assert all(f"`reseller/cut-{number}`" in text for number in range(50))


def test_what_nobody_can_see_fails_the_check() -> None:
    """When even the names of those who are cut off find no room, the comment says so and the check fails."""
    actions = [
        replace(samples.DISABLED, name=f"{number}-{'x' * 100}", remote_id=str(number))
        for number in range(900)
    ]
    limits = replace(samples.plan().limits, max_disables=None, max_change_percent=None)
    plan = replace(samples.plan(actions), limits=limits)
    text, check = plan_comment(plan, PLAN, origin()), plan_check(plan, origin())

    assert len(text.encode()) <= MOST
    assert "**Too large to be reviewed: " in text
    assert (check.conclusion, check.title) == ("failure", "Too large to be reviewed")
    assert "Too large to be reviewed" in check.summary
    assert len(check.summary.encode()) < MOST


def test_the_check_of_a_plan() -> None:
    """A plan that may be approved succeeds with its verdict; one that the safety limits refuse fails."""
    good = plan_check(samples.modest_plan(), origin())
    many = plan_check(samples.plan(samples.four_disables()), origin())

    assert good.conclusion == "success"
    assert good.title == "Plan: 1 to create, 2 to update, 0 to disable; 3 unchanged."
    assert many.conclusion == "failure"
    refused = samples.plan([samples.CREATE], refused=("keys/team.yaml:3:3: no owner",))
    assert plan_check(refused, origin()).conclusion == "failure"
    assert "Refused by the safety limits" in many.summary


def test_an_empty_plan_is_good_news() -> None:
    """Nothing to do is a success that says so."""
    check = plan_check(samples.plan(), origin())

    assert (check.conclusion, check.title) == ("success", "No changes. 3 keys are as declared.")


def test_the_check_of_a_run_without_a_plan() -> None:
    """A run that made no plan fails with the exit code as a word, so that no older check stands for it."""
    check = failed_check(3, origin())

    assert check.conclusion == "failure"
    assert check.title == "No plan was made: invalid"
    assert "exit 3: invalid" in check.summary


@pytest.mark.parametrize(
    ("code", "word"),
    [(0, ""), (2, ""), (1, "error"), (4, "stale"), (9, "credentials"), (143, "sigterm"), (77, "error")],
)
def test_exit_codes_as_words(code: int, word: str) -> None:
    """Every exit code that is a failure has a word; an unknown one is an error."""
    assert failure_reason(code) == word


def test_the_issue_about_drift() -> None:
    """It tells what would be mended, and what to do when the change was meant."""
    text = drift_issue(samples.rich_plan(), DRIFT, origin("schedule"))

    assert text.startswith("<!-- reconciler:v1 kind=drift stack=prod digest=sha256:")
    assert "declare it instead" in text
    assert "`reseller/leaver`" in text
    assert drift_title("prod") == "Keys are not as declared (prod)"
    assert drift_title("default") == "Keys are not as declared"


def test_the_issue_once_it_is_clean() -> None:
    """It keeps its marker, so that it is found when there is drift again."""
    text = clean_issue(DRIFT, origin("schedule"))

    assert text.startswith(DRIFT.start)
    assert "No drift (prod)" in text


def test_why_nothing_was_applied() -> None:
    """The comment after a refused apply lists what is new, other and gone, and stays inert."""
    steps = [Step(op="update", address=text, fingerprint="x") for text in samples.HOSTILE]
    many = tuple(Step(op="disable", address=f"a/{number}", fingerprint="") for number in range(60))
    found = Difference(
        parts=("the settings are not those of the review",), new=tuple(steps), gone=many, changed=tuple(steps)
    )
    text = stopped_comment(found, Marker(kind="apply", stack="default"), origin("push"))

    assert "exit code 4" in text
    assert "- the settings are not those of the review" in text
    assert "(60)**" in text
    assert "- and 10 more" in text
    assert re.findall(r"[@#]\w|https?:|<|\]\(", said(text)) == []


def test_actions_that_were_not_recorded() -> None:
    """Without the reviewed actions the comment says why there is no list."""
    text = stopped_comment(Difference(parts=(), unknown=True), PLAN, origin("push"))

    assert "too many to be recorded" in text


def test_a_fork_is_never_told_that_nothing_changes() -> None:
    """The notice says what was looked at and what is not known, valid or not."""
    valid, unknown = restricted_notice(FORK, valid=True), restricted_notice(FORK, valid=False)

    assert "No plan was made: the pull request comes from a fork" in valid
    assert "are valid" in valid
    assert "are valid" not in unknown
    assert all("No changes" not in text and "not known" in text for text in (valid, unknown))


@pytest.mark.parametrize(
    ("server", "run"),
    [("https://github.com)[x](y", "1"), ("http://github.com", "1"), ("https://github.com", "1)x"), ("", "")],
)
def test_a_run_that_cannot_be_linked(server: str, run: str) -> None:
    """What is no address of a run is no link; the commit is still named."""
    found = Origin.of(context("push"), {"GITHUB_SERVER_URL": server, "GITHUB_RUN_ID": run})

    assert found.run_url is None
    assert found.line() == "Commit `c0ffee000000`"


def test_the_link_of_a_run() -> None:
    """The runner's variables make the address of the run."""
    found = Origin.of(
        context("push"), {"GITHUB_SERVER_URL": "https://ghe.example:8443", "GITHUB_RUN_ID": "77"}
    )

    assert found.run_url == "https://ghe.example:8443/acme/keys/actions/runs/77"
