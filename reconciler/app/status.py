"""Reading how every key is doing: each account on its own, so that one that fails hides no other."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from reconciler.app.observe import observe
from reconciler.core.calendar import Kind, events_of
from reconciler.core.sanitize import redact
from reconciler.core.status import StatusTable, Unread, status_rows, with_due
from reconciler.core.view import View
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.app.usecases import World
    from reconciler.core.spending import Baseline
    from reconciler.core.status import StatusRow, Thresholds, Usage
    from reconciler.ports.usage import UsageSource

_AHEAD: Final = timedelta(days=90)
_DUE: Final = (Kind.ROTATION, Kind.RETIREMENT, Kind.DELETION)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """What reading one account came to."""

    rows: list[StatusRow]
    notes: list[str]
    unread: Unread | None = None


def read_status(
    world: World,
    labels: Iterable[str],
    *,
    thresholds: Thresholds,
    sources: Mapping[str, UsageSource],
    baseline: Baseline | None = None,
) -> StatusTable:
    """Return the table of some accounts.

    Args:
        world: with a provider for each of them.
        labels: of the accounts.
        thresholds: of the warnings.
        sources: where usage is read besides, by account label.
        baseline: what keys had spent at an earlier moment.
    """
    chosen = sorted(labels)
    with ThreadPoolExecutor(max_workers=max(1, len(chosen))) as pool:
        reads = list(
            pool.map(lambda label: _read(world, label, thresholds, sources.get(label), baseline), chosen)
        )
    rows = [row for read in reads for row in read.rows]
    return StatusTable(
        rows=tuple(sorted(rows, key=lambda row: (row.address, row.standing, row.remote_id or ""))),
        accounts=tuple(label for label, read in zip(chosen, reads, strict=True) if read.unread is None),
        unread=tuple(read.unread for read in reads if read.unread is not None),
        notes=tuple(note for read in reads for note in read.notes),
        generated_at=world.clock.now(),
        tool=world.tool,
    )


def _read(
    world: World,
    label: str,
    thresholds: Thresholds,
    source: UsageSource | None,
    baseline: Baseline | None,
) -> _Read:
    keys = [key for key in world.desired.keys if key.account == label]
    usages: tuple[Usage, ...] = ()
    notes: list[str] = []
    try:
        observed = observe({label: world.providers[label]}, world.sinks, keys)
    except ReconcilerError as error:
        unread = Unread(account=label, message=redact(str(error), limit=1_000), code=error.exit_code)
        return _Read(rows=[], notes=[], unread=unread)
    if source is not None:
        try:
            usages = tuple(source.usages())
        except ReconcilerError as error:
            notes.append(f"{label}: its usage could not be read: {redact(str(error), limit=500)}")
    notes += [f"{label}: {text}" for text in observed.listings[label].warnings]
    now = world.clock.now()
    rows = status_rows(
        world.desired.accounts[label],
        keys,
        observed,
        usages=usages,
        now=now,
        thresholds=thresholds,
        baseline=baseline,
    )
    view = View.of(world.desired, observed, now=now)
    rows = with_due(rows, events_of(view, until=now + _AHEAD, only=_DUE))
    if source is not None and rows and all(row.today is None and row.month is None for row in rows):
        notes.append(f"{label}: its usage source shows no key by a name of this account")
    return _Read(rows=rows, notes=notes)
