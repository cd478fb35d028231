"""When a key that was replaced goes, and when a key is due to be replaced."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED
from reconciler.core.model import DEFAULT_OVERLAP

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from reconciler.core.model import Delivery, DesiredKey, Receipt
    from reconciler.core.resolution import Resolution, Row

DRAIN: Final = timedelta(hours=1)
"""A key that was used this recently still has users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retirement:
    """The end of one live predecessor.

    Attributes:
        row: the predecessor.
        at: from when on it is retired: its successor's delivery and the overlap.
        latest: when it is retired although it still has users: after the overlap a second time.
        draining: whether it has users, as far as the provider shows.
    """

    row: Row
    at: datetime
    latest: datetime
    draining: bool

    def due(self, now: datetime) -> bool:
        """Tell whether the predecessor goes at a moment."""
        return now >= (self.latest if self.draining else self.at)


def retirements(
    key: DesiredKey, found: Resolution, receipts: Mapping[Delivery, Receipt], now: datetime
) -> list[Retirement]:
    """Return when each live predecessor of a key goes; none goes before its successor works.

    Args:
        key: as declared.
        found: its rows, told apart.
        receipts: what the sinks hold.
        now: the wall clock.
    """
    since = _working_since(key, found, receipts, now)
    if since is None:
        return []
    # Without a receipt only the row's age is known, so a short overlap is not trusted.
    overlap = key.lifecycle.overlap if key.deliver else max(key.lifecycle.overlap, DEFAULT_OVERLAP)
    drain = min(DRAIN, overlap)
    return [
        Retirement(
            row=row,
            at=since + overlap,
            latest=since + 2 * overlap,
            draining=row.key.idle is not None and row.key.idle < drain,
        )
        for row in found.predecessors
    ]


def deletable(
    key: DesiredKey,
    found: Resolution,
    rows: Sequence[Row],
    *,
    receipts: Mapping[Delivery, Receipt],
    now: datetime,
) -> list[Row]:
    """Return the retired predecessors whose second grace is over; see `deletions`."""
    return [row for row, at in deletions(key, found, rows, receipts=receipts, now=now) if at <= now]


def deletions(
    key: DesiredKey,
    found: Resolution,
    rows: Sequence[Row],
    *,
    receipts: Mapping[Delivery, Receipt],
    now: datetime,
) -> list[tuple[Row, datetime]]:
    """Return the retired predecessors, and when the second grace of each is over.

    Args:
        key: as declared.
        found: its rows, told apart.
        rows: every row that carries one of its names.
        receipts: what the sinks hold.
        now: the wall clock.
    """
    since = _working_since(key, found, receipts, now)
    if since is None:
        return []
    grace = max(key.lifecycle.overlap, DEFAULT_OVERLAP)
    retired = since + key.lifecycle.overlap
    generation = key.lifecycle.generation
    return [
        # Nothing says when it was retired; one that had users until then was retired after its last use.
        (row, grace + (retired if row.key.idle is None else max(retired, now - row.key.idle)))
        for row in rows
        if not row.key.live and row.incarnation.generation < generation
    ]


def rotation_due(
    key: DesiredKey, found: Resolution, receipts: Mapping[Delivery, Receipt], now: datetime
) -> datetime | None:
    """Return when a key was or will be due for rotation; None where nothing says so.

    Args:
        key: as declared.
        found: its rows, told apart.
        receipts: what the sinks hold.
        now: the wall clock, for rows of which only the age is known.
    """
    every = key.lifecycle.rotate_every
    since = delivered_at(key, found, receipts, now)
    return None if every is None or since is None else since + every


def delivered_at(
    key: DesiredKey, found: Resolution, receipts: Mapping[Delivery, Receipt], now: datetime
) -> datetime | None:
    """Return since when a key's current row is in every sink, or exists where it is in none."""
    if found.current is None:
        return None
    row = found.current.key
    held = [receipts[place].delivered_at for place in key.deliver if place in receipts]
    if held and found.in_custody:
        return max(held)
    return None if row.age is None else now - row.age


def _working_since(
    key: DesiredKey, found: Resolution, receipts: Mapping[Delivery, Receipt], now: datetime
) -> datetime | None:
    """Return since when the key's current row has taken over from its predecessors."""
    current = found.current
    if current is None or not found.in_custody or not current.key.live or key.spec.get(ENABLED) is False:
        return None
    return delivered_at(key, found, receipts, now)
