"""Tests of the way of a request: its events, its pauses, its line in the log."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from reconciler.sandbox.operator_client import OperatorClient

    Connect = Callable[[SandboxServer, str], httpx.Client]

BODY = {"daily_cost_limit_usd": 1, "total_cost_limit_usd": 1}
KEYS = "/api/v1/reseller/keys"


def test_events_come_in_order(connect: Connect) -> None:
    """A write passes all five, a read has nothing to commit, control calls have none."""
    seen: list[tuple[str, str, str, int]] = []
    with SandboxServer(on_event=lambda *event: seen.append(event)) as server:
        with connect(server, "one") as client:
            client.post("/keys", json=BODY)
            client.get("/keys?page=1")
            client.post("/keys", json={})
        server.operator.keys()
    assert [event for event, _, _, number in seen if number == 1] == [
        "head",
        "body",
        "committed",
        "half",
        "answer",
    ]
    assert [event for event, _, _, number in seen if number == 2] == ["head", "body", "half", "answer"]
    assert [event for event, _, _, number in seen if number == 3] == ["head", "body", "half", "answer"]
    assert {(method, path) for _, method, path, _ in seen} == {
        ("POST", KEYS),
        ("GET", f"{KEYS}?page=1"),
    }


def test_every_write_commits_and_replays_do_not(connect: Connect) -> None:
    """PATCH, enable and disable are writes; a replayed create changes nothing."""
    committed: list[str] = []

    def listen(event: str, method: str, path: str, _: int) -> None:
        if event == "committed":
            committed.append(f"{method} {path.rpartition('/')[2]}")

    with SandboxServer(on_event=listen) as server, connect(server, "one") as client:
        headers = {"Idempotency-Key": "k"}
        key = f"/keys/{client.post('/keys', json=BODY, headers=headers).json()['data']['id']}"
        client.post("/keys", json=BODY, headers=headers)
        client.patch(key, json={"concurrency_limit": 2})
        client.post(f"{key}/disable")
        client.post(f"{key}/enable")
    assert committed == ["POST keys", f"PATCH {key.rpartition('/')[2]}", "POST disable", "POST enable"]


def test_a_write_is_in_the_database_when_committed_is_told(connect: Connect) -> None:
    """Whoever kills the client at this event finds the key in the table."""
    counts: list[tuple[str, int]] = []
    with SandboxServer() as server:
        store = server.store
        with (
            SandboxServer(
                store, on_event=lambda event, *_: counts.append((event, len(store.key_rows())))
            ) as listening,
            connect(listening, "one") as client,
        ):
            client.post("/keys", json=BODY)
    assert counts == [("head", 0), ("body", 0), ("committed", 1), ("half", 1), ("answer", 1)]


@pytest.mark.parametrize(("event", "minted"), [("head", 0), ("body", 0), ("committed", 1), ("half", 1)])
def test_a_hold_pauses_until_released(
    one: httpx.Client, operator: OperatorClient, event: str, minted: int
) -> None:
    """The request waits at its event, visible to the operator, and goes on when let go."""
    operator.add_fault("hold", method="POST", event=event)
    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(one.post, "/keys", json=BODY)
        held = operator.holds(wait_seconds=10)
        assert held == [{"number": 1, "event": event, "method": "POST", "path": KEYS}]
        assert len(operator.keys()) == minted
        assert not pending.done()
        assert operator.release(number=99) == 0
        assert operator.release(number=1) == 1
        assert pending.result().status_code == 200
    assert operator.holds() == []


def test_a_hold_after_the_answer_keeps_nobody_waiting(one: httpx.Client, operator: OperatorClient) -> None:
    """At `answer` the client already has everything."""
    operator.add_fault("hold", event="answer")
    assert one.get("/me").status_code == 200
    assert operator.holds(wait_seconds=10)[0]["event"] == "answer"
    assert operator.release() == 1


def test_a_held_request_ends_with_the_sandbox(connect: Connect) -> None:
    """Shutting down lets everything go instead of hanging."""
    with ThreadPoolExecutor(1) as pool:
        with SandboxServer() as server:
            server.operator.add_fault("hold", event="committed", method="POST")
            client = connect(server, "one")
            pending = pool.submit(client.post, "/keys", json=BODY)
            assert server.operator.holds(wait_seconds=10)
        assert pending.result().status_code == 200
        client.close()


def test_a_fault_can_wait_inside_the_write(one: httpx.Client, operator: OperatorClient) -> None:
    """A delay at `committed` and an error afterwards combine."""
    operator.add_fault("delay", when="committed", seconds=0.01)
    operator.add_fault("status", status=500, processed=True)
    assert one.post("/keys", json=BODY).status_code == 500
    assert operator.requests()[0].fault == "delay,status"
    assert len(operator.keys()) == 1


def test_the_log_tells_what_was_asked_and_answered(one: httpx.Client, operator: OperatorClient) -> None:
    """Number, time, method, path, host, account and status of each request; no header and no body."""
    operator.set_clock(1000.0, frozen=True)
    one.get("/usage?range=7d")
    one.post("/keys", json=BODY, headers={"Idempotency-Key": "first"})
    one.post("/keys", json=BODY, headers={"Idempotency-Key": "first"})
    one.post("/keys", json=BODY, headers={"Idempotency-Key": "second", "Authorization": "Bearer rsk_no"})
    usage, create, replay, stranger = operator.requests()
    assert (usage.number, usage.at, usage.method, usage.path) == (
        1,
        1000.0,
        "GET",
        "/api/v1/reseller/usage?range=7d",
    )
    assert (usage.account, usage.status, usage.idempotency_digest) == ("one", 200, None)
    assert usage.host == one.base_url.netloc.decode()
    assert create.idempotency_digest == replay.idempotency_digest != stranger.idempotency_digest
    assert create.body_digest == replay.body_digest != usage.body_digest
    assert (create.replayed, replay.replayed) == (False, True)
    assert (stranger.account, stranger.status) == (None, 401)
    assert "first" not in str(create)


def test_faults_spare_the_operator(operator: OperatorClient) -> None:
    """A total outage of the vendor leaves the control calls working and unlogged."""
    operator.add_fault("drop_before", times=None)
    assert operator.keys() == []
    assert operator.requests() == []
