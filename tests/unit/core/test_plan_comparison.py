"""What two plans do differently, told by what is done to which key."""

from __future__ import annotations

from dataclasses import replace

from reconciler.core.model import SafetyLimits
from reconciler.core.plan import Operation
from reconciler.core.plan_comparison import Change, Difference, differences
from tests.unit.core.worlds import action, plan_of

ONE = action(after={"enabled": True}, before={"enabled": False})
TWO = action(Operation.CREATE, name="b", incarnation="b", remote_id=None)


def test_equal_plans_have_no_difference() -> None:
    """What stands beside the digest does not count."""
    spent = replace(ONE, used_micro_usd=5, requests=9)
    assert differences(plan_of(ONE, TWO), plan_of(spent, TWO)) == ()


def test_actions_are_added_missing_and_changed() -> None:
    """In the order of the first plan, then what only the second one has; the fields are named."""
    other = replace(ONE, after={"enabled": True, "group": "x"}, protected=True)
    third = replace(TWO, name="c", incarnation="c")
    assert differences(plan_of(ONE, TWO), plan_of(other, third)) == (
        Difference(change=Change.CHANGED, what="update acc/a", fields=("after", "after_fp", "protected")),
        Difference(change=Change.MISSING, what="create acc/b"),
        Difference(change=Change.ADDED, what="create acc/c"),
    )


def test_two_updates_of_one_row_are_told_apart() -> None:
    """A part that narrows and a part that widens are two actions."""
    narrows, widens = replace(ONE, after={"group": "x"}), replace(ONE, after={"group": "y"})
    assert differences(plan_of(narrows, widens), plan_of(narrows)) == (
        Difference(change=Change.MISSING, what="update acc/a"),
    )


def test_what_is_no_action_is_told_in_words() -> None:
    """Another limit, base or settings."""
    other = replace(plan_of(ONE, limits=SafetyLimits(max_creates=1), existing=21), settings_digest="sha256:x")
    assert [item.what for item in differences(plan_of(ONE), other)] == [
        "the settings",
        "the safety limits",
        "the number of governed keys",
    ]


def test_another_order_is_a_difference() -> None:
    """It decides in what state a run that is cut leaves the keys."""
    assert differences(plan_of(ONE, TWO), plan_of(TWO, ONE)) == (
        Difference(change=Change.CHANGED, what="the order of the actions"),
    )
