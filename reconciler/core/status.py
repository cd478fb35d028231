"""How every key is doing: what it has used of its caps, when it ends, and whether its secret is held."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import DAILY_USD, ENABLED, NEVER, TOTAL_USD
from reconciler.core.resolution import governed_rows, resolve, wants_custody
from reconciler.core.spending import pace_of, used_up_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.core.calendar import Event
    from reconciler.core.fields import Spec
    from reconciler.core.model import DesiredAccount, DesiredKey, ObservedKey, ObservedState
    from reconciler.core.resolution import Resolution, Row
    from reconciler.core.spending import Baseline, Pace
    from reconciler.errors import ExitCode

DAILY: Final = DAILY_USD
MONTHLY: Final = "limits.monthly_usd"
EXPIRES: Final = "expires"
LIMITS: Final = "limits."
_DAY_SECONDS: Final = 86_400


class Standing(StrEnum):
    """What a row of the table is to the declarations."""

    DECLARED = "declared"
    MISSING = "missing"
    BESIDE = "beside"
    UNDECLARED = "undeclared"
    READ_ONLY = "read-only"


class Custody(StrEnum):
    """Whether every sink holds the key's secret; NONE where it is delivered to no sink."""

    HELD = "held"
    NOT_HELD = "not held"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a source beside the key list says about one key; amounts in micro-USD, None where it does not.

    Attributes:
        name: the remote name.
        key_id: the provider's id, where the source shows it.
        today: spent today, by the provider's day.
        month: spent this month.
        requests: sent today.
        spec: canonical fields that the source shows.
    """

    name: str
    key_id: str | None = None
    today: int | None = None
    month: int | None = None
    requests: int | None = None
    spec: Spec = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """From when on a key is worth a warning: per cent of a cap, and days before its end."""

    percent: int = 80
    days: int = 14

    @property
    def span(self) -> timedelta:
        """The days as a span of time."""
        return timedelta(days=self.days)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of one cap is used."""

    cap: str
    used: int
    most: int

    @property
    def percent(self) -> int:
        """Whole per cent, rounded down; a cap of nothing is used up."""
        return self.used * 100 // self.most if self.most else 100


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRow:
    """One key of the table; amounts in micro-USD, None where nobody shows them.

    Attributes:
        account: label of the account.
        name: the declared name, or the remote one of a row that is not declared as such.
        provider: of the account.
        standing: what the row is to the declarations.
        remote_id: id at the provider; None for a key that is not there.
        enabled: whether the key is on.
        today: spent today.
        month: spent this month.
        total: spent in its lifetime.
        caps: the limits that the provider shows.
        share: of the cap that is used most.
        expires: canonical instant, or `never`.
        days_left: whole days until then, below zero afterwards.
        custody: of the secret; None for a key that is not declared.
        owner: who answers for the key.
        pace: how fast it spends, and what that was read from.
        used_up: when its lifetime cap is used up at that pace; None for one that it does not reach.
        due: what happens to it next besides: rotation, retirement, deletion.
        warnings: sentences, the most urgent first.
    """

    account: str
    name: str
    provider: str
    standing: Standing
    remote_id: str | None = None
    enabled: bool | None = None
    today: int | None = None
    month: int | None = None
    total: int | None = None
    caps: Spec = field(default_factory=dict)
    share: Share | None = None
    expires: str | None = None
    days_left: int | None = None
    custody: Custody | None = None
    owner: str | None = None
    pace: Pace | None = None
    used_up: datetime | None = None
    due: tuple[Event, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """How the key is called in this repository: `account/name`."""
        return f"{self.account}/{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """An account that could not be looked at, why, and the exit code for it."""

    account: str
    message: str
    code: ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusTable:
    """Every key of some accounts.

    Attributes:
        rows: sorted by address and id.
        accounts: labels of the accounts that were read.
        unread: the accounts that were not.
        notes: what else the reader must know.
        generated_at: the moment of reading.
        tool: name and version.
    """

    rows: tuple[StatusRow, ...]
    accounts: tuple[str, ...]
    unread: tuple[Unread, ...]
    notes: tuple[str, ...]
    generated_at: datetime
    tool: str

    @property
    def warned(self) -> tuple[StatusRow, ...]:
        """The rows that carry a warning."""
        return tuple(row for row in self.rows if row.warnings)


def status_rows(
    account: DesiredAccount,
    keys: list[DesiredKey],
    observed: ObservedState,
    *,
    usages: Iterable[Usage] = (),
    now: datetime,
    thresholds: Thresholds,
    baseline: Baseline | None = None,
) -> list[StatusRow]:
    """Return one row for each key of an account: declared, undeclared and governed, or merely seen.

    Args:
        account: the account.
        keys: its declared keys.
        observed: its list and the receipts of its sinks.
        usages: what a second source says, joined by id or by a name that occurs once on either side.
        now: decides how many days are left.
        thresholds: of the warnings.
        baseline: what keys had spent at an earlier moment.
    """
    listed = observed.listings[account.label].keys
    page = _Page(account, observed, _Joined(usages, listed), now, thresholds, baseline)
    if not account.capabilities.mintable:
        return [page.row(key.name or key.id, key, Standing.READ_ONLY) for key in listed if not key.foreign]
    rows = governed_rows(account, keys, observed.listings[account.label])
    found: list[StatusRow] = []
    for key in keys:
        found += page.declared(key, rows.pop(key.name, []))
    for group in rows.values():
        found += [page.remote(row, Standing.UNDECLARED) for row in group]
    return found


def with_due(rows: Iterable[StatusRow], events: Iterable[Event]) -> list[StatusRow]:
    """Return rows with the events that are about them, by account and id."""
    by_row: dict[tuple[str, str | None], list[Event]] = {}
    for event in events:
        by_row.setdefault((event.subject.partition("/")[0], event.remote_id), []).append(event)
    return [replace(row, due=tuple(by_row.get((row.account, row.remote_id), ()))) for row in rows]


class _Joined:
    """Usages by id, and by those names that only one of them and only one key has."""

    def __init__(self, usages: Iterable[Usage], keys: Iterable[ObservedKey]) -> None:
        all_usages = tuple(usages)
        names = Counter(usage.name for usage in all_usages)
        known = Counter(name for key in keys for name in _names(key))
        self._by_id = {usage.key_id: usage for usage in all_usages if usage.key_id is not None}
        self._by_name = {
            usage.name: usage for usage in all_usages if names[usage.name] == 1 and known[usage.name] == 1
        }

    def of(self, key: ObservedKey) -> Usage:
        named = (self._by_name.get(name) for name in _names(key))
        return self._by_id.get(key.id) or next(filter(None, named), _NOTHING)


def _names(key: ObservedKey) -> tuple[str, ...]:
    """Return what a second source may call a key: our name for it, or the one that the provider made."""
    return tuple(dict.fromkeys(name for name in (key.name, key.alias) if name))


_NOTHING: Final = Usage(name="")


@dataclass(frozen=True, slots=True)
class _Page:
    """What the rows of one account are made with."""

    account: DesiredAccount
    observed: ObservedState
    usages: _Joined
    now: datetime
    thresholds: Thresholds
    baseline: Baseline | None

    def declared(self, key: DesiredKey, rows: list[Row]) -> list[StatusRow]:
        """Return the row of a declared key, and those of live rows beside it."""
        capabilities = self.account.capabilities
        found = resolve(
            key, rows, origin=self.account.origin, floor=capabilities.floor, receipts=self.observed.receipts
        )
        current = found.current
        beside = [
            self.remote(row, Standing.BESIDE)
            for row in rows
            if row.key.live and (current is None or row.key.id != current.key.id)
        ]
        if current is not None:
            return [
                self.row(key.name, current.key, Standing.DECLARED, declared=key, found=found),
                *beside,
            ]
        if key.lifecycle.absent or key.owner_left:
            return beside
        missing = StatusRow(
            account=key.account,
            name=key.name,
            provider=self.account.provider,
            standing=Standing.MISSING,
            owner=key.owner,
            warnings=("declared and not at the provider: run `reconciler plan`",),
        )
        return [missing, *beside]

    def remote(self, row: Row, standing: Standing) -> StatusRow:
        """Return the row of a key that goes by its remote name."""
        return self.row(row.key.name or row.incarnation.name, row.key, standing)

    def row(
        self,
        name: str,
        key: ObservedKey,
        standing: Standing,
        *,
        declared: DesiredKey | None = None,
        found: Resolution | None = None,
    ) -> StatusRow:
        """Return the row of a key that exists."""
        custody = _custody(declared, found) if declared and found else None
        usage = self.usages.of(key)
        spec = {**usage.spec, **key.spec}
        share = _share(spec, key, usage)
        expires = spec.get(EXPIRES)
        days = _days_left(expires, self.now)
        # What a second source says about the end may be a day off: its times carry no zone.
        margin = 0 if EXPIRES in key.spec else 1
        pace = pace_of(self.account.label, key, baseline=self.baseline, now=self.now)
        used_up = used_up_at(spec.get(TOTAL_USD), key.used_micro_usd, pace, self.now) if key.live else None
        warnings = []
        if spec.get(ENABLED) is not False:
            warnings += self._warnings(key, share, days, margin)
            if pace and used_up and used_up > self.now and used_up <= self.now + self.thresholds.span:
                warnings.append(f"its lifetime cap is used up by {used_up:%Y-%m-%d}, at {pace.text}")
            if declared is not None and declared.owner_left:
                warnings.append("its owner is none of `policy.owners`: the next apply switches it off")
        if custody is Custody.NOT_HELD:
            warnings.append("its secret is not in every sink: run `reconciler plan`")
        enabled = spec.get(ENABLED)
        return StatusRow(
            account=self.account.label,
            name=name,
            provider=self.account.provider,
            standing=standing,
            remote_id=key.id,
            enabled=enabled if isinstance(enabled, bool) else None,
            today=usage.today,
            month=usage.month,
            total=key.used_micro_usd,
            caps={field: value for field, value in sorted(spec.items()) if field.startswith(LIMITS)},
            share=share,
            expires=expires if isinstance(expires, str) else None,
            days_left=days,
            custody=custody,
            owner=declared.owner if declared else None,
            pace=pace,
            used_up=used_up,
            warnings=tuple(warnings),
        )

    def _warnings(self, key: ObservedKey, share: Share | None, days: int | None, margin: int) -> list[str]:
        texts = []
        if key.used_up:
            texts.append("nothing is left of its lifetime cap")
        elif share is not None and share.percent >= self.thresholds.percent:
            texts.append(f"{share.percent} % of {share.cap.removeprefix(LIMITS)} is used")
        if days is not None and days <= self.thresholds.days + margin:
            texts.append("it has expired" if days < 0 else f"it expires in {days} days")
        return texts


def _custody(key: DesiredKey, found: Resolution) -> Custody:
    if not wants_custody(key):
        return Custody.NONE
    return Custody.HELD if found.in_custody else Custody.NOT_HELD


def _share(spec: Spec, key: ObservedKey, usage: Usage) -> Share | None:
    """Return the share of the cap that is used most; None where no cap can be held against a spend."""
    spent = {DAILY: usage.today, MONTHLY: usage.month, TOTAL_USD: key.used_micro_usd}
    shares = [
        Share(cap=cap, used=used, most=most)
        for cap, used in spent.items()
        if used is not None and isinstance(most := spec.get(cap), int)
    ]
    return max(shares, key=lambda share: share.percent, default=None)


def _days_left(expires: object, now: datetime) -> int | None:
    if not isinstance(expires, str) or expires == NEVER:
        return None
    end = datetime.fromisoformat(expires).replace(tzinfo=UTC)
    return int((end - now).total_seconds() // _DAY_SECONDS)
