"""One key as the QCode read-only API shows it: names, days in an unstated zone, and costs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Never

from reconciler.core.fields import ENABLED, MICRO, NEVER, UNLIMITED
from reconciler.core.instants import utc_instant
from reconciler.errors import AnswerError, UsageError
from reconciler.providers._qcode_rows import NUMBER_TEXT

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import tzinfo

    from reconciler.core.fields import Value
    from reconciler.core.strict_json import Json

MONTHLY: Final = "limits.monthly_usd"
EXPIRES: Final = "expires"
DEFAULT_ZONE: Final = "Asia/Shanghai"

_FORM: Final = "%Y/%m/%d %H:%M"
_LONGEST: Final = 40
_NO_END: Final = frozenset({"", "never", "none", "null", "-", "permanent", "永久", "永不过期"})
_MILLISECONDS_FROM: Final = 10**11
_MAX_AMOUNT: Final = 2**53


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyUsage:
    """What one active key has cost; amounts in micro-USD, None where the row does not say.

    Attributes:
        name: the only thing by which the row can be found among a partner's keys.
        active: whether the key works.
        expires: canonical instant, or `never`; None where that is not shown or was not understood.
        daily: today's cost, by the provider's day.
        requests: today's requests.
        monthly: this month's cost, and `monthly_limit` the most that it may be.
        key_id: where the row carries one, which the documented form does not.
    """

    name: str
    active: bool
    expires: str | None
    daily: int | None
    requests: int | None
    monthly: int | None
    monthly_limit: int | str | None
    key_id: str | None = None

    @property
    def spec(self) -> dict[str, Value]:
        """The canonical fields."""
        shown: dict[str, Value | None] = {
            ENABLED: self.active,
            MONTHLY: self.monthly_limit,
            EXPIRES: self.expires,
        }
        return {name: value for name, value in shown.items() if value is not None}


def zone_of(name: object) -> tzinfo:
    """Return the time zone that an account's settings name.

    Raises:
        UsageError: when there is no such zone.
    """
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415  # few accounts need it

    try:
        return ZoneInfo(name) if isinstance(name, str) else _no_zone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if name == DEFAULT_ZONE:
            # Machines without a zone database; China has had one offset and no summer time since 1991.
            return timezone(timedelta(hours=8))
        _no_zone()


def parse_usage(row: Json, zone: tzinfo) -> KeyUsage:
    """Return what a row says.

    Args:
        row: of the list.
        zone: in which a time without one is meant.

    Raises:
        AnswerError: for a row without a name, or with a cost that is none.
    """
    if not isinstance(row, dict):
        _refuse("a key that is not an object")
    name, active = row.get("name"), row.get("is_active")
    if not isinstance(name, str) or not name:
        _refuse("a key without a name")
    if active is not None and (not isinstance(active, (bool, int)) or active not in {0, 1}):
        _refuse("an is_active that is neither true nor false")
    limit, requests, key_id = _micro(row, "monthly_cost_limit"), row.get("current_requests"), row.get("id")
    return KeyUsage(
        name=name,
        # Only active keys are listed, so one that does not say is.
        active=active is None or bool(active),
        expires=_expiry(row, zone),
        daily=_micro(row, "current_daily_cost"),
        requests=requests if isinstance(requests, int) and not isinstance(requests, bool) else None,
        monthly=_micro(row, "monthly_cost_used"),
        monthly_limit=limit if limit or "monthly_cost_limit" not in row else UNLIMITED,
        key_id=str(key_id)
        if isinstance(key_id, (str, int)) and not isinstance(key_id, bool) and key_id
        else None,
    )


def _expiry(row: Mapping[str, Json], zone: tzinfo) -> str | None:
    """Return when the key ends; a machine's spelling counts before the one for people."""
    exact = _exact(row.get("expires_at"))
    if exact is not None:
        return _canonical(exact)
    # A server that has neither member has not said that the key never ends.
    if not row.keys() & {"expires_at", "expires_at_display"}:
        return None
    shown = row.get("expires_at_display")
    if shown is None or (isinstance(shown, str) and shown.strip().lower() in _NO_END):
        return NEVER
    if not isinstance(shown, str) or len(shown) > _LONGEST:
        return None
    try:
        naive = datetime.strptime(shown, _FORM)  # noqa: DTZ007  # the text has no zone, which comes next
        return _canonical(naive.replace(tzinfo=zone))
    except (ValueError, OverflowError):
        return None


def _exact(value: Json) -> datetime | None:
    try:
        if isinstance(value, str) and len(value) <= _LONGEST:
            return utc_instant(value)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def _canonical(instant: datetime) -> str:
    return f"{instant.astimezone(UTC).replace(tzinfo=None, microsecond=0).isoformat()}Z"


def _micro(row: Mapping[str, Json], name: str) -> int | None:
    value = row.get(name)
    if value is None:
        return None
    if isinstance(value, str) and NUMBER_TEXT.match(value):
        value = Decimal(value)
    if isinstance(value, bool) or not isinstance(value, (int, Decimal)) or not 0 <= value <= _MAX_AMOUNT:
        _refuse(f"a {name} that is no amount")
    return int((Decimal(value) * MICRO).to_integral_value())


def _no_zone() -> Never:
    message = (
        "`time_zone` names no zone that this machine knows; use a name like Asia/Shanghai, or install tzdata"
    )
    raise UsageError(message)


def _refuse(what: str) -> Never:
    message = (
        f"the provider's answer holds {what}; nothing of such a list is used; "
        "check base_url, and report this with the provider's name"
    )
    raise AnswerError(message)
