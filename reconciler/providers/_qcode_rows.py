"""One key as the QCode partner API may spell it: names, types and units of a row."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Never

from reconciler.core.fields import ENABLED, MICRO, UNLIMITED, Kind, kind_of
from reconciler.core.instants import utc_instant
from reconciler.core.sanitize import redact
from reconciler.errors import AnswerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.fields import Value
    from reconciler.core.strict_json import Json

    _Plain = None | bool | int | Decimal | str

DAILY: Final = "limits.daily_usd"
TOTAL: Final = "limits.total_usd"
CONCURRENCY: Final = "limits.concurrency"

# What the vendor page writes comes first; the rest are the spellings of the server it seems to grow from.
_IDS: Final = ("id", "key_id", "keyId")
_SWITCHES: Final = ("is_active", "isActive", "active", "enabled", "is_enabled", "isEnabled")
_OFF_SWITCHES: Final = ("disabled", "is_disabled", "isDisabled")
_STATUSES: Final = ("status", "state")


def _amount_names(window: str) -> tuple[str, ...]:
    return (
        f"{window}_cost_limit_usd",
        f"{window}_cost_limit",
        f"{window}CostLimitUsd",
        f"{window}CostLimitUSD",
        f"{window}CostLimit",
        f"{window}_limit_usd",
        f"{window}LimitUsd",
    )


_LIMITS: Final[Mapping[str, Sequence[str]]] = {
    DAILY: _amount_names("daily"),
    TOTAL: _amount_names("total"),
    CONCURRENCY: ("concurrency_limit", "concurrencyLimit", "concurrency"),
}
# Only names that say both "lifetime" and "USD": a monthly or unlabelled cost would pass for lifetime spend.
_USED: Final = (
    "total_cost_usd",
    "total_spent_usd",
    "total_used_usd",
    "total_usage_usd",
    "lifetime_cost_usd",
    "used_total_usd",
)
# Without a unit an amount is no spend in USD, but nothing is nothing in every currency.
_LIFETIME: Final = (*_USED, "total_cost", "totalCost", "total_spent", "total_used", "lifetime_cost")
_CREATED: Final = ("created_at", "createdAt", "created", "created_time")
_STATUS: Final = {"active": True, "enabled": True, "disabled": False, "inactive": False}
# Databases without booleans count; other numbers say nothing.
_BOOLEAN_TEXT: Final = {"true": True, "false": False, "1": True, "0": False}
# With an exponent, because that is how a decimal column of eight places writes its zero: 0E-8.
NUMBER_TEXT: Final = re.compile(r"[+-]?[0-9]{1,16}(?:\.[0-9]{1,30})?(?:[eE][+-]?[0-9]{1,2})?\Z")
_ID: Final = re.compile(r"(?!\.{1,2}\Z)[!-~]{1,128}\Z")
_MILLISECONDS_FROM: Final = 10**11
_LONGEST_INSTANT: Final = 40
_MAX_NUMBER: Final = 2**53

LIMIT_FIELDS: Final = frozenset(_LIMITS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one row showed.

    Attributes:
        id: never empty, visible ASCII.
        description: the text that a create sent; None where the row has none.
        shows_description: the row has such a member, be it empty.
        name: the name that the server made.
        spec: canonical values of the fields that were shown.
        used_micro_usd: lifetime spend, only from a member whose name says so.
        unused: whether the lifetime spend is nothing, whatever its unit.
    created: when the key was made.
    """

    id: str
    description: str | None
    shows_description: bool
    name: str | None
    spec: Mapping[str, Value]
    used_micro_usd: int | None
    unused: bool | None
    created: datetime | None


def parse_row(row: Json) -> Row:
    """Return what a row of the list, or a detail, says.

    Raises:
        AnswerError: for a row without a usable id, or with a member whose value cannot be understood.
    """
    if not isinstance(row, dict):
        _refuse("a key that is not an object")
    nested = row.get("limits")
    shown = {**nested, **row} if isinstance(nested, dict) else row
    names = _names_in(tuple(shown))
    spec: dict[str, Value] = {}
    enabled = _enabled(row, names)
    if enabled is not None:
        spec[ENABLED] = enabled
    for field, name in names.limits:
        spec[field] = _limit(field, name, _plain(name, shown[name]))
    used = _lifetime(names.lifetime, row)
    return Row(
        id=parse_id(row.get(names.id)),
        description=_text(row, "description"),
        shows_description="description" in row,
        name=_text(row, "name"),
        spec=spec,
        used_micro_usd=None if used is None or names.lifetime not in _USED else _micro(used),
        unused=None if used is None else used == 0,
        created=_instant(row.get(names.created)),
    )


def parse_id(value: Json) -> str:
    """Return an id as text.

    Raises:
        AnswerError: unless it is a positive integer, or 1 to 128 visible ASCII characters that do not look
            like a secret.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return str(value)
    # Ids are shown in plans and errors, so one that looks like a secret is none.
    if not isinstance(value, str) or not _ID.match(value) or redact(value) != value:
        _refuse("a key without a usable id")
    return value


def row_id(row: Json) -> str:
    """Return the id of a row of the list.

    Raises:
        AnswerError: when it has none that can be used.
    """
    return parse_id(row.get(_names_in(tuple(row)).id) if isinstance(row, dict) else None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Names:
    """Which spelling a row uses for each thing; empty where it has none."""

    id: str
    switch: str
    off_switch: str
    status: str
    limits: tuple[tuple[str, str], ...]
    lifetime: str
    created: str


# Rows of one list are spelled alike, so the aliases are looked through once and not once a row.
@functools.lru_cache(maxsize=64)
def _names_in(members: tuple[str, ...]) -> _Names:
    def first(aliases: Sequence[str]) -> str:
        return next((name for name in aliases if name in members), "")

    limits = tuple((field, first(aliases)) for field, aliases in _LIMITS.items())
    return _Names(
        id=first(_IDS),
        switch=first(_SWITCHES),
        off_switch=first(_OFF_SWITCHES),
        status=first(_STATUSES),
        limits=tuple((field, name) for field, name in limits if name),
        lifetime=first(_LIFETIME),
        created=first(_CREATED),
    )


def _enabled(row: Mapping[str, Json], names: _Names) -> bool | None:
    for name, on in ((names.switch, True), (names.off_switch, False)):
        value = row.get(name)
        if value is not None:
            return _boolean(name, value) is on
    status = row.get(names.status)
    if status is None:
        return None
    if not isinstance(status, str) or status.lower() not in _STATUS:
        _refuse(f'the unknown {names.status} "{redact(str(status), limit=40)}"')
    return _STATUS[status.lower()]


def _boolean(name: str, value: Json) -> bool:
    told = _BOOLEAN_TEXT.get(str(value).lower()) if isinstance(value, (bool, int, str)) else None
    if told is None:
        _refuse(f"{name} that is neither true nor false")
    return told


# Typed, because True would be found under 1.
@functools.lru_cache(maxsize=4096, typed=True)
def _limit(field: str, name: str, value: _Plain) -> Value:
    """Return a limit in its canonical form; the server counts nothing and zero as no limit."""
    number = Decimal(0) if value is None else _number(name, value)
    if number < 0:
        _refuse(f"a negative {name}")
    if number == 0:
        return UNLIMITED
    if kind_of(field) is Kind.MONEY:
        return _micro(number)
    if number != int(number):
        _refuse(f"a {name} that is not a whole number")
    return int(number)


def _lifetime(name: str, row: Mapping[str, Json]) -> Decimal | None:
    """Return what a key has cost; nothing is decided by it that an unknown cost would not leave undone."""
    value = row.get(name)
    if value is None or isinstance(value, (list, dict)):
        return None
    try:
        number = _number(name, value)
    except AnswerError:
        return None
    return None if number < 0 else number


def _micro(number: Decimal) -> int:
    # Sums of floats come back as 4.999999999; the documented precision is cents, so 1e-6 loses nothing.
    return int((number * MICRO).to_integral_value())


def _plain(name: str, value: Json) -> _Plain:
    if isinstance(value, (list, dict)):
        _refuse(f"a {name} that is not a number")
    return value


def _number(name: str, value: _Plain) -> Decimal:
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        number = Decimal(value)
    elif isinstance(value, str) and NUMBER_TEXT.match(value.strip()):
        number = Decimal(value.strip())
    else:
        _refuse(f"a {name} that is not a number")
    if abs(number) > _MAX_NUMBER:
        _refuse(f"a {name} that is absurdly large")
    return number


def _instant(value: Json) -> datetime | None:
    """Return an instant from ISO text with a zone, or from seconds or milliseconds since 1970."""
    if isinstance(value, str) and len(value) <= _LONGEST_INSTANT:
        try:
            return utc_instant(value)
        except ValueError:
            return None
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool) and value > 0:
        seconds = value / 1000 if value >= _MILLISECONDS_FROM else value
        try:
            return datetime.fromtimestamp(float(seconds), UTC)
        except (ValueError, OverflowError, OSError):
            return None
    return None


def _text(row: Mapping[str, Json], name: str) -> str | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        _refuse(f"a {name} that is not text")
    return value


def _refuse(what: str) -> Never:
    message = (
        f"the provider's answer holds {what}; nothing is changed on a list that is not understood; "
        "check base_url, and report this with the provider's name"
    )
    raise AnswerError(message)
