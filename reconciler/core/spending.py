"""How fast keys spend and when their lifetime caps are used up, all of it in upstream USD."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import TOTAL_USD, money_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.core.fields import Value
    from reconciler.core.model import ObservedKey

SHORTEST: Final = timedelta(days=1)
"""The shortest time that a daily rate is read from; a morning's burst says nothing of a day."""

LONGEST: Final = timedelta(days=30)
"""The longest time that a recent rate is read from."""

HORIZON: Final = timedelta(days=3650)
"""A prediction beyond this is none."""

_CENT: Final = 10_000
_SECOND: Final = timedelta(seconds=1)
_DAY_SECONDS: Final = 86_400


class Basis(StrEnum):
    """What a rate was read from."""

    SINCE = "since"
    LIFETIME = "lifetime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a key spends.

    Attributes:
        micro_usd_per_day: the rate, in upstream USD.
        basis: what it was read from.
        start: since when it was measured.
        span: how long that is.
    """

    micro_usd_per_day: int
    basis: Basis
    start: datetime
    span: timedelta

    @property
    def text(self) -> str:
        """The rate with its source."""
        return f"{pace_text(self.micro_usd_per_day)} USD a day {self.source}"

    @property
    def source(self) -> str:
        """Where the rate comes from, in words."""
        if self.basis is Basis.SINCE:
            return f"since {self.start:%Y-%m-%d}"
        return f"on average over its {self.span.days} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """What keys had spent at an earlier moment.

    Attributes:
        at: the moment.
        used: lifetime spend in micro-USD, by account label and remote id.
    """

    at: datetime
    used: Mapping[tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a key's pace means for its lifetime cap.

    Attributes:
        pace: how fast it spends.
        before: when the cap of now is used up; None for one that it does not reach.
        after: the same of the cap that an action sets.
    """

    pace: Pace
    before: datetime | None
    after: datetime | None

    @property
    def now(self) -> datetime:
        """The moment of looking."""
        return self.pace.start + self.pace.span


def pace_of(label: str, key: ObservedKey, *, baseline: Baseline | None, now: datetime) -> Pace | None:
    """Return how fast a key spends: since the baseline where that shows the key, else over its lifetime.

    Args:
        label: of its account.
        key: as it is now.
        baseline: of an earlier moment; None where there is none.
        now: the wall clock.
    """
    used = key.used_micro_usd
    if used is None:
        return None
    if baseline is not None and (then := baseline.used.get((label, key.id))) is not None and then <= used:
        return _pace(used - then, now - baseline.at, basis=Basis.SINCE, now=now)
    if key.age is None or key.age < SHORTEST:
        return None
    return _pace(used, key.age, basis=Basis.LIFETIME, now=now)


def used_up_at(cap: Value | None, used: int | None, pace: Pace | None, now: datetime) -> datetime | None:
    """Return when a lifetime cap is used up; None where it is not reached within ten years.

    Args:
        cap: in micro-USD, or a word.
        used: spent so far, in micro-USD.
        pace: how fast the key spends.
        now: the wall clock.
    """
    if isinstance(cap, bool) or not isinstance(cap, int) or used is None or pace is None:
        return None
    left = cap - used
    if left <= 0:
        return now
    if pace.micro_usd_per_day <= 0:
        return None
    seconds = left * _DAY_SECONDS // pace.micro_usd_per_day
    return now + timedelta(seconds=seconds) if seconds <= HORIZON // _SECOND else None


def outlook(
    label: str, key: ObservedKey, *, cap_after: Value | None, baseline: Baseline | None, now: datetime
) -> Outlook | None:
    """Return what a key's pace means for its cap of now, and for the one that it is about to get.

    Args:
        label: of its account.
        key: as it is now.
        cap_after: None where the cap stays.
        baseline: of an earlier moment; None where there is none.
        now: the wall clock.
    """
    pace = pace_of(label, key, baseline=baseline, now=now)
    if pace is None:
        return None
    cap = key.spec.get(TOTAL_USD)
    before = used_up_at(cap, key.used_micro_usd, pace, now)
    after = before if cap_after is None else used_up_at(cap_after, key.used_micro_usd, pace, now)
    return Outlook(pace=pace, before=before, after=after)


def pace_text(micro_usd: int) -> str:
    """Return a rate in USD, rounded to cents where it has any."""
    return money_text(micro_usd if micro_usd < _CENT else (micro_usd + _CENT // 2) // _CENT * _CENT)


def _pace(spent: int, span: timedelta, *, basis: Basis, now: datetime) -> Pace:
    per_day = spent * _DAY_SECONDS // max(span // _SECOND, 1)
    return Pace(micro_usd_per_day=per_day, basis=basis, start=now - span, span=span)
