"""Reading the calendar: accounts and sinks are asked, nothing is written."""

from __future__ import annotations

from datetime import timedelta

from reconciler.app.calendar import read_calendar
from reconciler.core.calendar import Kind
from reconciler.core.fields import MICRO
from reconciler.core.spending import Baseline
from reconciler.providers.memory import MemoryProvider
from tests.unit.app.stage import ACCOUNT, Stage, key

DAY = timedelta(days=1)


def test_what_happens_is_read_with_what_was_spent_before() -> None:
    """A rotation by its delivery, and a cap by the pace since the baseline."""
    stage = Stage()
    stage.declare(key("a", rotate_every=30 * DAY))
    stage.apply()
    (row,) = stage.live()
    start = stage.clock.now()
    stage.clock.advance(10 * 86400)
    stage.server.spend(row.id, 50 * MICRO)
    world = stage.world(MemoryProvider(stage.server, "reader", read_only=True))
    baseline = Baseline(at=start, used={(ACCOUNT, row.id): 0})

    found = read_calendar(world, ahead=90 * DAY, baseline=baseline)

    assert [(event.kind, event.at) for event in found.events] == [
        (Kind.EXHAUSTION, start + 20 * DAY),
        (Kind.ROTATION, start + 30 * DAY),
    ]
    assert (found.start, found.end) == (start + 10 * DAY, start + 100 * DAY)
    assert read_calendar(world, ahead=15 * DAY, only=[Kind.ROTATION]).events == ()
