"""How long an answer says to wait."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.transport.retry_after import asked_wait, http_date, retry_after

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
YEAR = 366 * 86_400.0
RESET = str(int(NOW.timestamp()) + 30)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("1" + "0" * 39, YEAR),
        ("Fri, 20 Nov 2026 12:02:00 GMT", 120.0),
        ("Friday, 20-Nov-26 12:02:00 GMT", 120.0),
        ("Fri, 20 Nov 2026 13:02:00 +0100", 120.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Fri, 20 Nov 2099 12:00:00 GMT", YEAR),
        (None, None),
        ("", None),
        ("-1", None),
        ("1.5", 1.5),
        ("1.", None),
        ("1e3", None),
        ("1" * 5000, None),
        ("soon", None),
        ("\u0661\u0662", None),
        ("99 Abc 99999", None),
    ],
)
def test_seconds_dates_and_garbage(value: str | None, seconds: float | None) -> None:
    """Seconds and dates are honoured within a year, anything else says nothing."""
    assert retry_after(value, now=NOW) == seconds


@given(st.text(max_size=80))
def test_no_header_gives_a_wait_that_no_date_can_tell(value: str) -> None:
    """Whoever adds the wait to a date gets a date."""
    seconds = retry_after(value, now=NOW)
    assert seconds is None or NOW + timedelta(seconds=seconds) >= NOW


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {}, 5.0),
        (429, {"retry-after": "7"}, 7.0),
        (429, {"retry-after": "soon"}, 5.0),
        (403, {}, None),
        (403, {"retry-after": "2"}, 2.0),
        (403, {"x-ratelimit-remaining": "1", "x-ratelimit-reset": RESET}, None),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET}, 30.0),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 40}, YEAR),
        (403, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "later"}, None),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": RESET, "retry-after": "7"}, 7.0),
        (503, {"retry-after": "7"}, None),
        (200, {"retry-after": "7"}, None),
    ],
)
def test_only_some_answers_ask_to_wait(status: int, headers: dict[str, str], seconds: float | None) -> None:
    """A 429 does, and a 403 whose headers say that it is about speed and not about a right."""
    assert asked_wait(status, headers, now=NOW, usual=5.0) == seconds


@pytest.mark.parametrize(
    "value",
    [None, "", "yesterday", "Fri, 99 Nov 2026 12:00:00 GMT", "x" * 100, "Fri, 31 Dec 9999 23:59:59 -2359"],
)
def test_an_unreadable_date_is_no_date(value: str | None) -> None:
    """The provider's time is unknown where its header cannot be read."""
    assert http_date(value) is None
