"""How long a 429 says to wait."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.providers._retry_after import http_date, retry_after

NOW = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("30", 30.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("1" + "0" * 17, 86_400.0),
        ("Fri, 20 Nov 2026 12:02:00 GMT", 120.0),
        ("Friday, 20-Nov-26 12:02:00 GMT", 120.0),
        ("Fri, 20 Nov 2026 13:02:00 +0100", 120.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 1.0),
        ("Fri, 20 Nov 2099 12:00:00 GMT", 86_400.0),
        (None, 60.0),
        ("", 60.0),
        ("-1", 60.0),
        ("1.5", 60.0),
        ("1" * 5000, 60.0),
        ("soon", 60.0),
        ("\u0661\u0662", 60.0),
        ("99 Abc 99999", 60.0),
    ],
)
def test_seconds_dates_and_garbage(value: str | None, seconds: float) -> None:
    """Seconds and dates are honoured within a day, anything else means one minute."""
    assert retry_after(value, now=NOW) == seconds


@given(st.text(max_size=80))
def test_any_header_gives_a_wait_between_a_second_and_a_day(value: str) -> None:
    """No header makes the client spin or wait for ever."""
    assert 1.0 <= retry_after(value, now=NOW) <= 86_400.0


@pytest.mark.parametrize("value", [None, "", "yesterday", "Fri, 99 Nov 2026 12:00:00 GMT", "x" * 100])
def test_an_unreadable_date_is_no_date(value: str | None) -> None:
    """The provider's time is unknown where its header cannot be read."""
    assert http_date(value) is None
