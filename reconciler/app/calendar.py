"""Reading what will happen to keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core.calendar import Calendar, events_of
from reconciler.core.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from reconciler.app.usecases import World
    from reconciler.core.calendar import Kind
    from reconciler.core.spending import Baseline


def read_calendar(
    world: World, *, ahead: timedelta, baseline: Baseline | None = None, only: Iterable[Kind] = ()
) -> Calendar:
    """Return what happens to the keys of a world's accounts; one that cannot be read is an error.

    Args:
        world: with providers that may only read.
        ahead: how far to look.
        baseline: what keys had spent at an earlier moment.
        only: kinds of events to look for; none means all.
    """
    now = world.clock.now()
    view = View.of(world.desired, world.observe(), now=now)
    return Calendar(
        events=events_of(view, until=now + ahead, baseline=baseline, only=only),
        start=now,
        end=now + ahead,
        tool=world.tool,
    )
