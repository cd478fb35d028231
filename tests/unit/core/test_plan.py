"""Actions and the order of work."""

from __future__ import annotations

import itertools
from dataclasses import FrozenInstanceError
from typing import Any, Final

import pytest

from reconciler.core.fields import Direction
from reconciler.core.plan import Operation, Phase, Reason, in_order, phase
from tests.unit.core.worlds import USD, action, plan_of, usd

TIGHT: Final[dict[str, Any]] = {"before": usd(total=2), "after": usd(total=1)}
LOOSE: Final[dict[str, Any]] = {"before": usd(total=1), "after": usd(total=2)}


@pytest.mark.parametrize(
    ("op", "reason", "values", "expected"),
    [
        (Operation.DISABLE, Reason.TURNED_OFF, {}, Phase.DISABLE),
        (Operation.DISABLE, Reason.LOST, {}, Phase.RECOVER),
        (Operation.DISABLE, Reason.UNDECLARED, {}, Phase.RETIRE),
        (Operation.DISABLE, Reason.ABSENT, {}, Phase.RETIRE),
        (Operation.DELIVER, Reason.UNBORN, {}, Phase.RECOVER),
        (Operation.UPDATE, Reason.DRIFT, TIGHT, Phase.TIGHTEN),
        (Operation.UPDATE, Reason.DRIFT, LOOSE, Phase.LOOSEN),
        (Operation.UPDATE, Reason.DRIFT, {"before": {"group": "a"}, "after": {"group": "b"}}, Phase.LOOSEN),
        (Operation.ENABLE, Reason.TURNED_ON, {}, Phase.LOOSEN),
        (Operation.ADOPT, Reason.RENAMED, {}, Phase.LOOSEN),
        (Operation.CREATE, Reason.NEW, {}, Phase.CREATE),
        (Operation.ROTATE, Reason.GENERATION, {}, Phase.CREATE),
        (Operation.RETIRE, Reason.OVERLAP_OVER, {}, Phase.RETIRE),
        (Operation.DELETE, Reason.UNDECLARED, {}, Phase.DELETE),
        (Operation.BLOCKED, Reason.CUSTODY, {}, Phase.BLOCKED),
    ],
)
def test_each_step_has_its_time(
    op: Operation, reason: Reason, values: dict[str, object], expected: Phase
) -> None:
    """The phase follows from what a step does and why."""
    assert phase(action(op, reason, **values)) is expected


def test_the_order_of_work() -> None:
    """Off first, then recover, tighten, loosen, create, retire, delete; what waits for a person is last."""
    steps = [
        action(Operation.DISABLE, Reason.TURNED_OFF, name="z"),
        action(Operation.DELIVER, Reason.UNBORN, name="y"),
        action(Operation.UPDATE, name="x", **TIGHT),
        action(Operation.UPDATE, name="w", **LOOSE),
        action(Operation.CREATE, Reason.NEW, name="v", remote_id=None),
        action(Operation.RETIRE, Reason.OVERLAP_OVER, name="u"),
        action(Operation.DELETE, Reason.ABSENT, name="t"),
        action(Operation.BLOCKED, Reason.CUSTODY, name="s"),
    ]
    for shuffled in (steps[::-1], steps[3:] + steps[:3]):
        assert list(in_order(shuffled)) == steps


def test_ties_are_broken_by_address_and_row() -> None:
    """Equal phases are ordered by account and name, then by row, whatever order they came in."""
    steps = [
        action(account="a", name="x", remote_id="2"),
        action(account="b", name="a", remote_id="1"),
        action(account="b", name="b", remote_id="10"),
        action(account="b", name="b", remote_id="9"),
    ]
    for shuffled in itertools.permutations(steps):
        assert list(in_order(list(shuffled))) == steps


def test_lost_births_are_condemned_before_others_are_recovered() -> None:
    """What takes access away comes first in every phase that also gives some."""
    condemn = action(Operation.DISABLE, Reason.LOST, name="z")
    recover = action(Operation.DELIVER, Reason.UNBORN, name="a")
    assert in_order([recover, condemn]) == (condemn, recover)


def test_a_key_is_switched_on_after_its_limits_are_set() -> None:
    """Enabling first would, for a moment, give access that was neither there before nor declared."""
    on = action(Operation.ENABLE, Reason.TURNED_ON)
    update = action(before={"models": ("a", "b")}, after={"models": ("c",)})
    assert phase(on) is phase(update)
    assert in_order([on, update]) == (update, on)


@pytest.mark.parametrize(
    ("op", "expected"),
    [
        (Operation.CREATE, Direction.WIDENS),
        (Operation.ROTATE, Direction.WIDENS),
        (Operation.ENABLE, Direction.WIDENS),
        (Operation.DISABLE, Direction.NARROWS),
        (Operation.RETIRE, Direction.NARROWS),
        (Operation.DELETE, Direction.NARROWS),
        (Operation.ADOPT, Direction.NEUTRAL),
        (Operation.BLOCKED, Direction.NEUTRAL),
        (Operation.UPDATE, Direction.NEUTRAL),
        (Operation.DELIVER, Direction.NEUTRAL),
    ],
)
def test_the_direction_of_an_operation(op: Operation, expected: Direction) -> None:
    """What a step does to access is known from the operation, or from its fields where it sets some."""
    assert action(op).direction is expected


def test_an_update_has_the_direction_of_its_fields() -> None:
    """An update and the delivery of a half-born key say whether access grows."""
    assert action(**TIGHT).direction is Direction.NARROWS
    assert action(Operation.DELIVER, Reason.UNBORN, **LOOSE).direction is Direction.WIDENS


def test_changes_are_the_fields_that_differ() -> None:
    """A create sets every field from nothing, an equal update and a deletion set none."""
    born = action(Operation.CREATE, remote_id=None, after={"enabled": True, **usd(total=1)})
    assert [change.name for change in born.changes] == ["enabled", "limits.total_usd"]
    assert all(change.before is None for change in born.changes)
    update = action(before={**usd(total=1), "group": "x"}, after={**usd(total=2), "group": "x"})
    assert [(change.before, change.after) for change in update.changes] == [(USD, 2 * USD)]
    assert not action(before=usd(total=1), after=usd(total=1)).changes
    assert not action(Operation.DELETE, before={"enabled": True}).changes


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, None, 0),
        (None, usd(daily=5), 0),
        (None, usd(total=5), 5 * USD),
        (usd(total=5), usd(total=7), 2 * USD),
        (usd(total=7), usd(total=5), -2 * USD),
        (usd(daily=7), usd(total=5), 5 * USD),
        ({"limits.total_usd": "unlimited"}, usd(total=5), 0),
        (usd(total=5), {"limits.total_usd": "unlimited"}, None),
        (None, {"limits.total_usd": "unlimited"}, None),
        ({"limits.total_usd": "unlimited"}, {"limits.total_usd": "unlimited"}, 0),
    ],
)
def test_by_how_much_the_lifetime_cap_changes(
    before: dict[str, object] | None, after: dict[str, object] | None, expected: int | None
) -> None:
    """The exposure of a plan is the sum of these; a cap that is lifted has no number."""
    assert action(before=before, after=after).increase_micro_usd == expected


def test_a_plan_tells_work_from_what_waits() -> None:
    """Blocked keys are in the plan and are no work."""
    work, waiting = action(), action(Operation.BLOCKED, Reason.CUSTODY)
    plan = plan_of(work, waiting)
    assert plan.work == (work,)
    assert plan.blocked == (waiting,)


def test_a_reviewed_plan_cannot_be_changed() -> None:
    """Plans and actions are frozen."""
    with pytest.raises(FrozenInstanceError):
        action().op = Operation.DELETE  # type: ignore[misc]  # the point of the test
    with pytest.raises(FrozenInstanceError):
        plan_of().actions = ()  # type: ignore[misc]  # the point of the test
