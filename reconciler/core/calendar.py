"""What will happen to keys and when: ends, rotations, retirements, deletions and caps that are used up."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, NEVER, TOTAL_USD
from reconciler.core.spending import pace_of, used_up_at
from reconciler.core.succession import deletions, retirements, rotation_due

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.core.allowance import Allowance
    from reconciler.core.model import DesiredKey, ObservedKey, SourceMark
    from reconciler.core.resolution import Resolution
    from reconciler.core.spending import Baseline
    from reconciler.core.view import View

EXPIRES: Final = "expires"


class Kind(StrEnum):
    """What happens."""

    EXPIRY = "expiry"
    ROTATION = "rotation"
    RETIREMENT = "retirement"
    DELETION = "deletion"
    EXHAUSTION = "exhaustion"
    ALLOWANCE = "allowance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that will happen, or should have happened already.

    Attributes:
        at: when; the earliest moment where there are two.
        latest: when at the latest; None where there is one moment.
        kind: what happens.
        subject: the key's address, or the setting.
        remote_id: id of the row; None where it is not about one.
        what: in words, after the subject.
        owner: who answers for the key.
        mark: where it is declared.
    """

    at: datetime
    latest: datetime | None = None
    kind: Kind
    subject: str
    remote_id: str | None = None
    what: str
    owner: str | None = None
    mark: SourceMark | None = None

    @property
    def uid(self) -> str:
        """What stays the same when the moment moves: SHA-256 of what it is about (RFC 7986, 5.3)."""
        about = "\0".join((self.kind, self.subject, self.remote_id or ""))
        return f"{hashlib.sha256(about.encode()).hexdigest()[:32]}@reconciler"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """Events of some accounts.

    Attributes:
        events: in the order of time.
        start: the moment of looking; what is before it is overdue.
        end: how far ahead was looked.
        tool: name and version.
    """

    events: tuple[Event, ...]
    start: datetime
    end: datetime
    tool: str

    def within(self, span: timedelta) -> tuple[Event, ...]:
        """Return the events of a time from now on, those that are overdue included."""
        return tuple(event for event in self.events if event.at <= self.start + span)


def events_of(
    view: View, *, until: datetime, baseline: Baseline | None = None, only: Iterable[Kind] = ()
) -> tuple[Event, ...]:
    """Return what happens to keys, in the order of time.

    Args:
        view: of everything that is declared and observed.
        until: the last moment.
        baseline: what keys had spent at an earlier moment.
        only: kinds to look for; none means all.
    """
    kinds = frozenset(only) or frozenset(Kind)
    found = [
        *(_allowance(view.desired.allow) if view.desired.allow else ()),
        *(event for label in view.keys for event in _account(view, label, baseline)),
    ]
    chosen = (event for event in found if event.kind in kinds and event.at <= until)
    return tuple(sorted(chosen, key=lambda event: (event.at, event.subject, event.kind, event.uid)))


def _allowance(allow: Allowance) -> Iterator[Event]:
    # It holds to the end of its last day.
    end = datetime.combine(allow.until, time(), UTC) + timedelta(days=1)
    what = "the raised limits end with it; take it out of the settings"
    yield Event(at=end, kind=Kind.ALLOWANCE, subject="allow", what=what, mark=allow.mark)


def _account(view: View, label: str, baseline: Baseline | None) -> Iterator[Event]:
    account = view.desired.accounts[label]
    if not account.capabilities.mintable:
        for row in view.observed.listings[label].keys:
            if not row.foreign:
                yield from _row(view, label, row, name=row.name or row.id, baseline=baseline)
        return
    for key in view.keys[label]:
        if not key.owner_left and not key.lifecycle.absent:
            yield from _key(view, key, baseline)
    declared = {key.name for key in view.keys[label]}
    for name in view.rows[label].keys() - declared - view.left(label).keys():
        for found in view.rows[label][name]:
            shown = found.key.name or name
            yield from _row(view, label, found.key, name=shown, baseline=baseline)
    for name, key in view.left(label).items():
        rows = tuple(row for row in view.rows[label].get(name, ()) if row.key.live)
        if rows and key.account in view.rows:
            yield from _retirements(view, key, replace(view.resolved(key), predecessors=rows))


def _key(view: View, key: DesiredKey, baseline: Baseline | None) -> Iterator[Event]:
    found = view.resolved(key)
    receipts = view.observed.receipts
    if found.current is not None:
        row = found.current.key
        yield from _row(view, key.account, row, name=key.name, baseline=baseline, key=key)
        due = rotation_due(key, found, receipts, view.now)
        if due is not None:
            what = "its `rotate_every` is over then; run `reconciler rotate --due`"
            yield _of(key, Kind.ROTATION, due, what, row)
    yield from _retirements(view, key, found)
    account = view.desired.accounts[key.account]
    if account.delete_retired and account.capabilities.deletes:
        rows = view.rows[key.account].get(key.name, ())
        for retired, at in deletions(key, found, rows, receipts=receipts, now=view.now):
            called = retired.key.name or retired.incarnation.name
            yield _of(key, Kind.DELETION, at, f"{called}, which was retired", retired.key)


def _retirements(view: View, key: DesiredKey, found: Resolution) -> Iterator[Event]:
    for end in retirements(key, found, view.observed.receipts, view.now):
        called = end.row.key.name or end.row.incarnation.name
        drains = f"; it is still used, so {end.latest:%Y-%m-%d %H:%M} UTC at the latest"
        yield Event(
            at=end.at,
            latest=end.latest,
            kind=Kind.RETIREMENT,
            subject=key.address,
            remote_id=end.row.key.id,
            what=f"{called}, which was replaced{drains if end.draining else ''}",
            owner=key.owner,
            mark=key.mark,
        )


def _row(
    view: View,
    label: str,
    row: ObservedKey,
    *,
    name: str,
    baseline: Baseline | None,
    key: DesiredKey | None = None,
) -> Iterator[Event]:
    """Yield when a live row ends and when its lifetime cap is used up."""
    if not row.live or (key is not None and key.spec.get(ENABLED) is False):
        return
    about = Event(
        at=view.now,
        kind=Kind.EXPIRY,
        subject=f"{label}/{name}",
        remote_id=row.id,
        what="",
        owner=key.owner if key else None,
        mark=key.mark if key else None,
    )
    declared = key.spec.get(EXPIRES) if key else None
    expires = row.spec.get(EXPIRES, declared)
    if isinstance(expires, str) and expires != NEVER:
        end = datetime.fromisoformat(expires).astimezone(UTC)
        verb = "ended" if end <= view.now else "ends"
        yield replace(about, at=end, what=f"{verb} at {end:%H:%M} UTC")
    pace = pace_of(label, row, baseline=baseline, now=view.now)
    at = used_up_at(row.spec.get(TOTAL_USD), row.used_micro_usd, pace, view.now)
    if at is not None and pace is not None:
        what = f"its lifetime cap, at {pace.text}"
        yield replace(about, at=at, kind=Kind.EXHAUSTION, what=what)


def _of(key: DesiredKey, kind: Kind, at: datetime, what: str, row: ObservedKey) -> Event:
    return Event(
        at=at,
        kind=kind,
        subject=key.address,
        remote_id=row.id,
        what=what,
        owner=key.owner,
        mark=key.mark,
    )
