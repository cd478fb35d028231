"""Tests of the operator's control routes, through the client that ships with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from reconciler.sandbox import operator as operator_module
from reconciler.sandbox.accounts import DEFAULT_ACCOUNTS
from reconciler.sandbox.operator_client import OperatorClient, OperatorError

if TYPE_CHECKING:
    from reconciler.sandbox.server import SandboxServer


def test_state_shows_everything_at_a_glance(operator: OperatorClient) -> None:
    """Only switches that were changed appear, and all accounts do."""
    operator.create_key("two", name="by hand")
    operator.set_switches(create_status=201)
    operator.add_fault("nan")
    state = operator.state()
    assert [account["label"] for account in state["accounts"]] == [item.label for item in DEFAULT_ACCOUNTS]
    assert [key["name"] for key in state["keys"]] == ["by hand"]
    assert state["switches"] == {"qcode-partner": {"create_status": 201}}
    assert state["limits"]["qcode-partner"]["creates"] == {"requests": 5, "seconds": 3600}
    assert [rule["fault"]["action"] for rule in state["faults"]] == ["nan"]
    assert (state["holds"], state["clock"]["frozen"]) == ([], False)


def test_the_panel_makes_changes_and_deletes_keys(operator: OperatorClient, one: httpx.Client) -> None:
    """What is done by hand is what the vendor's API then shows."""
    made = operator.create_key("one", name="mine", description="d", daily_usd=5, concurrency=2)
    assert made["api_key"].startswith("cr_")
    changed = operator.change_key(made["id"], daily_usd=9, total_usd=None, name="yours", enabled=False)
    assert (changed.daily_usd, changed.name, changed.enabled, changed.concurrency) == (9, "yours", False, 2)
    shown = one.get(f"/keys/{made['id']}").json()["data"]
    assert (shown["daily_cost_limit_usd"], shown["name"], shown["is_active"]) == (9.0, "yours", False)
    operator.delete_key(made["id"])
    assert one.get(f"/keys/{made['id']}").status_code == 404
    assert operator.secrets() == [made["api_key"]]


def test_many_keys_are_made_in_one_call(operator: OperatorClient) -> None:
    """A large account is there at once, or not at all."""
    made = operator.create_keys({"account": "two", "name": f"k{number}"} for number in range(300))
    assert len({key["id"] for key in made}) == 300
    with pytest.raises(OperatorError, match="400"):
        operator.create_keys([{"account": "two"}, {"account": "two", "daily_usd": "5"}])
    assert [row.name for row in operator.keys("two")] == [f"k{number}" for number in range(300)]
    assert operator.keys("one") == []


def test_spend_is_booked(operator: OperatorClient) -> None:
    """Cost of another day counts in the total only."""
    key = operator.create_key("one")["id"]
    operator.spend(key, 1.0, at=0.0)
    row = operator.spend(key, 2.5)
    assert (row.spent_today_usd, row.spent_usd) == (2.5, 3.5)
    assert operator.key(key) == row


def test_accounts_can_be_changed(operator: OperatorClient, one: httpx.Client) -> None:
    """Tier, currency and status are what `/me` shows next."""
    operator.change_account("one", tier="A", currency="EUR")
    assert one.get("/me").json()["data"] == {
        "tier": "A",
        "region": "cn",
        "currency": "EUR",
        "status": "active",
    }
    operator.change_account("one", status="pending")
    assert one.get("/me").status_code == 403
    assert {account["status"] for account in operator.accounts()} == {"pending", "active"}
    assert operator.reset_token("one", "rsk_chosen") == "rsk_chosen"


def test_switches_are_listed_with_their_sentences(operator: OperatorClient) -> None:
    """Every switch has a value, a default, the allowed values, a basis and one sentence."""
    infos = operator.call("GET", "switches")["qcode-partner"]
    assert all(info["value"] == info["default"] for info in infos)
    assert all(info["doc"].endswith(".") and info["allowed"] for info in infos)
    assert {info["basis"] for info in infos} == {"documented", "assumed"}
    operator.set_switches(list_shape="bare")
    assert operator.switches()["list_shape"] == "bare"
    operator.reset_switches()
    assert operator.switches()["list_shape"] == "keys"


def test_limits_can_be_set_by_field(operator: OperatorClient) -> None:
    """One budget changes, the others stay."""
    operator.set_limit("creates", 7, seconds=60)
    assert operator.limits() == {
        "minute": {"requests": 60, "seconds": 60},
        "day": {"requests": 1000, "seconds": 86_400},
        "creates": {"requests": 7, "seconds": 60},
    }
    operator.no_limits()
    assert {budget["requests"] for budget in operator.limits().values()} == {None}


def test_time_can_be_set_and_moved(operator: OperatorClient) -> None:
    """Frozen time is exact; running again goes on from there."""
    operator.set_clock(1000.0, frozen=True)
    operator.advance(0.5)
    assert operator.now() == 1000.5
    operator.set_clock(frozen=False)
    assert 1000.5 <= operator.now() < 1060


def test_faults_and_the_log_can_be_cleared(operator: OperatorClient, one: httpx.Client) -> None:
    """Clearing leaves the rest of the state alone, and request numbers go on."""
    number = operator.add_fault("nan", times=None)
    operator.add_fault("html", times=None, nth=2)
    one.get("/me")
    assert [rule["fired"] for rule in operator.faults()] == [1, 0]
    operator.call("DELETE", f"faults/{number}")
    assert [rule["fault"]["action"] for rule in operator.faults()] == ["html"]
    operator.clear_faults()
    operator.clear_requests()
    one.get("/me")
    assert [logged.number for logged in operator.requests()] == [2]


def test_reset_forgets_everything(operator: OperatorClient, one: httpx.Client) -> None:
    """Tokens are the seeded ones again."""
    operator.create_key("one")
    operator.reset_token("one")
    operator.set_limit("minute", 0)
    operator.reset()
    assert one.get("/keys").json()["data"]["keys"] == []
    assert operator.secrets() == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("PUT", "switches/qcode-partner", {"list_shape": "round"}, 400, "use keys, items"),
        ("PUT", "switches/qcode-partner", {"nothing": 1}, 400, "has no nothing"),
        ("PUT", "switches/elsewhere", {}, 404, "the vendors are qcode-partner"),
        ("PUT", "limits/qcode-partner", {"second": {}}, 400, "use one of: minute, day, creates"),
        ("POST", "faults", {"action": "explode"}, 400, "drop_before"),
        ("POST", "keys", {"account": "three"}, 404, "the labels are one, two"),
        ("POST", "keys", {"keys": [1]}, 400, "must be an object"),
        ("PATCH", "keys/none", {}, 404, "there is no key none"),
        ("PATCH", "accounts/one", {"status": "gone"}, 400, "use active, suspended, pending"),
        ("POST", "accounts/nobody/suspend", {}, 404, "nobody"),
        ("POST", "keys/none/spend", {"usd": 1}, 404, "there is no key"),
        ("GET", "holds?wait=long", None, 400, "number of seconds"),
    ],
)
def test_mistakes_are_explained(
    operator: OperatorClient, method: str, path: str, body: dict[str, object] | None, status: int, words: str
) -> None:
    """A wrong control call fails loudly, with the remedy."""
    with pytest.raises(OperatorError) as caught:
        operator.call(method, path, body)
    assert str(status) in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"[]", b"{"])
def test_bodies_are_json_objects(server: SandboxServer, operator: OperatorClient, content: bytes) -> None:
    """Anything else is 400."""
    url = f"{server.base_url}/_sandbox/faults"
    assert httpx.post(url, content=content, trust_env=False).status_code == 400
    assert operator.faults() == []


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
def test_a_browser_cannot_be_tricked_into_control_calls(
    server: SandboxServer, operator: OperatorClient, headers: dict[str, str]
) -> None:
    """A web page reaches loopback through DNS or a form, and is refused."""
    operator.create_key("one")
    answer = httpx.get(f"{server.base_url}/_sandbox/secrets", headers=headers, trust_env=False)
    assert answer.status_code == 403
    assert operator.secrets()[0] not in answer.text


@pytest.mark.parametrize("host", ["localhost:1", "[::1]:1", "127.0.0.1"])
def test_loopback_names_are_fine(server: SandboxServer, host: str) -> None:
    """Whichever way loopback is written."""
    url = f"{server.base_url}/_sandbox/clock"
    assert httpx.get(url, headers={"Host": host}, trust_env=False).status_code == 200


def test_every_route_is_in_the_module_docstring(operator: OperatorClient) -> None:
    """The table of calls for users is complete."""
    table = operator_module.__doc__ or ""
    calls = (
        "state keys spend accounts suspend unsuspend reset-token switches limits faults holds release "
        "clock advance requests secrets reset"
    )
    assert [word for word in calls.split() if word not in table] == []
    assert isinstance(operator, OperatorClient)
