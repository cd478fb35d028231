"""The outputs of a step."""

from __future__ import annotations

from reconciler.core.plan_document import digest
from reconciler.github.outputs import output_values
from tests.unit.render import samples


def test_the_outputs_of_a_plan() -> None:
    """Counts by kind, the digest and where things are; booleans are the words of workflows."""
    plan = samples.rich_plan()

    assert output_values(plan, plan_path="out/plan.json", summary_path="out/summary.md", exit_code=0) == {
        "has-changes": "true",
        "creates": "2",
        "updates": "6",
        "disables": "2",
        "deletes": "1",
        "rotations": "1",
        "blocked": "1",
        "digest": digest(plan),
        "plan-path": "out/plan.json",
        "summary-path": "out/summary.md",
        "exit-code": "0",
        "failure-reason": "",
    }


def test_an_empty_plan_is_no_change() -> None:
    """Nothing to do is `false` and zeros, with the digest of an empty plan."""
    found = output_values(samples.plan(), plan_path="p", summary_path="", exit_code=0)

    assert (found["has-changes"], found["creates"]) == ("false", "0")
    assert found["digest"].startswith("sha256:")


def test_without_a_plan_nothing_is_known() -> None:
    """A run that failed has no `false` for a careless condition to take for good news."""
    found = output_values(None, plan_path="", summary_path="", exit_code=9)

    assert (found["has-changes"], found["creates"], found["digest"]) == ("", "", "")
    assert (found["exit-code"], found["failure-reason"]) == ("9", "credentials")
