"""Tests of the operator's side of the New API family."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.operator_client import OperatorError

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]

NOW = 1_772_366_400


def test_the_panel_makes_tokens(new_api: httpx.Client, operator: OperatorClient) -> None:
    """With every field; users see the key after `sk-`, and it is searched for without."""
    made = operator.create_key(
        "new_api",
        name="mine",
        remain_units=70,
        used_units=30,
        expires_at=NOW,
        models=["gpt-4o", "gpt-4.1"],
        ips=["10.0.0.1", "10.0.0.2"],
        group="vip",
        cross_group_retry=True,
        status=2,
    )
    shown = new_api.get(f"/api/token/{made['id']}").json()["data"]
    assert (
        shown.items()
        >= {
            "name": "mine",
            "remain_quota": 70,
            "used_quota": 30,
            "unlimited_quota": False,
            "expired_time": NOW,
            "model_limits_enabled": True,
            "model_limits": "gpt-4o,gpt-4.1",
            "allow_ips": "10.0.0.1\n10.0.0.2",
            "group": "vip",
            "cross_group_retry": True,
            "status": 2,
        }.items()
    )
    assert made["api_key"] == f"sk-{operator.secrets()[0]}"


def test_a_token_without_quota_is_unlimited(operator: OperatorClient) -> None:
    """As the web form proposes; a total in USD works as for other vendors."""
    extra = operator.key(operator.create_key("new_api")["id"]).extra
    assert (extra["unlimited_quota"], extra["expired_time"], extra["model_limits_enabled"]) == (
        True,
        -1,
        False,
    )
    row = operator.key(operator.create_key("new_api", total_usd=2)["id"])
    assert (row.extra["unlimited_quota"], row.extra["remain_quota"], row.total_usd) == (False, 1_000_000, 2.0)


def test_the_panel_changes_tokens(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Only the given fields; a null lifts a restriction, a total leaves the spend alone."""
    made = operator.create_key("new_api", name="a", remain_units=600_000, models=["gpt-4o"], ips=["10.0.0.1"])
    operator.spend(made["id"], usd=0.2)
    operator.change_key(made["id"], models=None, ips=None, enabled=False, name="b")
    shown = new_api.get(f"/api/token/{made['id']}").json()["data"]
    assert (shown["model_limits_enabled"], shown["allow_ips"], shown["status"]) == (False, None, 2)
    assert (shown["name"], shown["remain_quota"]) == ("b", 500_000)
    row = operator.change_key(made["id"], total_usd=1, enabled=True, expires_at=None)
    assert (row.extra["remain_quota"], row.extra["used_quota"], row.enabled) == (400_000, 100_000, True)
    row = operator.change_key(made["id"], total_usd=None)
    assert (row.total_usd, row.extra["unlimited_quota"]) == (None, True)


def test_the_ancestor_joins_addresses_with_commas(family: Family, operator: OperatorClient) -> None:
    """Each dialect has its own separator."""
    made = operator.create_key("one_api", ips=["10.0.0.0/8", "192.0.2.1"], models=["a", "b"])
    shown = family("one_api").get(f"/api/token/{made['id']}").json()["data"]
    assert (shown["subnet"], shown["models"]) == ("10.0.0.0/8,192.0.2.1", "a,b")


def test_spend_keeps_the_sum(operator: OperatorClient) -> None:
    """In units or USD, and the last call may overshoot."""
    key = operator.create_key("new_api", remain_units=500_000)["id"]
    row = operator.spend(key, units=200_000)
    assert (row.extra["remain_quota"], row.extra["used_quota"], row.spent_usd) == (300_000, 200_000, 0.4)
    row = operator.spend(key, usd=1)
    assert (row.extra["remain_quota"], row.extra["used_quota"], row.total_usd) == (-200_000, 700_000, 1.0)
    assert row.spent_today_usd == 1.4


def test_a_dead_token_spends_nothing(operator: OperatorClient) -> None:
    """The call is refused with a reason, and status 3 or 4 is written by it."""
    spent = operator.create_key("new_api", remain_units=1)["id"]
    operator.spend(spent, units=1)
    assert operator.key(spent).extra["status"] == 1
    with pytest.raises(OperatorError, match=r"409 .*quota is exhausted"):
        operator.spend(spent, units=1)
    row = operator.key(spent)
    assert (row.extra["status"], row.extra["used_quota"], row.enabled) == (4, 1, False)
    expired = operator.create_key("new_api", expires_at=5)["id"]
    assert operator.use(expired) == "Token has expired"
    assert operator.key(expired).extra["status"] == 3
    disabled = operator.create_key("new_api", enabled=False)["id"]
    assert operator.use(disabled) == "Token is not available"
    assert operator.key(disabled).extra["status"] == 2


def test_the_state_may_stay_unwritten(operator: OperatorClient) -> None:
    """Where Redis is on, an expired token shows 1 for ever."""
    operator.set_switches("new-api", spent_status="not_written")
    key = operator.create_key("new_api", expires_at=5)["id"]
    assert operator.use(key) == "Token has expired"
    assert operator.key(key).extra["status"] == 1


def test_unlimited_tokens_are_counted_by_newer_servers(operator: OperatorClient) -> None:
    """Remain goes below zero there; the ancestor counts nothing."""
    for account, expected in (("new_api", (-7, 7)), ("one_api", (0, 0))):
        extra = operator.spend(operator.create_key(account)["id"], units=7).extra
        assert (extra["remain_quota"], extra["used_quota"]) == expected
    operator.set_switches("one-api", unlimited_counted=True)
    extra = operator.spend(operator.create_key("one_api")["id"], units=7).extra
    assert (extra["remain_quota"], extra["used_quota"]) == (-7, 7)


def test_the_wallet_is_a_limit_of_its_own(operator: OperatorClient) -> None:
    """An unlimited token of a user without money serves nobody."""
    key = operator.create_key("new_api")["id"]
    operator.change_account("new_api", funded=1.0)
    operator.spend(key, usd=1.0)
    assert operator.use(key) == "User quota is not enough"


def test_fields_of_other_vendors_are_refused(operator: OperatorClient) -> None:
    """The message names the fields that there are."""
    with pytest.raises(OperatorError, match=r"no concurrency, daily_usd; use account, .*remain_units"):
        operator.create_key("new_api", daily_usd=5, concurrency=1)
    with pytest.raises(OperatorError, match="a QCode key has no models"):
        operator.create_key("one", models=["gpt-4o"])
    with pytest.raises(OperatorError, match="counts USD"):
        operator.spend(operator.create_key("one")["id"], units=5)
    assert [row.account for row in operator.keys("")] == ["one"]


def test_deleting_by_hand_hides_the_row(operator: OperatorClient) -> None:
    """As the API does; spend and secret stay on record."""
    made = operator.create_key("new_api")
    operator.delete_key(made["id"])
    assert operator.keys("new_api") == []
    hidden = operator.keys("new_api", deleted=True)[0]
    assert hidden.deleted_at is not None
    assert len(operator.secrets()) == 1
