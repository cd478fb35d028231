"""When a server asks to come back, and its own time (RFC 9110, sections 10.2.3 and 6.6.1)."""

from __future__ import annotations

import re
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

# What a date can still be told for.
_LONGEST_SECONDS: Final = 366 * 86_400.0
_MAX_LENGTH: Final = 64
_DIGITS: Final = re.compile(r"[0-9]{1,64}\Z")
# The RFC knows whole seconds only; servers that subtract two clocks send fractions.
_SECONDS: Final = re.compile(r"[0-9]{1,64}(?:\.[0-9]{1,20})?\Z")


def retry_after(value: str | None, *, now: datetime) -> float | None:
    """Return for how many seconds to wait, at most a year; None where the header does not say.

    Args:
        value: the header.
        now: the server's own time where it is known, for a header that holds a date.
    """
    text = (value or "").strip()
    if _SECONDS.match(text):
        seconds = float(text)
    elif (instant := http_date(text)) is not None:
        seconds = (instant - now).total_seconds()
    else:
        return None
    return min(max(seconds, 0.0), _LONGEST_SECONDS)


def asked_wait(status: int, headers: Mapping[str, str], *, now: datetime, usual: float) -> float | None:
    """Return for how many seconds an answer asks to wait; None when it is no such answer.

    GitHub answers 403 to who is too fast, and only headers tell that from a missing permission (GitHub
    docs: rate limits for the REST API).

    Args:
        status: of the answer.
        headers: names in lower case.
        now: the time.
        usual: the seconds where the answer does not say.
    """
    reset = headers.get("x-ratelimit-reset", "").strip()
    exhausted = headers.get("x-ratelimit-remaining", "").strip() == "0" and bool(_DIGITS.match(reset))
    told = headers.get("retry-after")
    if status != HTTPStatus.TOO_MANY_REQUESTS and not (
        status == HTTPStatus.FORBIDDEN and (told or exhausted)
    ):
        return None
    seconds = retry_after(told, now=now)
    if seconds is None and exhausted:
        seconds = min(max(float(reset) - now.timestamp(), 0.0), _LONGEST_SECONDS)
    return usual if seconds is None else seconds


def http_date(value: str | None) -> datetime | None:
    """Return the instant in an HTTP date, or None where there is none to read."""
    if not value or len(value) > _MAX_LENGTH:
        return None
    try:
        instant = parsedate_to_datetime(value)
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
