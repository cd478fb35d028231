"""Tests of the routes around tokens: the server, the user, and a key asking about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]

NOW = 1_772_366_400
USAGE = "/api/usage/token/"


def ask(client: httpx.Client, key: str, path: str = USAGE) -> httpx.Response:
    """Let a key ask about itself."""
    return client.get(path, headers={"Authorization": f"Bearer {key}"})


@pytest.mark.parametrize(
    ("label", "has_setup", "has_display"),
    [("new_api", True, True), ("new_api_old", True, False), ("one_api", False, False)],
)
def test_the_server_tells_what_it_is(
    family: Family, label: str, *, has_setup: bool, has_display: bool
) -> None:
    """Without credentials; quota units of a USD are there, other fields tell the families apart."""
    data = family(label).get("/api/status", headers={"Authorization": ""}).json()["data"]
    assert data["quota_per_unit"] == 500_000
    assert ("setup" in data, "quota_display_type" in data) == (has_setup, has_display)


def test_what_the_server_tells_is_a_switch(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Unit, version and family."""
    operator.set_switches("new-api", quota_per_unit=1000, system="one-api", version="v9")
    data = new_api.get("/api/status").json()["data"]
    assert (data["quota_per_unit"], data["version"], "setup" in data) == (1000, "v9", False)
    key = operator.create_key("new_api", remain_units=5000)["id"]
    assert operator.spend(key, usd=1.5).extra["remain_quota"] == 3500
    assert operator.key(key).total_usd == 5.0


def test_the_user_has_an_id_and_a_wallet(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Spend of every token comes out of the wallet."""
    operator.change_account("new_api", funded=10.0, role="root", user_group="vip")
    for _ in range(2):
        operator.spend(operator.create_key("new_api")["id"], units=500_000)
    data = new_api.get("/api/user/self").json()["data"]
    assert (data["id"], data["group"], data["role"]) == (101, "vip", 100)
    assert (data["quota"], data["used_quota"], data["request_count"]) == (4_000_000, 1_000_000, 2)


def test_groups_and_models_can_be_looked_up(family: Family, operator: OperatorClient) -> None:
    """A map and a list; auto is a group of the newest server only, the ancestor has neither route."""
    groups = family("new_api").get("/api/user/self/groups").json()["data"]
    assert groups["vip"] == {"ratio": 1.5, "desc": "vip分组"}
    assert "auto" not in groups
    assert "auto" in family("new_api_rc").get("/api/user/self/groups").json()["data"]
    assert family("new_api_rc").get("/api/token/auto-groups").json()["data"] == {
        "groups": ["default", "vip", "svip"],
        "max_count": 5,
    }
    assert "gpt-4o" in family("new_api").get("/api/user/models").json()["data"]
    assert family("one_api").get("/api/user/models").status_code == 404
    operator.set_switches("one-api", user_lookups=True)
    assert family("one_api").get("/api/user/models").status_code == 200


def test_a_get_replaces_the_access_token(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Never a probe: the old token is dead at once."""
    new = new_api.get("/api/user/token").json()["data"]
    assert new_api.get("/api/token/").json()["success"] is False
    assert new_api.get("/api/token/", headers={"Authorization": new}).json()["success"] is True
    assert new in {account["token"] for account in operator.accounts()}


def test_a_key_asks_about_itself(new_api: httpx.Client, operator: OperatorClient) -> None:
    """With or without `sk-`; granted is what is left plus what was used, and 0 is never."""
    made = operator.create_key("new_api", name="a", remain_units=100_000, models=["gpt-4.1"])
    operator.spend(made["id"], units=40_000)
    expected = {
        "object": "token_usage",
        "name": "a",
        "total_granted": 100_000,
        "total_used": 40_000,
        "total_available": 60_000,
        "unlimited_quota": False,
        "model_limits": {"gpt-4.1": True},
        "model_limits_enabled": True,
        "expires_at": 0,
    }
    for key in (made["api_key"], operator.secrets()[0]):
        assert ask(new_api, key).json() == {"code": True, "message": "ok", "data": expected}
    operator.change_key(made["id"], expires_at=NOW)
    assert ask(new_api, made["api_key"]).json()["data"]["expires_at"] == NOW


@pytest.mark.parametrize("authorization", ["", "sk-x", "Basic x", "Bearer", "Bearer sk-unknown"])
def test_asking_needs_a_known_key(new_api: httpx.Client, authorization: str) -> None:
    """Bearer is mandatory here; nothing, another scheme and an unknown key are 401."""
    answer = new_api.get(USAGE, headers={"Authorization": authorization})
    assert (answer.status_code, answer.json()["success"]) == (401, False)


def test_a_key_of_another_server_is_unknown(family: Family, operator: OperatorClient) -> None:
    """Each dialect has its own keys."""
    key = operator.create_key("new_api")["api_key"]
    assert ask(family("new_api_rc"), key).status_code == 401


def test_dead_keys_may_ask_on_newer_servers(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Expired and spent ones are answered, a disabled one is 401, one of a banned user 403."""
    made = operator.create_key("new_api", remain_units=1)
    for change in ({"expires_at": 5}, {"status": 3}, {"remain_units": 0, "status": 4}):
        operator.change_key(made["id"], **change)
        assert ask(new_api, made["api_key"]).status_code == 200
    assert operator.key(made["id"]).extra["status"] == 4
    operator.suspend("new_api")
    assert ask(new_api, made["api_key"]).status_code == 403
    operator.unsuspend("new_api")
    operator.change_key(made["id"], enabled=False)
    assert ask(new_api, made["api_key"]).json() == {"success": False, "message": "Token is not available"}
    operator.delete_key(made["id"])
    assert ask(new_api, made["api_key"]).status_code == 401


def test_asking_is_a_use_on_older_servers(family: Family, operator: OperatorClient) -> None:
    """A dead key is 401 with another error body, and its status is written."""
    made = operator.create_key("new_api_old", expires_at=5)
    answer = ask(family("new_api_old"), made["api_key"])
    assert (answer.status_code, answer.json()["error"]["message"]) == (401, "该令牌已过期")
    assert operator.key(made["id"]).extra["status"] == 3
    operator.set_switches("new-api-old", usage_auth="reads")
    assert ask(family("new_api_old"), made["api_key"]).status_code == 200


def test_the_path_differs_by_dialect(family: Family, operator: OperatorClient) -> None:
    """CometAPI has it without the slash, the ancestor not at all."""
    key = operator.create_key("cometapi")["api_key"]
    assert ask(family("cometapi"), key, "/api/usage/token").status_code == 200
    redirect = ask(family("cometapi"), key)
    assert (redirect.status_code, redirect.headers["location"]) == (301, "/cometapi/api/usage/token")
    assert ask(family("one_api"), key).status_code == 404
    operator.set_switches("cometapi", usage_route="slash")
    assert ask(family("cometapi"), key).status_code == 200
