"""Tests of what a relay call does to a token, and of masks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.sandbox.newapi_switches import NewApiSwitches
from reconciler.sandbox.newapi_token import Token, columns_of, masked, spend_of, use

SWITCHES = NewApiSwitches()
TOKEN = Token(name="a", remain_quota=100)


@pytest.mark.parametrize(
    ("token", "status", "reason"),
    [
        (TOKEN, 1, ""),
        (replace(TOKEN, expired_time=1000), 1, ""),
        (replace(TOKEN, expired_time=999), 3, "use_expired"),
        (replace(TOKEN, expired_time=0), 3, "use_expired"),
        (replace(TOKEN, remain_quota=0), 4, "use_exhausted"),
        (replace(TOKEN, remain_quota=-5), 4, "use_exhausted"),
        (replace(TOKEN, remain_quota=-5, unlimited_quota=True), 1, ""),
        (replace(TOKEN, status=2, expired_time=0), 2, "use_disabled"),
        (replace(TOKEN, status=3), 3, "use_expired"),
        (replace(TOKEN, status=4), 4, "use_exhausted"),
        (replace(TOKEN, status=0), 0, "use_disabled"),
    ],
)
def test_a_use_looks_at_status_then_expiry_then_quota(token: Token, status: int, reason: str) -> None:
    """Only -1 never expires, and a repaired token with status 3 or 4 stays dead."""
    seen, refusal = use(token, 1000.0, SWITCHES)
    assert (seen.status, refusal) == (status, reason)


def test_where_redis_is_on_the_status_is_not_written() -> None:
    """The call is refused all the same."""
    switches = replace(SWITCHES, spent_status="not_written")
    for dead in (replace(TOKEN, expired_time=5), replace(TOKEN, remain_quota=0)):
        seen, refusal = use(dead, 1000.0, switches)
        assert seen == dead
        assert refusal


def test_a_charge_moves_both_counters() -> None:
    """Their sum stays, for unlimited tokens too unless the server does not count those."""
    assert spend_of(TOKEN, 30, SWITCHES) == {"remain_quota": -30, "used_quota": 30}
    unlimited = replace(TOKEN, unlimited_quota=True)
    assert spend_of(unlimited, 30, SWITCHES) == {"remain_quota": -30, "used_quota": 30}
    assert spend_of(unlimited, 30, replace(SWITCHES, unlimited_counted=False)) == {}


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("abcdefghijkl", "abcd**********ijkl"),
        ("abcdefgh", "ab****gh"),
        ("abcde", "ab****de"),
        ("abcd", "****"),
        ("", ""),
    ],
)
def test_masks(key: str, shown: str) -> None:
    """Four characters at each end, fewer of short keys."""
    assert masked(key) == shown


def test_the_neutral_columns_follow_the_token() -> None:
    """The operator sees limits and state as for any other vendor."""
    token = replace(TOKEN, remain_quota=250_000, used_quota=750_000, status=2)
    columns = columns_of(token, SWITCHES)
    assert (columns["name"], columns["enabled"], columns["total_usd"]) == ("a", False, 2.0)
    assert columns_of(replace(token, unlimited_quota=True), SWITCHES)["total_usd"] is None
