"""Which keys are due, and switching keys off at once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.app.control import RunControl
from reconciler.app.emergency import disable_now
from reconciler.app.rotation import due_rotations
from reconciler.core.model import SafetyLimits
from reconciler.core.plan import Reason
from reconciler.core.report import Status
from reconciler.errors import SinkError
from reconciler.providers.memory import MemoryProvider
from reconciler.sinks.memory import Step
from tests.unit.app.stage import SALT, Stage, Watcher, key
from tests.unit.app.test_birth import failing
from tests.unit.app.test_escrow import Trail
from tests.unit.app.test_lifecycle import moved

if TYPE_CHECKING:
    from reconciler.core.report import Report

DAY = timedelta(days=1)


def due(stage: Stage, within: timedelta = timedelta(0)) -> list[str]:
    """Return the names of the keys that are due, read by a client that cannot write."""
    world = stage.world(MemoryProvider(stage.server, "reader", read_only=True))
    return [found.key.name for found in due_rotations(world, within=within)]


def test_keys_are_due_by_their_delivery() -> None:
    """Thirty days after the sink took the secret; earlier when asked to look ahead."""
    stage = Stage()
    stage.declare(key("a", rotate_every=30 * DAY), key("b", rotate_every=60 * DAY), key("c"))
    stage.apply()
    assert due(stage) == []
    stage.clock.advance(30 * 86400)
    assert due(stage) == ["a"]
    assert due(stage, 30 * DAY) == ["a", "b"]


def test_a_key_whose_rotation_was_asked_for_is_not_due_again() -> None:
    """A second scheduled run before the merge's apply raises nothing twice."""
    stage = Stage()
    stage.declare(key("a", rotate_every=DAY))
    stage.apply()
    stage.clock.advance(2 * 86400)
    stage.declare(key("a", rotate_every=DAY, generation=2))
    assert due(stage) == []
    stage.declare(key("a", rotate_every=DAY, absent=True))
    assert due(stage) == []


def disable(stage: Stage, *addresses: str) -> Report:
    """Switch some keys off at once."""
    return disable_now(
        stage.world(), set(addresses), salt=SALT, control=stage.control, progress=stage.watcher
    )


def test_every_live_row_of_a_named_key_goes_off() -> None:
    """Predecessors in their overlap too; other keys are left alone, and no limit counts named keys."""
    stage = Stage(limits=SafetyLimits(max_disables=0))
    stage.declare(key("a"), key("b"))
    stage.apply()
    stage.declare(key("a", generation=2), key("b"))
    stage.apply()
    report = disable(stage, "main/a")
    assert [outcome.status for outcome in report.outcomes] == [Status.DONE, Status.DONE]
    assert {outcome.action.reason for outcome in report.outcomes} == {Reason.EMERGENCY}
    assert [row.name for row in stage.live()] == ["b"]
    assert disable(stage, "main/a").outcomes == ()


def test_a_sink_that_is_down_keeps_no_key_on() -> None:
    """What the sinks hold does not matter to a disable, so none is asked."""
    stage = Stage()
    stage.declare(key("a"))
    stage.apply()
    stage.sinks["local"].before = failing(Step.STAT, SinkError("it is down; wait"))
    assert [outcome.status for outcome in disable(stage, "main/a").outcomes] == [Status.DONE]


def test_what_is_left_of_a_moved_key_goes_off_with_it() -> None:
    """Both rows work during the overlap, at two accounts."""
    move = moved()
    move.apply()
    assert move.live() == ["old", "new"]
    control = RunControl(clock=move.clock)
    report = disable_now(move.world(), {"new/a"}, salt=SALT, control=control, progress=Watcher())
    assert [outcome.action.address for outcome in report.outcomes] == ["new/a", "old/a"]
    assert move.live() == []


@pytest.mark.parametrize(("fails_from", "warned"), [(1, True), (3, True), (99, False)])
def test_an_audit_trail_that_fails_keeps_no_key_on(*, fails_from: int, warned: bool) -> None:
    """A full disk must not protect a leaked key; that a record is missing is said."""
    stage = Stage()
    stage.declare(key("a"))
    stage.apply()
    stage.audit = Trail(fails_from=fails_from)
    (outcome,) = disable(stage, "main/a").outcomes
    assert outcome.status is Status.DONE
    assert stage.live() == []
    said = ("not all of this is in the audit trail: the disk is full",)
    assert outcome.warnings == (said if warned else ())


@pytest.mark.parametrize("protects", ["the declaration", "the settings"])
def test_a_protected_key_is_not_switched_off(protects: str) -> None:
    """Protection is taken away by its own line first."""
    own = protects == "the declaration"
    stage = Stage(limits=SafetyLimits(protected=() if own else ("main/*",)))
    stage.declare(key("a", protected=own))
    stage.apply()
    (outcome,) = disable(stage, "main/a").outcomes
    assert outcome.status is Status.REFUSED
    assert len(stage.live()) == 1
