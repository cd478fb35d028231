"""Tests of the QCode read-only API: what its page documents, and every switch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.sandbox.operator_client import OperatorError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sandbox.operator_client import OperatorClient
    from reconciler.sandbox.server import SandboxServer

VENDOR = "qcode-readonly"
# 2026-03-02 17:00 UTC is 01:00 of the next day in the vendor's zone.
LATE = 1_772_470_800.0


@pytest.fixture
def reader(server: SandboxServer, operator: OperatorClient) -> Iterator[httpx.Client]:
    """Speak to the read-only API of account one; nothing is cached unless a test wants it."""
    operator.set_switches(VENDOR, cache_seconds=0)
    headers = {"Authorization": f"Bearer {server.tokens['one_readonly']}"}
    with httpx.Client(
        base_url=f"{server.base_url}/api/v1/openapi",
        headers=headers,
        trust_env=False,
        verify=False,  # noqa: S501
    ) as client:
        yield client


def keys(reader: httpx.Client) -> list[dict[str, Any]]:
    """Return the rows of the list."""
    answer = reader.get("/keys")
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"]["keys"])


def test_keys_show_expiry_and_usage(reader: httpx.Client, operator: OperatorClient) -> None:
    """The fields of the page's example, days and months in the vendor's zone, and no id."""
    operator.set_clock(LATE, frozen=True)
    key = operator.create_key("one", name="Pro", expires_at=1_787_405_700.0, monthly_usd=13_000.0)["id"]
    operator.spend(key, 40.0)
    operator.spend(key, 2.04)
    operator.spend(key, 10.0, at=LATE - 2 * 3600)
    operator.spend(key, 5.0, at=LATE - 40 * 86_400)
    assert reader.get("/keys").json() == {
        "ok": True,
        "data": {
            "keys": [
                {
                    "name": "Pro",
                    "is_active": True,
                    "expires_at_display": "2026/08/22 21:35",
                    "current_daily_cost": 42.04,
                    "current_requests": 2,
                    "monthly_cost_used": 52.04,
                    "monthly_cost_limit": 13000.0,
                }
            ],
            "active_api_keys": 1,
        },
    }


def test_only_active_keys_of_its_owner_are_listed(reader: httpx.Client, operator: OperatorClient) -> None:
    """Disabled and expired ones are absent, which is no deletion; other accounts' never show."""
    operator.set_clock(LATE, frozen=True)
    operator.create_key("one", name="live", expires_at=LATE + 1)
    operator.create_key("one", name="expired", expires_at=LATE)
    disabled = operator.create_key("one", name="disabled", enabled=False)["id"]
    operator.create_key("two", name="foreign")
    assert [row["name"] for row in keys(reader)] == ["live"]
    operator.change_key(disabled, enabled=True, expires_at=LATE + 5)
    assert [row["name"] for row in keys(reader)] == ["live", "disabled"]


def test_keys_made_over_the_partner_api_show_up(reader: httpx.Client, one: httpx.Client) -> None:
    """Both APIs look at the same keys, joined by name only."""
    name = one.post("/keys", json={"daily_cost_limit_usd": 1, "total_cost_limit_usd": 1}).json()["data"][
        "name"
    ]
    assert [row["name"] for row in keys(reader)] == [name]


def test_the_account_has_a_summary(reader: httpx.Client, operator: OperatorClient) -> None:
    """Number of active keys and today's cost; the field names are a guess."""
    operator.spend(operator.create_key("one")["id"], 2.5)
    operator.create_key("one", enabled=False)
    assert reader.get("/me").json()["data"] == {"active_api_keys": 1, "current_daily_cost": 2.5}
    operator.set_switches(VENDOR, me_names="short")
    assert reader.get("/me").json()["data"] == {"active_keys": 1, "today_cost": 2.5}


def test_the_api_describes_itself(reader: httpx.Client) -> None:
    """A liveness check, with the token as everywhere."""
    root = str(reader.base_url).rstrip("/")
    paths = [route["path"] for route in reader.get(root).json()["data"]["endpoints"]]
    assert paths == ["/api/v1/openapi", "/api/v1/openapi/keys", "/api/v1/openapi/me"]
    assert reader.get(root, headers={"Authorization": ""}).status_code == 401


def test_a_slash_too_many_is_a_switch(reader: httpx.Client, operator: OperatorClient) -> None:
    """Redirected to the path without it, or not found."""
    answer = reader.get("/keys/?x=1")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{reader.base_url}keys?x=1")
    operator.set_switches(VENDOR, trailing_slash="not_found")
    assert reader.get("/keys/").status_code == 404


def test_answers_are_cached_for_a_few_seconds(reader: httpx.Client, operator: OperatorClient) -> None:
    """What happened a moment ago is not seen yet."""
    operator.set_clock(LATE, frozen=True)
    operator.set_switches(VENDOR, cache_seconds=5)
    assert keys(reader) == []
    operator.create_key("one")
    operator.advance(4)
    assert keys(reader) == []
    operator.advance(1)
    assert len(keys(reader)) == 1
    assert operator.limits(VENDOR)["minute"] == {"requests": 60, "seconds": 60}


def test_the_default_cache_is_forgotten_with_a_reset(reader: httpx.Client, operator: OperatorClient) -> None:
    """A fresh start shows nothing old."""
    operator.reset_switches(VENDOR)
    operator.create_key("one")
    assert len(keys(reader)) == 1
    operator.reset()
    assert keys(reader) == []


@pytest.mark.parametrize("path", ["", "/keys", "/me"])
def test_only_its_own_token_and_get_work(
    reader: httpx.Client, operator: OperatorClient, server: SandboxServer, path: str
) -> None:
    """A partner token is 401 here and this one is 401 there; writes are 405; a suspended account is 403."""
    partner = {"Authorization": f"Bearer {server.tokens['one']}"}
    path = f"{server.base_url}/api/v1/openapi{path}"
    assert reader.get(path, headers=partner).status_code == 401
    there = httpx.get(f"{server.base_url}/api/v1/reseller/me", headers=dict(reader.headers), trust_env=False)
    assert there.status_code == 401
    assert reader.post(path).status_code == 405
    assert reader.get(f"{path}/nothing").json() == {"detail": "Not Found"}
    operator.suspend("one_readonly")
    assert reader.get(path).status_code == 403
    new = operator.reset_token("one_readonly")
    operator.unsuspend("one_readonly")
    assert new.startswith("qot_")
    assert reader.get(path).status_code == 401


def test_a_missing_bearer_is_a_switch(reader: httpx.Client, operator: OperatorClient) -> None:
    """401, or 403 as older frameworks have it."""
    operator.set_switches(VENDOR, missing_bearer=403)
    assert reader.get("/me", headers={"Authorization": ""}).status_code == 403


def test_calls_are_limited(reader: httpx.Client, operator: OperatorClient) -> None:
    """By minute and by day; saying when to come back is a switch."""
    operator.set_clock(LATE, frozen=True)
    operator.set_limit("minute", 1, vendor=VENDOR)
    reader.get("/me")
    assert (reader.get("/me").status_code, reader.get("/me").headers["retry-after"]) == (429, "60")
    operator.set_switches(VENDOR, retry_after="absent")
    assert "retry-after" not in reader.get("/me").headers


@pytest.mark.parametrize(
    ("form", "expected"), [("null", [None]), ("empty", [""]), ("never", ["never"]), ("absent", [])]
)
def test_no_expiry_has_many_forms(
    reader: httpx.Client, operator: OperatorClient, form: str, expected: list[object]
) -> None:
    """Null, an empty text, a word, or nothing at all."""
    operator.set_switches(VENDOR, no_expiry=form)
    operator.create_key("one")
    row = keys(reader)[0]
    assert [row[name] for name in row if name == "expires_at_display"] == expected


def test_the_zone_is_a_switch(reader: httpx.Client, operator: OperatorClient) -> None:
    """The text names none; a machine field may stand beside it."""
    operator.set_clock(LATE, frozen=True)
    operator.create_key("one", expires_at=LATE + 90 * 86_400)
    assert keys(reader)[0]["expires_at_display"] == "2026/06/01 01:00"
    operator.set_switches(VENDOR, day_offset_hours=0, expires_at_field=True)
    row = keys(reader)[0]
    assert (row["expires_at_display"], row["expires_at"]) == ("2026/05/31 17:00", "2026-05-31T17:00:00Z")
    operator.change_key(operator.keys("one")[0].id, expires_at=None)
    assert keys(reader)[0]["expires_at"] is None


def test_fields_and_numbers_are_switches(reader: httpx.Client, operator: OperatorClient) -> None:
    """An id, the utilisation that the prose promises, money as text, no monthly limit as zero."""
    key = operator.create_key("one", monthly_usd=200.0)["id"]
    operator.spend(key, 50.0)
    operator.set_switches(VENDOR, id_field=True, utilization_field=True, numbers="string")
    row = keys(reader)[0]
    assert (row["id"], row["monthly_utilization"], row["monthly_cost_used"]) == (key, 25.0, "50.00")
    operator.change_key(key, monthly_usd=None)
    assert keys(reader)[0]["monthly_cost_limit"] is None
    operator.set_switches(VENDOR, no_monthly_limit="zero", numbers="number")
    assert (keys(reader)[0]["monthly_cost_limit"], keys(reader)[0]["monthly_utilization"]) == (0.0, 0.0)


def test_sub_keys_may_not_appear_at_all(reader: httpx.Client, operator: OperatorClient) -> None:
    """Nobody promises that a partner's sub keys are the account's keys."""
    operator.create_key("one")
    operator.set_switches(VENDOR, sub_keys="hidden")
    assert reader.get("/keys").json()["data"] == {"keys": [], "active_api_keys": 0}


def test_nothing_can_be_made_on_it(operator: OperatorClient) -> None:
    """The operator is told where the keys are."""
    with pytest.raises(OperatorError, match="account one_readonly only reads; use account one"):
        operator.create_key("one_readonly")
