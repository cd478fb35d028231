"""Instants in texts of others: in UTC, or refused."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from reconciler.core.instants import utc_instant


@pytest.mark.parametrize(
    "text", ["2026-11-20T20:00:00+08:00", "2026-11-20T12:00:00Z", "20261120T120000+00:00"]
)
def test_a_time_with_a_zone_is_told_in_utc(text: str) -> None:
    """Whatever its zone and spelling."""
    assert utc_instant(text) == datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert utc_instant(text).tzinfo is UTC


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "2026-11-20T12:00:00", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"],
)
def test_everything_else_is_refused_alike(text: str) -> None:
    """No time, no zone, or a day in UTC that no calendar has: one sort of error."""
    with pytest.raises(ValueError, match=r"."):
        utc_instant(text)
