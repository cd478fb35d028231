"""Tests of the switches that change what a write does and how it is answered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

BODY = {"description": "client-a", "daily_cost_limit_usd": 5, "total_cost_limit_usd": 100}
PATCH = {"daily_cost_limit_usd": 7, "total_cost_limit_usd": 70, "concurrency_limit": 7}


def limits(operator: OperatorClient) -> tuple[object, ...]:
    """Return what the vendor's database holds for the only key."""
    row = operator.keys()[0]
    return row.daily_usd, row.total_usd, row.concurrency


def test_create_status_is_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """200, or 201 as other servers do."""
    operator.set_switches(create_status=201)
    assert one.post("/keys", json=BODY).status_code == 201


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("server_made", "sub-{}"),
        ("equals_description", "client-a"),
        ("contains_description", "sub-{} client-a"),
    ],
)
def test_names_are_made_by_the_server(
    one: httpx.Client, operator: OperatorClient, form: str, expected: str
) -> None:
    """A name says nothing about the description unless the switch says so."""
    operator.set_switches(name_form=form)
    data = one.post("/keys", json=BODY).json()["data"]
    assert data["name"] == expected.format(data["id"][:8])
    assert operator.keys()[0].name == data["name"]


def test_the_plaintext_can_be_masked_or_missing(one: httpx.Client, operator: OperatorClient) -> None:
    """A key is minted either way; its secret is lost."""
    operator.set_switches(create_secret="masked")
    assert one.post("/keys", json=BODY).json()["data"]["api_key"].endswith("****")
    operator.set_switches(create_secret="missing")
    assert "api_key" not in one.post("/keys", json=BODY).json()["data"]
    assert len(operator.secrets()) == 2


def test_warnings_can_be_texts_or_objects(one: httpx.Client, operator: OperatorClient) -> None:
    """The element type of warnings is nobody's promise."""
    operator.set_switches(create_warnings="text")
    assert isinstance(one.post("/keys", json=BODY).json()["data"]["warnings"][0], str)
    operator.set_switches(create_warnings="object")
    assert isinstance(one.post("/keys", json=BODY).json()["data"]["warnings"][0], dict)


def test_keys_can_be_born_disabled(one: httpx.Client, operator: OperatorClient) -> None:
    """A client has to look before it believes that a new key works."""
    operator.set_switches(created_enabled=False)
    one.post("/keys", json=BODY)
    assert operator.keys()[0].enabled is False


def test_quota_errors_are_422(one: httpx.Client, two: httpx.Client, operator: OperatorClient) -> None:
    """A cap on keys and unique descriptions are per account, and refuse without minting."""
    operator.set_switches(key_cap=1)
    statuses = [client.post("/keys", json=BODY).status_code for client in (one, one, two)]
    assert statuses == [200, 422, 200]
    operator.set_switches(key_cap=0, duplicate_description="rejected")
    assert one.post("/keys", json=BODY).status_code == 422
    assert one.post("/keys", json=BODY | {"description": "client-b"}).status_code == 200
    assert len(operator.secrets()) == 3


@pytest.mark.parametrize(
    ("effect", "expected"),
    [("applied", (7, 70, 7)), ("ignored", (5, 100, 5)), ("daily_only", (7, 100, 5)), ("lagged", (5, 100, 5))],
)
def test_a_200_to_patch_is_no_proof(
    one: httpx.Client, operator: OperatorClient, effect: str, expected: tuple[object, ...]
) -> None:
    """Every form answers 200 with the wanted limits; only reading again tells."""
    operator.set_switches(patch_effect=effect)
    key = operator.create_key("one", daily_usd=5, total_usd=100, concurrency=5)["id"]
    answer = one.patch(f"/keys/{key}", json=PATCH)
    assert (answer.status_code, answer.json()["data"]["daily_cost_limit_usd"]) == (200, 7)
    assert limits(operator) == expected


def test_a_lagged_patch_arrives_later(one: httpx.Client, operator: OperatorClient) -> None:
    """After the lag the vendor's own reads show the change."""
    operator.set_clock(1000.0, frozen=True)
    operator.set_switches(patch_effect="lagged", patch_lag_seconds=10)
    key = f"/keys/{operator.create_key('one', daily_usd=5)['id']}"
    one.patch(key, json={"daily_cost_limit_usd": 7})
    operator.advance(9)
    before = one.get(key).json()["data"]["daily_cost_limit_usd"]
    operator.advance(1)
    assert (before, one.get(key).json()["data"]["daily_cost_limit_usd"]) == (5, 7)


def test_writes_can_answer_with_nothing(one: httpx.Client, operator: OperatorClient) -> None:
    """PATCH, enable and disable may answer with an empty object."""
    operator.set_switches(write_answer="empty")
    key = f"/keys/{operator.create_key('one')['id']}"
    answers = [one.patch(key, json={}), one.post(f"{key}/disable"), one.post(f"{key}/enable")]
    assert [answer.json() for answer in answers] == [{"ok": True, "data": {}}] * 3


def test_a_repeated_toggle_can_be_409(one: httpx.Client, operator: OperatorClient) -> None:
    """Only a toggle that changes nothing conflicts."""
    operator.set_switches(toggle_repeat=409)
    key = f"/keys/{operator.create_key('one')['id']}"
    verbs = ("enable", "disable", "disable", "enable")
    assert [one.post(f"{key}/{verb}").status_code for verb in verbs] == [409, 200, 409, 200]


def test_a_toggle_can_be_ignored(one: httpx.Client, operator: OperatorClient) -> None:
    """The answer claims the new state, and reading again shows the old one."""
    operator.set_switches(toggle_effect="ignored")
    key = f"/keys/{operator.create_key('one')['id']}"
    assert one.post(f"{key}/disable").json()["data"]["is_active"] is False
    assert one.get(key).json()["data"]["is_active"] is True


def test_me_can_carry_an_id(one: httpx.Client, two: httpx.Client, operator: OperatorClient) -> None:
    """The id is stable and differs between accounts."""
    operator.set_switches(me_id=True)
    first, again, other = one.get("/me").json(), one.get("/me").json(), two.get("/me").json()
    assert first["data"]["id"] == again["data"]["id"] != other["data"]["id"]


def test_usage_can_leave_out_quiet_days(one: httpx.Client, operator: OperatorClient) -> None:
    """Only days with cost have a point then."""
    operator.set_switches(usage_zero_days="omitted")
    assert one.get("/usage").json()["data"]["series"] == []
    operator.spend(operator.create_key("one")["id"], 2.0)
    assert [point["cost_usd"] for point in one.get("/usage").json()["data"]["series"]] == [2.0]


def test_the_vendor_day_is_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """Cost of 17:00 UTC yesterday is today's at UTC+8 and yesterday's at UTC."""
    noon = 1_772_366_400.0
    operator.set_clock(noon, frozen=True)
    key = operator.create_key("one")["id"]
    operator.spend(key, 1.0, at=noon - 19 * 3600)
    at_eight = one.get(f"/keys/{key}").json()["data"]["current_daily_cost_usd"]
    operator.set_switches(day_offset_hours=0)
    at_zero = one.get(f"/keys/{key}").json()["data"]["current_daily_cost_usd"]
    assert (at_eight, at_zero) == (1.0, 0.0)
