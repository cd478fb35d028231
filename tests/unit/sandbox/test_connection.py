"""Tests of what a client sees on the socket when the connection is broken on purpose."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from reconciler.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.sandbox.operator_client import OperatorClient

    Dial = Callable[[bytes], bytes]

    Connect = Callable[[SandboxServer, str], httpx.Client]

BODY = b'{"daily_cost_limit_usd":1,"total_cost_limit_usd":1}'
HEAD = b"Host: 127.0.0.1\r\nAuthorization: Bearer TOKEN\r\nConnection: close\r\n"
CREATE = (
    b"POST /api/v1/reseller/keys HTTP/1.1\r\n"
    + HEAD
    + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)
    + BODY
)
LIST = b"GET /api/v1/reseller/keys HTTP/1.1\r\n" + HEAD + b"\r\n"


def test_an_undisturbed_answer_is_complete(dial: Dial) -> None:
    """Without faults the socket carries one whole answer."""
    head, _, body = dial(LIST).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: %d" % len(body) in head


def test_drop_before_executes_nothing(dial: Dial, operator: OperatorClient) -> None:
    """Not one byte comes back, and no key was minted."""
    operator.add_fault("drop_before", method="POST")
    assert dial(CREATE) == b""
    assert operator.keys() == []
    logged = operator.requests()[0]
    assert (logged.status, logged.outcome, logged.fault) == (None, None, "drop_before")


def test_drop_after_executes(dial: Dial, operator: OperatorClient) -> None:
    """Not one byte comes back, and the key exists."""
    operator.add_fault("drop_after", method="POST")
    assert dial(CREATE) == b""
    assert len(operator.keys()) == 1
    logged = operator.requests()[0]
    assert (logged.status, logged.outcome) == (None, 200)


def test_a_drop_can_be_a_reset(dial: Dial, operator: OperatorClient) -> None:
    """The client sees RST where the switch asks for it."""
    operator.add_fault("drop_after", reset=True)
    with pytest.raises(ConnectionResetError):
        dial(LIST)


def test_truncate_sends_half_of_the_body(dial: Dial, operator: OperatorClient) -> None:
    """The head promises more bytes than arrive."""
    operator.create_key("one")
    whole = dial(LIST).partition(b"\r\n\r\n")[2]
    operator.add_fault("truncate")
    head, _, body = dial(LIST).partition(b"\r\n\r\n")
    assert b"content-length: %d" % len(whole) in head
    assert body == whole[: len(whole) // 2]


def test_raw_bytes_replace_the_answer(dial: Dial, operator: OperatorClient) -> None:
    """Anything can be put on the wire, two lengths included; by default nothing is executed."""
    text = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}}"
    operator.add_fault("raw", text=text)
    assert dial(CREATE) == text.encode()
    assert operator.keys() == []
    operator.add_fault("raw", processed=True)
    assert b"no HTTP" in dial(CREATE)
    assert len(operator.keys()) == 1


def test_a_drip_arrives_in_the_end(dial: Dial, operator: OperatorClient) -> None:
    """Slow answers are whole answers."""
    whole = dial(LIST)
    operator.add_fault("drip", size=7, seconds=0.001)
    assert dial(LIST).partition(b"\r\n\r\n")[2] == whole.partition(b"\r\n\r\n")[2]


def test_a_client_that_gives_up_half_way_executes_nothing(dial: Dial, operator: OperatorClient) -> None:
    """A request whose body never arrives whole is not executed."""
    truncated = CREATE[:-5]
    operator.add_fault("hold", event="head")
    address = operator.base_url.removeprefix("http://").split(":")
    with socket.create_connection((address[0], int(address[1])), timeout=5) as raw:
        raw.sendall(truncated)
        assert operator.holds(wait_seconds=10)
    operator.release()
    assert dial(LIST).startswith(b"HTTP/1.1 200 ")
    first = operator.requests()[0]
    assert (first.outcome, first.body_digest, operator.keys()) == (None, None, [])


def test_a_delay_outlives_the_clients_patience(connect: Connect) -> None:
    """The client times out, and the request is executed all the same."""
    with SandboxServer() as server, connect(server, "one") as client:
        server.operator.add_fault("delay", method="POST", when="after", seconds=60)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/keys", content=BODY, headers={"Content-Type": "application/json"}, timeout=0.2)
        assert len(server.operator.keys()) == 1


def test_a_delay_before_processing_delays_the_execution(connect: Connect) -> None:
    """At the client's timeout nothing has happened yet; shutting down ends the wait."""
    with SandboxServer() as server, connect(server, "one") as client:
        server.operator.add_fault("delay", method="POST", when="before", seconds=60)
        with pytest.raises(httpx.ReadTimeout):
            client.post("/keys", content=BODY, headers={"Content-Type": "application/json"}, timeout=0.2)
        assert server.operator.keys() == []


def test_a_slow_drip_never_ends_a_per_read_timeout(one: httpx.Client, operator: OperatorClient) -> None:
    """Each read is in time, so only a total deadline can stop it."""
    operator.add_fault("drip", size=1, seconds=0.005)
    assert one.get("/me", timeout=0.1).elapsed.total_seconds() > 0.3


def test_an_answer_is_out_only_when_the_socket_took_all_of_it(
    server: SandboxServer, operator: OperatorClient
) -> None:
    """`answer` comes after the last byte left the server, so not while the client does not read."""
    operator.add_fault("huge", size=30_000_000)
    operator.add_fault("hold", event="answer")
    address = urlsplit(server.base_url)
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as raw:
        raw.sendall(LIST.replace(b"TOKEN", server.tokens["one"].encode()))
        assert raw.recv(1) == b"H"
        assert operator.holds(wait_seconds=0.1) == []
        received = 1
        while part := raw.recv(1_000_000):
            received += len(part)
        assert received > 30_000_000
    assert operator.holds(wait_seconds=10)[0]["event"] == "answer"
    operator.release()


def test_a_large_request_body_is_read_whole(one: httpx.Client, operator: OperatorClient) -> None:
    """Bodies of many packets are executed like small ones."""
    body = b'{"daily_cost_limit_usd":1,"total_cost_limit_usd":1,"pad":"%s"}' % (b"x" * 3_000_000)
    assert one.post("/keys", content=body, headers={"Content-Type": "application/json"}).status_code == 200
    assert len(operator.keys()) == 1
