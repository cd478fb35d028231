"""Instants in texts that nobody here controls."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_instant(text: str) -> datetime:
    """Return the instant in an ISO 8601 text, in UTC.

    Raises:
        ValueError: when there is none, it has no zone, or its day in UTC is outside of the calendar.
    """
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        msg = "a time without a zone"
        raise ValueError(msg)
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        # At the ends of the calendar, as in 0001-01-01T00:00:00+23:59.
        msg = "a time outside of the calendar"
        raise ValueError(msg) from None
