"""Which keys are due for rotation, as the sinks and the providers show it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.core.succession import rotation_due
from reconciler.core.view import View

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, timedelta

    from reconciler.app.usecases import World
    from reconciler.core.model import DesiredKey


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRotation:
    """A key whose `rotate_every` is over, or soon will be, and when."""

    key: DesiredKey
    at: datetime


def due_rotations(world: World, *, within: timedelta) -> Iterator[DueRotation]:
    """Yield the keys that are due; one whose generation was raised is not due again.

    Args:
        world: with providers that may only read.
        within: how far ahead to look.
    """
    now = world.clock.now()
    observed = world.observe()
    view = View.of(world.desired, observed, now=now)
    for label in sorted(view.keys):
        for key in view.keys[label]:
            if key.lifecycle.rotate_every is None or key.lifecycle.absent or key.owner_left:
                continue
            at = rotation_due(key, view.resolved(key), observed.receipts, now)
            if at is not None and at <= now + within:
                yield DueRotation(key=key, at=at)
