"""The step summary: what is on it, what is not, and how long it gets."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.report import Status
from reconciler.github.findings import Findings
from reconciler.github.report_page import read_report
from reconciler.github.summary import MOST_OF_SUMMARY, Parts, summary_page
from reconciler.github.workflow_commands import Annotation
from reconciler.render.json import render_report
from tests.unit.github.github_runs import origin
from tests.unit.render import samples

WRONG = Findings(
    valid=False, annotations=(Annotation(level="error", file="k.yaml", line=1, column=1, message="wrong"),)
)
VALID = Findings(valid=True, annotations=())
MEBIBYTE = 1_048_576


def page(
    parts: Parts, *, name: str = "pull_request", exit_code: int = 0, limit: int = MOST_OF_SUMMARY
) -> str:
    """Return the summary of a run."""
    return summary_page(parts, origin(name), stack="prod", exit_code=exit_code, limit=limit)


def test_everything_on_one_page() -> None:
    """Findings, report and plan stand below each other, with the commit and the run at the end."""
    report = read_report(render_report(samples.applied_report()).encode())
    text = page(Parts(plan=samples.modest_plan(), report=report, findings=VALID))

    assert text.startswith("### Keys: run (prod)\n\nSettings and declarations are valid.\n")
    assert text.index("Apply: applied") < text.index("Plan: 1 to create")
    assert text.endswith("[run](https://github.com/acme/keys/actions/runs/77)\n\n")


def test_three_thousand_changes() -> None:
    """The page stays below a mebibyte, and every disable is on it with its reason."""
    actions = [
        *(replace(samples.CREATE, name=f"new-{number}") for number in range(2_500)),
        *(
            replace(samples.DISABLED, name=f"leaving-{number}", remote_id=str(number))
            for number in range(500)
        ),
    ]
    text = page(Parts(plan=samples.plan(actions)))

    assert len(text.encode()) < MEBIBYTE
    assert all(f"`reseller/leaving-{number}`" in text for number in range(500))
    assert all(f"`reseller/new-{number}`" in text for number in range(2_500))


def test_a_long_report_leaves_room_for_the_plan() -> None:
    """Each part is cut on its own, and all of them together keep to the limit."""
    outcomes = [
        samples.outcome(replace(samples.NARROWED, name=f"key-{number}"), status, "no " * 300)
        for number, status in enumerate([Status.FAILED] * 200)
    ]
    report = read_report(render_report(samples.report(outcomes)).encode())
    plan = samples.plan(replace(samples.CREATE, name=f"new-{number}") for number in range(200))
    text = page(Parts(plan=plan, report=report, findings=WRONG), limit=60_000)

    assert len(text.encode()) <= 60_000
    assert "Plan: 200 to create" in text
    assert "Cut to fit" in text


def test_a_fork_gets_the_findings_and_no_plan() -> None:
    """The page of a fork says that nothing was planned, and a plan that lies about is not shown."""
    parts = Parts(plan=samples.plan(), findings=VALID)
    text = page(parts, name="pull_request_fork")

    assert "**No plan was made: the pull request comes from a fork.**" in text
    assert "No changes" not in text
    assert "Settings and declarations are valid." in text


def test_a_fork_without_findings_is_told_too() -> None:
    """Even with nothing else to say, the page of a fork is never empty or green."""
    assert "No plan was made" in page(Parts(), name="pull_request_dependabot")


def test_a_run_that_failed_early() -> None:
    """Without a plan the exit code is named, and with one it is not repeated."""
    assert "**No plan was made (exit 3: invalid).**" in page(Parts(findings=WRONG), exit_code=3)
    assert "No plan was made" not in page(Parts(plan=samples.plan()), exit_code=4)


def test_nothing_to_say() -> None:
    """Without anything there is no page."""
    assert page(Parts()) == ""
