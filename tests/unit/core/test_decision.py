"""The one rule of apply: equal to `after` is done, equal to `before` is work, a third value is stale."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

from reconciler.core.decision import ALREADY, DO, Verdict, compare, decide
from reconciler.core.plan import Operation, Reason
from tests.unit.core.worlds import action, row

if TYPE_CHECKING:
    from reconciler.core.fields import Spec

OFF: Final[dict[str, Any]] = {"before": {"enabled": True}, "after": {"enabled": False}}


@pytest.mark.parametrize(
    ("live", "verdict", "named"),
    [
        ({"a": 2, "b": 2}, Verdict.ALREADY, ""),
        ({"a": 1, "b": 1}, Verdict.DO, ""),
        ({"a": 2, "b": 1}, Verdict.DO, ""),
        ({"a": 1, "b": 2}, Verdict.DO, ""),
        ({"a": 3, "b": 1}, Verdict.STALE, "a changed"),
        ({"a": 3, "b": 2}, Verdict.STALE, "a changed"),
        ({"a": 3, "b": 3}, Verdict.STALE, "a, b changed"),
        ({"a": 2}, Verdict.ALREADY, ""),
        ({"a": 1}, Verdict.DO, ""),
        ({"a": 3}, Verdict.STALE, "a changed"),
        ({}, Verdict.DO, ""),
        ({"a": 2, "b": 2, "c": 9}, Verdict.ALREADY, ""),
        ({"a": 1, "b": 2, "c": 9}, Verdict.DO, ""),
    ],
)
def test_live_fields_are_held_against_the_review(live: Spec, verdict: Verdict, named: str) -> None:
    """Each field stands at its reviewed value before or after, or the action is stale and names it."""
    decision = compare(live, before={"a": 1, "b": 1}, after={"a": 2, "b": 2})
    assert decision.verdict is verdict
    assert named in decision.why


def test_a_field_unknown_at_the_review_may_only_be_the_wanted_one() -> None:
    """A value that appears where the reviewer saw a question mark was never reviewed."""
    assert compare({"a": 2, "b": 5}, before={"a": 1}, after={"a": 2, "b": 5}) == ALREADY
    stale = compare({"a": 1, "b": 4}, before={"a": 1}, after={"a": 2, "b": 5})
    assert stale.verdict is Verdict.STALE
    assert stale.why.startswith("b changed since the review")


def test_nothing_to_set_is_done() -> None:
    """An action without fields asks for nothing."""
    assert compare({"a": 1}, before={"a": 1}, after={}) == ALREADY


def test_a_stale_decision_says_what_to_do() -> None:
    """The refusal ends with the remedy."""
    assert compare({"a": 3}, before={"a": 1}, after={"a": 2}).why.endswith(
        "make a new plan and have it reviewed"
    )


@pytest.mark.parametrize(
    ("op", "values", "live", "expected"),
    [
        (Operation.UPDATE, {"before": {"group": "x"}, "after": {"group": "y"}}, {"group": "x"}, DO),
        (Operation.UPDATE, {"before": {"group": "x"}, "after": {"group": "y"}}, {"group": "y"}, ALREADY),
        (Operation.DISABLE, OFF, {"enabled": True}, DO),
        (Operation.DISABLE, OFF, {"enabled": False}, ALREADY),
        (Operation.RETIRE, OFF, {}, DO),
        (Operation.DELETE, {}, {"enabled": True}, DO),
        (Operation.DELETE, {"before": {"enabled": False}}, {"enabled": False}, DO),
        (Operation.DELETE, {"before": {"enabled": False}}, {}, DO),
    ],
)
def test_an_action_on_a_row(op: Operation, values: dict[str, Any], live: Spec, expected: object) -> None:
    """The rule holds for every operation on an existing row."""
    enabled = live.get("enabled")
    found = row("1", spec=live, enabled=enabled if isinstance(enabled, bool) else None)
    assert decide(action(op, **values), found) == expected


def test_a_key_that_was_switched_on_since_the_review_is_not_deleted() -> None:
    """A deletion that was reviewed for a dead key does not hit a live one."""
    decision = decide(
        action(Operation.DELETE, Reason.ABSENT, before={"enabled": False}), row("1", enabled=True)
    )
    assert decision.verdict is Verdict.STALE
    assert decision.why.startswith("enabled changed since the review")


def test_a_row_that_is_gone() -> None:
    """Deleting what is gone is done; changing what is gone is stale."""
    assert decide(action(Operation.DELETE), None) == ALREADY
    gone = decide(action(Operation.DISABLE, **OFF), None)
    assert gone.verdict is Verdict.STALE
    assert "no longer at the provider" in gone.why


@pytest.mark.parametrize("op", [Operation.UPDATE, Operation.DISABLE, Operation.DELETE])
def test_a_row_under_another_name_or_owner_is_left_alone(op: Operation) -> None:
    """An id that now belongs to another name, or to somebody else, gets no write."""
    for found in (row("1", "b"), row("1", "a~2"), row("1", "a", foreign=True)):
        decision = decide(action(op, **OFF), found)
        assert decision.verdict is Verdict.STALE
        assert "another name" in decision.why


def test_an_adopted_row_needs_no_name() -> None:
    """A key adopted by its id is managed although the provider shows no name for it, or an empty one."""
    assert decide(action(**OFF), row("1", None, enabled=True)) == DO
    assert decide(action(**OFF), row("1", "", enabled=True)) == DO
