"""The provider inside the process, beyond what every provider owes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reconciler.core.identity import Incarnation
from reconciler.core.model import MintRequest
from reconciler.errors import KeyNotFoundError, OutcomeUnknownError, SecretLostError
from reconciler.providers.memory import CLASS_A, CLASS_C, MemoryServer
from tests.clocks import FakeClock

if TYPE_CHECKING:
    from reconciler.providers.memory import Hook, MemoryCall

REQUEST = MintRequest(incarnation=Incarnation(name="a"), name="a", idempotency_key="k" * 40)


def failing(method: str) -> Hook:
    """Return a hook that fails every call of a method."""

    def hook(call: MemoryCall) -> None:
        if call.method == method:
            message = "injected"
            raise OutcomeUnknownError(message)

    return hook


def test_an_error_before_means_not_executed_and_one_after_means_lost() -> None:
    """The two sides of a lost answer can be played."""
    for side, rows in (("before", 0), ("after", 1)):
        server = MemoryServer()
        setattr(server, side, failing("create_key"))
        with pytest.raises(OutcomeUnknownError):
            server.client().create_key(REQUEST)
        assert len(server.rows()) == rows


def test_two_clients_see_one_server() -> None:
    """What one writes, the other reads, and the record tells them apart."""
    server = MemoryServer()
    first, second = server.client("one"), server.client("two")
    first.create_key(REQUEST)
    (key,) = second.list_keys().keys
    second.set_enabled(key, enabled=False)
    assert [(call.client, call.method) for call in server.calls] == [
        ("one", "create_key"),
        ("two", "list_keys"),
        ("two", "set_enabled"),
    ]
    assert [call.method for call in server.writes] == ["create_key", "set_enabled"]


def test_ids_and_secrets_are_the_same_in_every_run() -> None:
    """A failing simulation can be played again."""
    one, two, other = MemoryServer(), MemoryServer(), MemoryServer(seed="other")
    minted = [server.client().create_key(REQUEST) for server in (one, two, other)]
    prints = [found.secret.fingerprint() for found in minted if found.secret]
    assert [found.key_id for found in minted] == ["k1", "k1", "k1"]
    assert prints[0] == prints[1] != prints[2]


def test_a_create_is_forgotten_after_its_time() -> None:
    """A replay that comes too late mints a second key, as real servers do."""
    clock = FakeClock()
    server = MemoryServer(behaviour=replace(CLASS_A, replay_ttl=timedelta(hours=1)), clock=clock)
    client = server.client()
    client.create_key(REQUEST)
    clock.advance(3599)
    assert client.create_key(REQUEST).key_id == "k1"
    clock.advance(1)
    assert client.create_key(REQUEST).key_id == "k2"
    server.forget_creates()
    assert client.create_key(REQUEST).key_id == "k3"


def test_a_replay_names_a_key_that_an_operator_removed() -> None:
    """The record of the create outlives the row."""
    server = MemoryServer()
    client = server.client()
    server.remove(client.create_key(REQUEST).key_id or "")
    assert client.create_key(REQUEST).key_id == "k1"
    with pytest.raises(KeyNotFoundError):
        client.get_key("k1")


def test_another_request_under_the_same_key_gives_nothing() -> None:
    """The earlier create is told, not repeated."""
    client = MemoryServer().client()
    client.create_key(REQUEST)
    with pytest.raises(SecretLostError):
        client.create_key(replace(REQUEST, name="b"))


def test_the_new_api_family_returns_nothing_and_reveals() -> None:
    """The new row is found by the list, then its secret is asked for."""
    server = MemoryServer(behaviour=CLASS_C)
    client = server.client()
    minted = client.create_key(REQUEST)
    assert (minted.key_id, minted.secret) == (None, None)
    (key,) = client.list_keys().keys
    assert client.reveal(key).fingerprint() == server.secret_of(key.id).fingerprint()


def test_an_operator_changes_things_without_a_trace() -> None:
    """Drift appears, and the record shows no client's write."""
    clock = FakeClock()
    server = MemoryServer(clock=clock)
    key_id = server.put("a", {"limits.daily_usd": 7}, used_micro_usd=3)
    server.change(key_id, {"enabled": False})
    server.spend(key_id, 4)
    clock.advance(60)
    (key,) = server.rows()
    assert (key.spec["limits.daily_usd"], key.spec["enabled"], key.used_micro_usd) == (7, False, 7)
    assert key.age == timedelta(minutes=1)
    assert server.calls == []
