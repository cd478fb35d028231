"""Tests of what the QCode partner page documents, and of authentication, budgets and routing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

if TYPE_CHECKING:
    from reconciler.sandbox.operator_client import OperatorClient
    from reconciler.sandbox.server import SandboxServer

BODY = {
    "description": "client-a",
    "daily_cost_limit_usd": 5,
    "total_cost_limit_usd": 100,
    "concurrency_limit": 5,
}
# 2026-03-01 12:00:00 UTC, 20:00 in the vendor's zone.
NOON = 1_772_366_400.0


def create(client: httpx.Client, **changes: object) -> dict[str, Any]:
    """Create a key and return `data` of the answer."""
    answer = client.post("/keys", json=BODY | changes)
    assert answer.status_code == 200, answer.text
    return dict(answer.json()["data"])


def test_me_shows_the_account(one: httpx.Client, two: httpx.Client) -> None:
    """Tier, region, currency and status, in the success envelope, per account."""
    first, second = one.get("/me"), two.get("/me")
    assert first.json() == {
        "ok": True,
        "data": {"tier": "B", "region": "cn", "currency": "CNY", "status": "active"},
    }
    assert second.json()["data"]["currency"] == "USD"


def test_create_returns_the_plaintext_once(one: httpx.Client, operator: OperatorClient) -> None:
    """The create answer has id, name, api_key and warnings; no later answer has the secret."""
    data = create(one)
    assert set(data) == {"id", "name", "api_key", "warnings"}
    assert re.fullmatch(r"cr_[0-9a-f]{64}", data["api_key"])
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", data["id"])
    assert data["warnings"] == []
    assert data["name"] != BODY["description"]
    key = f"/keys/{data['id']}"
    later = [
        one.get("/keys"),
        one.get(key),
        one.patch(key, json={"concurrency_limit": 2}),
        one.post(f"{key}/disable"),
        one.post(f"{key}/enable"),
    ]
    assert all(answer.status_code == 200 and data["api_key"] not in answer.text for answer in later)
    assert operator.secrets() == [data["api_key"]]


def test_list_and_detail_show_the_key(one: httpx.Client, operator: OperatorClient) -> None:
    """Limits, state and cost of a key stand in the list and in its detail."""
    data = create(one)
    operator.spend(data["id"], 1.5)
    expected = {
        "id": data["id"],
        "name": data["name"],
        "description": "client-a",
        "is_active": True,
        "daily_cost_limit_usd": 5.0,
        "total_cost_limit_usd": 100.0,
        "concurrency_limit": 5,
        "current_daily_cost_usd": 1.5,
        "total_cost_usd": 1.5,
    }
    listed = one.get("/keys").json()["data"]["keys"]
    assert len(listed) == 1
    assert expected.items() <= listed[0].items()
    assert one.get(f"/keys/{data['id']}").json() == {"ok": True, "data": listed[0]}


def test_patch_changes_what_it_names(one: httpx.Client) -> None:
    """A PATCH of one limit leaves the others."""
    key = f"/keys/{create(one)['id']}"
    assert one.patch(key, json={"daily_cost_limit_usd": 0.1}).json()["data"]["daily_cost_limit_usd"] == 0.1
    shown = one.get(key).json()["data"]
    assert (shown["daily_cost_limit_usd"], shown["total_cost_limit_usd"]) == (0.1, 100.0)


def test_enable_and_disable_toggle(one: httpx.Client) -> None:
    """Both answer with the key as it is now, and repeat without harm."""
    key = f"/keys/{create(one)['id']}"
    states = [
        one.post(f"{key}/{verb}").json()["data"]["is_active"]
        for verb in ("disable", "disable", "enable", "enable")
    ]
    assert states == [False, False, True, True]
    assert one.get(key).json()["data"]["is_active"] is True


def test_balance_is_in_the_settlement_currency(one: httpx.Client, operator: OperatorClient) -> None:
    """Cost in upstream USD is charged at the account's rate."""
    key = operator.create_key("one")["id"]
    operator.change_account("one", funded=100.0, rate=2.0)
    operator.spend(key, 3.0)
    operator.spend(key, 4.0, at=0.0)
    data = one.get("/balance").json()["data"]
    assert data == {"balance": 86.0, "today_used": 6.0, "total_used": 14.0, "currency": "CNY"}


def test_usage_is_a_daily_series(one: httpx.Client, operator: OperatorClient) -> None:
    """Days are the vendor's, and range is 7d or 30d."""
    operator.set_clock(NOON, frozen=True)
    key = operator.create_key("one")["id"]
    operator.spend(key, 2.5)
    operator.spend(key, 1.0, at=NOON - 20.5 * 3600)
    series = one.get("/usage", params={"range": "7d"}).json()["data"]["series"]
    assert [point["date"] for point in series[-2:]] == ["2026-02-28", "2026-03-01"]
    assert [point["cost_usd"] for point in series[-2:]] == [1.0, 2.5]
    assert len(series) == 7
    assert len(one.get("/usage?range=30d").json()["data"]["series"]) == 30
    assert one.get("/usage?range=8d").status_code == 422


@pytest.mark.parametrize("authorization", ["Bearer rsk_wrong", "Bearer cr_x"])
def test_a_bad_token_is_401(one: httpx.Client, authorization: str) -> None:
    """The error has a detail and nothing else."""
    answer = one.get("/me", headers={"Authorization": authorization})
    assert (answer.status_code, set(answer.json())) == (401, {"detail"})


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "rsk_sandbox_one_00000000000000000001", "Basic eA=="]
)
def test_a_missing_bearer_follows_its_switch(
    one: httpx.Client, operator: OperatorClient, authorization: str
) -> None:
    """No bearer is 401, or 403 as older servers have it."""
    assert one.get("/me", headers={"Authorization": authorization}).status_code == 401
    operator.set_switches(missing_bearer=403)
    assert one.get("/me", headers={"Authorization": authorization}).status_code == 403


def test_a_reset_token_dies_at_once(one: httpx.Client, operator: OperatorClient) -> None:
    """After a reset the old token is 401 and the new one serves the same account."""
    new = operator.reset_token("one")
    assert one.get("/me").status_code == 401
    assert one.get("/me", headers={"Authorization": f"Bearer {new}"}).json()["data"]["tier"] == "B"


def test_a_suspended_account_is_403(one: httpx.Client, two: httpx.Client, operator: OperatorClient) -> None:
    """A suspension stops one account and nobody else, until it is lifted."""
    operator.suspend("one")
    assert (one.get("/keys").status_code, two.get("/keys").status_code) == (403, 200)
    operator.unsuspend("one")
    assert one.get("/keys").status_code == 200


def test_foreign_keys_do_not_exist(one: httpx.Client, two: httpx.Client) -> None:
    """Somebody else's id and an invented one are the same 404, for every verb."""
    foreign = create(two)["id"]
    assert one.get("/keys").json()["data"]["keys"] == []
    for key in (f"/keys/{foreign}", "/keys/nobody"):
        answers = [
            one.get(key),
            one.patch(key, json={"daily_cost_limit_usd": 1}),
            one.post(f"{key}/enable"),
            one.post(f"{key}/disable"),
        ]
        assert [(answer.status_code, answer.json()) for answer in answers] == [
            (404, {"detail": "Key not found"})
        ] * 4


def test_unknown_routes_and_verbs_are_refused(one: httpx.Client, operator: OperatorClient) -> None:
    """Unknown paths are 404, undocumented verbs 405; DELETE can be 404 as well."""
    key = f"/keys/{create(one)['id']}"
    assert one.get("/nothing").json() == {"detail": "Not Found"}
    assert one.put(key, json={}).json() == {"detail": "Method Not Allowed"}
    assert one.delete(key).status_code == 405
    operator.set_switches(delete_status=404)
    assert one.delete(key).status_code == 404
    assert one.get(key).status_code == 200
    assert httpx.get(str(one.base_url).replace("reseller/", "elsewhere"), trust_env=False).status_code == 404


def test_a_minute_has_sixty_requests(one: httpx.Client, two: httpx.Client, operator: OperatorClient) -> None:
    """The 61st is 429 with Retry-After in seconds; the other token is not affected."""
    operator.set_clock(NOON, frozen=True)
    assert {one.get("/me").status_code for _ in range(60)} == {200}
    refused = one.get("/me")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")
    assert set(refused.json()) == {"detail"}
    assert two.get("/me").status_code == 200
    operator.advance(60)
    assert one.get("/me").status_code == 200


def test_an_hour_has_five_creates(one: httpx.Client, operator: OperatorClient) -> None:
    """The sixth create waits for the first to be an hour old; reads go on."""
    operator.set_clock(NOON, frozen=True)
    for _ in range(5):
        create(one)
        operator.advance(60)
    refused = one.post("/keys", json=BODY)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3300")
    assert one.get("/keys").status_code == 200
    operator.advance(3300)
    create(one)


def test_a_day_has_a_thousand_requests(one: httpx.Client, operator: OperatorClient) -> None:
    """The day's budget holds when the minute's is far away, and budgets can be set."""
    assert operator.limits()["day"] == {"requests": 1000, "seconds": 86_400}
    operator.set_clock(NOON, frozen=True)
    operator.set_limit("day", 2)
    statuses = [one.get("/me").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    operator.no_limits()
    assert one.get("/me").status_code == 200


def test_fixed_windows_are_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """With aligned windows the wait is until the next full hour, not an hour from the first create."""
    operator.set_clock(NOON + 3000, frozen=True)
    operator.set_switches(limit_window="fixed")
    operator.set_limit("creates", 1)
    create(one)
    assert one.post("/keys", json=BODY).headers["retry-after"] == "600"
    operator.advance(600)
    create(one)


def test_retry_after_can_be_a_date_or_missing(one: httpx.Client, operator: OperatorClient) -> None:
    """A client meets every form that RFC 9110 allows, and the fraction that it does not."""
    operator.set_clock(NOON, frozen=True)
    operator.set_limit("minute", 0)
    operator.set_switches(retry_after="date")
    assert one.get("/me").headers["retry-after"] == "Sun, 01 Mar 2026 12:01:00 GMT"
    operator.set_switches(retry_after="fraction")
    assert one.get("/me").headers["retry-after"] == "59.75"
    operator.set_switches(retry_after="absent")
    assert "retry-after" not in one.get("/me").headers


def test_whether_errors_and_refusals_count_is_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """Counting on: a 422 uses up the create budget, a 429 too; off: neither."""
    operator.set_clock(NOON, frozen=True)
    operator.set_limit("creates", 1)
    operator.set_switches(limit_counts_errors=False)
    assert [one.post("/keys", json={}).status_code for _ in range(3)] == [422] * 3
    operator.set_switches(limit_counts_errors=True, limit_counts_refused=True)
    assert [one.post("/keys", json={}).status_code for _ in range(2)] == [422, 429]
    operator.advance(3599)
    assert one.post("/keys", json={}).status_code == 429
    operator.advance(3599)
    assert one.post("/keys", json={}).status_code == 429


def test_limit_headers_are_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """Some servers announce what is left of the minute, and this one can."""
    assert "x-ratelimit-remaining" not in one.get("/me").headers
    operator.set_switches(limit_headers=True)
    headers = one.get("/me").headers
    assert (headers["x-ratelimit-limit"], headers["x-ratelimit-remaining"]) == ("60", "58")


def test_trailing_slashes_follow_their_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """A slash too many, or one too few, is redirected with 307 or not found."""
    redirect = one.get("/keys/?page=2")
    assert (redirect.status_code, one.get("/keys").status_code) == (307, 200)
    assert redirect.headers["location"] == f"{one.base_url}keys?page=2"
    operator.set_switches(trailing_slash="redirect_to_slash")
    redirect = one.post("/keys", json=BODY)
    assert (redirect.status_code, redirect.headers["location"]) == (307, f"{one.base_url}keys/")
    assert (one.get("/keys/").status_code, operator.keys()) == (200, [])
    operator.set_switches(trailing_slash="not_found")
    assert (one.get("/keys/").status_code, one.get("/keys").status_code) == (404, 200)


def test_date_is_the_sandbox_time(one: httpx.Client, operator: OperatorClient) -> None:
    """Every answer is dated by the sandbox clock, and there is one Date or none."""
    operator.set_clock(NOON, frozen=True)
    for path in ("/me", "/nothing", "/keys/"):
        assert one.get(path).headers.get_list("date") == ["Sun, 01 Mar 2026 12:00:00 GMT"]
    operator.set_switches(date_header=False)
    assert "date" not in one.get("/me").headers


def test_vendor_routes_show_no_server(one: httpx.Client, server: SandboxServer) -> None:
    """Nothing of the server's own name or clock leaks into the vendor's answers."""
    assert "server" not in one.get("/me").headers
    assert server.base_url.startswith("http://127.0.0.1:")
