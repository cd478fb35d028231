"""The `Retry-After` and `Date` headers (RFC 9110, sections 10.2.3 and 6.6.1)."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime

FALLBACK_SECONDS: Final = 60.0
_SHORTEST: Final = 1.0
_LONGEST: Final = 86_400.0
_MAX_LENGTH: Final = 64
_DIGITS: Final = re.compile(r"[0-9]{1,18}\Z")


def retry_after(value: str | None, *, now: datetime) -> float:
    """Return for how many seconds to wait, between one second and one day.

    Args:
        value: the header; where it is missing or unreadable, one minute is returned.
        now: the provider's own time where it is known, for a header that holds a date.
    """
    text = (value or "").strip()
    if _DIGITS.match(text):
        seconds = float(text)
    elif (instant := http_date(text)) is not None:
        seconds = (instant - now).total_seconds()
    else:
        seconds = FALLBACK_SECONDS
    return min(max(seconds, _SHORTEST), _LONGEST)


def http_date(value: str | None) -> datetime | None:
    """Return the instant in an HTTP date, or None where there is none to read."""
    if not value or len(value) > _MAX_LENGTH:
        return None
    try:
        instant = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
