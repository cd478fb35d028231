"""Tests of the request budgets of the New API family, and of lagging counters."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]

TOKENS = "/api/token/"


def test_a_429_is_empty(new_api: httpx.Client, operator: OperatorClient) -> None:
    """No body, no content type, and nobody says when to come back."""
    operator.set_limit("global", 1, vendor="new-api")
    new_api.get(TOKENS)
    answer = new_api.post(TOKENS, json={"name": "a"})
    assert (answer.status_code, answer.content) == (429, b"")
    assert answer.headers.keys().isdisjoint({"content-type", "retry-after"})
    assert operator.keys() == []


def test_the_newest_server_says_when_to_come_back(family: Family, operator: OperatorClient) -> None:
    """In seconds, with an empty body still."""
    operator.set_clock(1000.0, frozen=True)
    operator.set_limit("global", 1, vendor="new-api-rc")
    client = family("new_api_rc")
    client.get(TOKENS)
    operator.advance(30)
    answer = client.get(TOKENS)
    assert (answer.status_code, answer.content, answer.headers["retry-after"]) == (429, b"", "150")
    operator.advance(150)
    assert client.get(TOKENS).status_code == 200
    operator.set_switches("new-api-rc", retry_after="absent")
    assert "retry-after" not in client.get(TOKENS).headers


def test_the_global_budget_belongs_to_the_client(family: Family, operator: OperatorClient) -> None:
    """Users of one address share it, refused and unauthenticated calls too; servers do not."""
    operator.set_limit("global", 3, vendor="new-api")
    one, two = family("new_api"), family("new_api_two")
    statuses = [
        one.get(TOKENS, headers={"Authorization": ""}).status_code,
        one.get("/api/status").status_code,
        two.get(TOKENS).status_code,
        two.get(TOKENS).status_code,
        family("hitopen").get(TOKENS).status_code,
    ]
    assert statuses == [401, 200, 200, 429, 200]


def test_reveals_share_the_critical_budget(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Twenty in twenty minutes, with the key's own questions; a batch is one."""
    operator.set_clock(1000.0, frozen=True)
    made = operator.create_keys({"account": "new_api"} for _ in range(30))
    key = made[0]
    reveals = [new_api.post(f"{TOKENS}{key['id']}/key").status_code for _ in range(18)]
    ids = [int(each["id"]) for each in made]
    batch = new_api.post(f"{TOKENS}batch/keys", json={"ids": ids})
    assert len(batch.json()["data"]["keys"]) == 30
    usage = new_api.get("/api/usage/token/", headers={"Authorization": f"Bearer {key['api_key']}"})
    assert (reveals, usage.status_code) == ([200] * 18, 200)
    assert new_api.post(f"{TOKENS}{key['id']}/key").status_code == 429
    assert new_api.get(TOKENS).status_code == 200
    operator.advance(20 * 60)
    assert new_api.post(f"{TOKENS}{key['id']}/key").status_code == 200


def test_searches_have_a_budget_of_the_user(family: Family, operator: OperatorClient) -> None:
    """Ten a minute each; older servers count none."""
    search = f"{TOKENS}search?keyword=a"
    one = family("new_api")
    assert [one.get(search).status_code for _ in range(11)] == [200] * 10 + [429]
    assert family("new_api_two").get(search).status_code == 200
    old = family("new_api_old")
    assert [old.get(search).status_code for _ in range(11)] == [200] * 11
    assert operator.limits("new-api-old")["search"]["requests"] is None


def test_the_budgets_are_the_dialect_s(operator: OperatorClient) -> None:
    """As upstream has them by default."""
    allowed = {
        vendor: operator.limits(vendor)["global"]["requests"]
        for vendor in ("new-api", "new-api-rc", "new-api-old", "one-api")
    }
    assert allowed == {"new-api": 180, "new-api-rc": 360, "new-api-old": 180, "one-api": 480}


def test_counters_can_lag(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Spend arrives later, both counters at once, and onto what a PUT wrote meanwhile."""
    operator.set_clock(1000.0, frozen=True)
    operator.set_switches("new-api", quota_lag_seconds=5)
    key = operator.create_key("new_api", name="a", remain_units=100)["id"]
    operator.spend(key, units=30)

    def counters() -> tuple[int, int]:
        data = new_api.get(f"{TOKENS}{key}").json()["data"]
        return data["remain_quota"], data["used_quota"]

    assert counters() == (100, 0)
    new_api.put(TOKENS, json={"id": int(key), "name": "a", "expired_time": -1, "remain_quota": 500})
    operator.advance(5)
    assert counters() == (470, 30)


def test_faults_and_the_log_know_the_family(new_api: httpx.Client, operator: OperatorClient) -> None:
    """Rules match the path with its prefix and the account, and the log names both."""
    operator.add_fault("status", status=502, kind="html", path="^/new-api/api/token/", account="new_api")
    assert [new_api.get(TOKENS).status_code for _ in range(2)] == [502, 200]
    logged = operator.requests()[0]
    assert (logged.account, logged.path, logged.fault) == ("new_api", f"/new-api{TOKENS}", "status")
    assert (logged.status, logged.outcome) == (502, None)
