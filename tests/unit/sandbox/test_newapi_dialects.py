"""Tests of the dialects as data, and of one life of a key in each."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.sandbox.newapi_dialects import DIALECTS
from reconciler.sandbox.newapi_messages import MESSAGES
from reconciler.sandbox.newapi_switches import NewApiSwitches

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Family = Callable[[str], httpx.Client]

TOKENS = "/api/token/"


def rows(client: httpx.Client) -> list[dict[str, Any]]:
    """Return the first page of tokens."""
    data = client.get(TOKENS).json()["data"]
    return list(data if isinstance(data, list) else data["items"])


@pytest.mark.parametrize("vendor", DIALECTS)
def test_one_life_of_a_key(family: Family, operator: OperatorClient, vendor: str) -> None:
    """Inert birth, found by difference, revealed, activated, spent, revived, deleted: on every server."""
    client, switches = family(vendor.replace("-", "_")), DIALECTS[vendor].switches
    operator.create_key(vendor.replace("-", "_"), name="older")
    before = {row["id"] for row in rows(client)}
    assert client.post(TOKENS, json={"name": "a", "expired_time": -1, "remain_quota": 0}).json()["success"]
    (born,) = [row for row in rows(client) if row["id"] not in before]
    key = born["key"]
    if "*" in key:
        key = client.post(f"{TOKENS}{born['id']}/key").json()["data"]["key"]
    assert key == operator.secrets()[-1]
    number = str(born["id"])
    assert operator.use(number) != ""
    client.put(TOKENS, json=rows(client)[0] | {"remain_quota": 500_000, "status": 4})
    client.put(f"{TOKENS}?status_only=1", json={"id": born["id"], "status": 1})
    row = operator.spend(number, units=200_000)
    assert (row.extra["remain_quota"], row.extra["used_quota"], row.enabled) == (300_000, 200_000, True)
    shown = client.get(f"{TOKENS}{number}").json()["data"]
    assert shown["remain_quota"] + shown["used_quota"] == 500_000
    assert ("*" in shown["key"]) == (switches.key_form == "masked")
    assert client.delete(f"{TOKENS}{number}").json()["success"] is True
    assert {row["id"] for row in rows(client)} == before


@pytest.mark.parametrize("vendor", DIALECTS)
def test_the_operator_sees_the_dialect_s_defaults(operator: OperatorClient, vendor: str) -> None:
    """Each switch starts at the dialect's value, with where that comes from."""
    assert operator.switches(vendor) == asdict(DIALECTS[vendor].switches)
    infos = operator.call("GET", "switches")[vendor]
    assert all(info["value"] == info["default"] for info in infos)
    bases = {info["name"]: info["basis"] for info in infos}
    hosted = DIALECTS[vendor].documented
    assert set(bases.values()) == ({"source", "assumed"} if hosted is None else {"documented", "assumed"})
    assert vendor not in operator.state()["switches"]


def test_a_dialect_s_switches_are_its_own(operator: OperatorClient) -> None:
    """A change of one is no change of another, and a reset goes back to the dialect's value."""
    operator.set_switches("cometapi", page_size_default=3)
    assert operator.switches("cometapi")["auth_scheme"] == "raw"
    assert operator.switches("hitopen")["page_size_default"] == 10
    assert operator.state()["switches"] == {"cometapi": {"page_size_default": 3}}
    operator.reset_switches("cometapi")
    assert operator.switches("cometapi")["page_size_default"] == 20


def test_documented_names_are_switches() -> None:
    """A misspelt one would make a fact look like a guess."""
    names = set(asdict(NewApiSwitches()))
    assert all((dialect.documented or frozenset()) <= names for dialect in DIALECTS.values())


def test_messages_have_the_same_places_in_both_languages() -> None:
    """Whatever is filled in fits both."""
    assert [
        name for name, (english, chinese) in MESSAGES.items() if english.count("{}") != chinese.count("{}")
    ] == []
