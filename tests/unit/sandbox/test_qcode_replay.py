"""Tests of the Idempotency-Key header of a create, under every reading of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from reconciler.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from reconciler.sandbox.operator_client import OperatorClient

BODY = {"description": "client-a", "daily_cost_limit_usd": 1, "total_cost_limit_usd": 1}
OTHER = BODY | {"daily_cost_limit_usd": 2}


def create(client: httpx.Client, key: str = "k1", body: dict[str, Any] | None = None) -> httpx.Response:
    """Create with an idempotency key."""
    return client.post("/keys", json=body or BODY, headers={"Idempotency-Key": key})


def test_a_replay_is_the_first_answer(one: httpx.Client, operator: OperatorClient) -> None:
    """Same id and plaintext again, one key minted, and the log tells the replay."""
    first, second = create(one), create(one)
    assert first.json() == second.json()
    assert len(operator.keys()) == 1
    assert [logged.replayed for logged in operator.requests()] == [False, True]
    assert "idempotent-replayed" not in second.headers


def test_other_keys_and_no_key_mint_anew(one: httpx.Client, operator: OperatorClient) -> None:
    """Without the header every request is its own."""
    create(one, "k1")
    create(one, "k2")
    one.post("/keys", json=BODY)
    one.post("/keys", json=BODY)
    assert len(operator.keys()) == 4


def test_accounts_do_not_share_keys(one: httpx.Client, two: httpx.Client) -> None:
    """The same key of another account never shows somebody's secret."""
    assert create(one).json()["data"]["id"] != create(two).json()["data"]["id"]


def test_the_header_can_be_ignored(one: httpx.Client, operator: OperatorClient) -> None:
    """A server that does nothing with it mints twice."""
    operator.set_switches(idempotency="ignored")
    create(one)
    create(one)
    assert len(operator.keys()) == 2


def test_answers_are_forgotten_after_their_time(one: httpx.Client, operator: OperatorClient) -> None:
    """At 24 hours, or at the switch's time, the key executes anew."""
    operator.set_clock(1000.0, frozen=True)
    first = create(one).json()
    operator.advance(86_399)
    assert create(one).json() == first
    operator.advance(1)
    assert create(one).json() != first
    operator.set_switches(idempotency_ttl_seconds=30)
    operator.advance(30)
    create(one)
    assert len(operator.keys()) == 3


def test_a_replay_can_lack_the_plaintext(one: httpx.Client, operator: OperatorClient) -> None:
    """Plaintext once can mean once."""
    operator.set_switches(idempotency_replay="no_plaintext", idempotency_replay_header=True)
    first, second = create(one), create(one)
    assert "api_key" not in second.json()["data"]
    assert first.json()["data"]["id"] == second.json()["data"]["id"]
    assert (first.headers.get("idempotent-replayed"), second.headers["idempotent-replayed"]) == (None, "true")


@pytest.mark.parametrize("status", [422, 400, 409])
def test_another_body_is_refused(one: httpx.Client, operator: OperatorClient, status: int) -> None:
    """A known key with another body mints nothing and shows nothing."""
    operator.set_switches(idempotency_mismatch=status)
    create(one)
    answer = create(one, body=OTHER)
    assert (answer.status_code, "data" in answer.json(), len(operator.keys())) == (status, False, 1)


def test_another_body_can_be_replayed_silently(one: httpx.Client, operator: OperatorClient) -> None:
    """The first answer comes back although other limits were asked for."""
    operator.set_switches(idempotency_mismatch="replay")
    assert create(one).json() == create(one, body=OTHER).json()
    assert operator.keys()[0].daily_usd == 1


def test_bodies_are_compared_as_values_or_bytes(one: httpx.Client, operator: OperatorClient) -> None:
    """Reordered JSON is the same request, unless the server compares bytes."""
    reordered = dict(reversed(BODY.items()))
    create(one)
    assert create(one, body=reordered).status_code == 200
    operator.set_switches(idempotency_fingerprint="bytes")
    create(one, "k2")
    assert create(one, "k2", reordered).status_code == 422


def test_failures_are_not_stored(one: httpx.Client, operator: OperatorClient) -> None:
    """When the cause of a 422 is gone, the same key works."""
    operator.set_switches(key_cap=1)
    operator.create_key("one")
    assert create(one).status_code == 422
    operator.set_switches(key_cap=0)
    assert create(one).status_code == 200


def test_failures_can_be_stored(one: httpx.Client, operator: OperatorClient) -> None:
    """A poisoned key answers the old error although the cause is gone."""
    operator.set_switches(key_cap=1, idempotency_failures="stored")
    operator.create_key("one")
    first = create(one)
    operator.set_switches(key_cap=0)
    assert (create(one).status_code, create(one).json()) == (422, first.json())
    assert create(one, "k2").status_code == 200


def test_scope_can_be_the_token(one: httpx.Client, operator: OperatorClient) -> None:
    """After a token reset the key is forgotten, unless the scope is the account."""
    first = create(one).json()
    one.headers["Authorization"] = f"Bearer {operator.reset_token('one')}"
    assert create(one).json() == first
    operator.set_switches(idempotency_scope="token")
    second = create(one).json()
    assert second != first
    one.headers["Authorization"] = f"Bearer {operator.reset_token('one')}"
    assert create(one).json() != second


def test_scope_can_be_the_host(one: httpx.Client, server: SandboxServer, operator: OperatorClient) -> None:
    """The fallback host does not know what the first host stored."""
    operator.set_switches(idempotency_scope="host")
    first = create(one).json()
    with SandboxServer(server.store) as fallback:
        base_url = str(one.base_url).replace(server.base_url, fallback.base_url)
        with httpx.Client(base_url=base_url, headers=one.headers, trust_env=False) as client:
            client.headers.pop("host", None)
            assert create(client).json() != first
            operator.set_switches(idempotency_scope="account")
            assert create(client, "k2").json() == create(one, "k2").json()


def test_the_header_can_be_required(one: httpx.Client, operator: OperatorClient) -> None:
    """A create without it is 400 then, and mints nothing."""
    operator.set_switches(idempotency_required=True)
    assert one.post("/keys", json=BODY).status_code == 400
    assert create(one).status_code == 200
    assert len(operator.keys()) == 1


def in_flight(one: httpx.Client, operator: OperatorClient) -> tuple[httpx.Response, httpx.Response]:
    """Return the answers to a create that is held once committed, and to its repeat meanwhile."""
    operator.add_fault("hold", method="POST", event="committed")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(create, one)
        assert operator.holds(wait_seconds=10)[0]["event"] == "committed"
        repeat = create(one)
        operator.release()
        return first.result(), repeat


def test_a_repeat_in_flight_is_409(one: httpx.Client, operator: OperatorClient) -> None:
    """While the first is being executed the second conflicts; later it is replayed."""
    first, repeat = in_flight(one, operator)
    assert (first.status_code, repeat.status_code) == (200, 409)
    assert create(one).json() == first.json()
    assert len(operator.keys()) == 1


def test_a_repeat_in_flight_can_mint_a_second_key(one: httpx.Client, operator: OperatorClient) -> None:
    """A server without a lock executes both."""
    operator.set_switches(idempotency_in_flight="executes")
    first, repeat = in_flight(one, operator)
    assert (first.status_code, repeat.status_code) == (200, 200)
    assert first.json() != repeat.json()
    assert len(operator.keys()) == 2


def test_whether_replays_count_is_a_switch(one: httpx.Client, operator: OperatorClient) -> None:
    """A replay uses up a create, or is free even when the budget is spent."""
    operator.set_limit("creates", 2)
    assert [create(one).status_code for _ in range(3)] == [200, 200, 429]
    operator.set_switches(limit_counts_replays=False)
    assert [create(one).status_code for _ in range(3)] == [200, 200, 200]
    assert create(one, "k2").status_code == 429


def test_a_stored_failure_may_be_about_no_json_at_all(one: httpx.Client, operator: OperatorClient) -> None:
    """A body that cannot be parsed is compared byte by byte."""
    operator.set_switches(idempotency_failures="stored")
    headers = {"Idempotency-Key": "k1", "Content-Type": "application/json"}
    answers = [one.post("/keys", content=body, headers=headers).json() for body in (b"{", b"{", b"[")]
    assert answers[0] == answers[1] != answers[2]
