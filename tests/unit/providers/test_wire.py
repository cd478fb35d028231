"""One exchange: what the sockets may do to us."""

from __future__ import annotations

import gzip
import inspect
import json
import logging
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import httpx
import pytest

from reconciler.core.classify import Failure
from reconciler.providers._wire import MAX_BODY, REASONS, ReadOnlyTransportError, TransferError, Wire
from reconciler.sandbox.server import SandboxServer
from tests.unit.providers.clients import TOKEN
from tests.unit.providers.raw_server import RawServer, drip, flood, reset, respond, send, silence

if TYPE_CHECKING:
    from tests.unit.providers.raw_server import Answer

HEADERS = {"Authorization": f"Bearer {TOKEN}"}
OK = b"HTTP/1.1 200 OK\r\n"


def wire(*, timeout: float = 5.0, max_connections: int = 4, read_only: bool = False) -> Wire:
    """Return connections without TLS."""
    return Wire(secure=False, max_connections=max_connections, timeout=timeout, read_only=read_only)


def lost(answer: Answer, *, timeout: float = 5.0) -> TransferError:
    """Return the error of an exchange with a server that answers so."""
    with RawServer((answer,)) as server:
        connections = wire(timeout=timeout)
        try:
            with pytest.raises(TransferError) as caught:
                connections.exchange("POST", f"{server.url}/x", HEADERS, b"{}")
        finally:
            connections.close()
    return caught.value


def test_an_answer_comes_back_as_it_was_sent() -> None:
    """Status, lower-case header names and the body's bytes are returned."""
    with RawServer((respond(201, b"{}", {"Retry-After": "7"}),)) as server:
        connections = wire()
        answer = connections.exchange("POST", f"{server.url}/a?b=1", HEADERS, b'{"x":1}')
        connections.close()
    assert (answer.status, answer.headers["retry-after"], answer.body) == (201, "7", b"{}")
    assert (server.requests[0].target, server.requests[0].body) == ("/a?b=1", b'{"x":1}')


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (reset(), None, "the connection broke while reading"),
        (reset(OK), None, "the connection broke while reading"),
        (reset(OK + b"Content-Length: 9\r\n\r\n{"), 200, "the connection broke while reading"),
        (send(b""), None, "the answer is not valid HTTP"),
        (send(OK + b"Content-Length: 99\r\n\r\n{}"), 200, "the answer is not valid HTTP"),
        (
            send(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
            None,
            "the answer is not valid HTTP",
        ),
        (send(OK + b"Content-Length: two\r\n\r\n{}"), None, "the answer is not valid HTTP"),
        (send(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"), 200, "the answer is not valid HTTP"),
        (send(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"), 200, "the answer is not valid HTTP"),
        (send(b"\x16\x03\x01 no HTTP\r\n\r\n"), None, "the answer is not valid HTTP"),
        (send(OK + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n"), None, "the answer is not valid HTTP"),
    ],
    ids=[
        "reset-at-once",
        "reset-in-the-head",
        "reset-in-the-body",
        "closed-at-once",
        "closed-in-the-body",
        "two-lengths",
        "no-number-as-length",
        "bad-chunk",
        "no-last-chunk",
        "no-http",
        "huge-header",
    ],
)
def test_a_broken_answer_is_a_lost_one(answer: Answer, status: int | None, reason: str) -> None:
    """Whatever breaks after bytes left leaves the outcome open, and the status is kept when it came."""
    error = lost(answer)
    assert (error.failure, error.status, error.reason) == (Failure.LOST, status, reason)


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (silence, None),
        (drip(b"", b"HTTP/1.1 "), None),
        (drip(OK, b"X: y\r\n"), None),
        (drip(OK + b"Content-Length: 4000000\r\n\r\n", b"x"), 200),
        (drip(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"), 200),
        (drip(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), None),
    ],
    ids=["silence", "status-line", "headers", "body", "chunks", "interim-answers"],
)
def test_the_deadline_is_total(answer: Answer, status: int | None) -> None:
    """A server that sends a byte now and then does not hold the client longer than one deadline."""
    began = time.monotonic()
    error = lost(answer, timeout=0.3)
    assert time.monotonic() - began < 2.0
    assert (error.failure, error.status) == (Failure.LOST, status)
    assert error.reason in {"no complete answer in time", "the answer is not valid HTTP"}


def test_a_body_over_the_cap_is_refused_by_its_announcement() -> None:
    """An announced size is enough; nothing of the body is read."""
    error = lost(drip(OK + b"Content-Length: 5000001\r\n\r\n", b""))
    assert (error.reason, error.final) == ("the answer is larger than 5 MB", True)


def test_a_body_over_the_cap_is_refused_while_it_comes() -> None:
    """Without an announcement the bytes are counted as they come in."""
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    error = lost(flood(OK + b"Transfer-Encoding: chunked\r\n\r\n", chunk))
    assert error.reason == "the answer is larger than 5 MB"


def test_a_flood_around_the_body_is_refused() -> None:
    """Interim answers without end are bytes on the wire as well."""
    error = lost(flood(b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 1000))
    assert error.failure is Failure.LOST


def test_a_body_at_the_cap_is_read() -> None:
    """Exactly five million bytes are fine."""
    with RawServer((respond(200, b" " * MAX_BODY),)) as server:
        connections = wire()
        assert len(connections.exchange("GET", server.url, HEADERS, None).body) == MAX_BODY
        connections.close()


@pytest.mark.parametrize(
    "encoding", ["gzip", "x-gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip"]
)
def test_a_compressed_answer_is_refused_before_it_is_unpacked(encoding: str) -> None:
    """A small bomb never grows, because nothing is decoded."""
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
    error = lost(respond(200, bomb, {"Content-Encoding": encoding}))
    assert (error.reason, error.status) == ("the answer is compressed, which was not asked for", 200)


def test_a_refused_connection_means_that_nothing_was_sent() -> None:
    """Where nobody listens, nothing can have been executed."""
    with RawServer((respond(),)) as server:
        url = server.url
    connections = wire()
    with pytest.raises(TransferError) as caught:
        connections.exchange("POST", url, HEADERS, b"{}")
    assert (caught.value.failure, caught.value.reason) == (Failure.NOT_SENT, "the connection was refused")
    connections.close()


def test_localhost_is_not_looked_up() -> None:
    """The name goes to this machine, whatever a hosts file says."""
    with RawServer((respond(200, b"{}"),)) as server:
        connections = wire()
        assert connections.exchange("GET", f"http://localhost:{server.port}", HEADERS, None).status == 200
        connections.close()


def test_a_redirect_is_an_answer_and_its_target_sees_nothing() -> None:
    """Not one byte goes to the host that a Location names."""
    for status in (301, 302, 303, 307, 308):
        with (
            RawServer((respond(),)) as trap,
            RawServer((respond(status, b"", {"Location": trap.url}),)) as server,
        ):
            connections = wire()
            answer = connections.exchange("POST", server.url, HEADERS, b"{}")
            connections.close()
        assert (answer.status, trap.received, trap.connections) == (status, 0, 0)


def test_cookies_are_not_kept() -> None:
    """A server cannot make later requests carry something."""
    with RawServer((respond(200, b"{}", {"Set-Cookie": "a=b; Path=/"}),)) as server:
        connections = wire()
        for _ in range(2):
            connections.exchange("GET", server.url, HEADERS, None)
        connections.close()
    assert "cookie" not in server.requests[1].headers


def test_proxy_variables_and_netrc_have_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment cannot send the token elsewhere."""
    with RawServer((respond(),)) as trap, RawServer((respond(200, b"{}"),)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, trap.url)
        connections = wire()
        connections.exchange("GET", server.url, HEADERS, None)
        connections.close()
    assert trap.connections == 0
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "HEAD"])
def test_a_reading_transport_writes_nothing(method: str) -> None:
    """Every method but GET is a programming error, and the server sees no connection."""
    with RawServer((respond(200, b"{}"),)) as server:
        connections = wire(read_only=True)
        with pytest.raises(ReadOnlyTransportError):
            connections.exchange(method, server.url, HEADERS, b"{}")
        connections.exchange("GET", server.url, HEADERS, None)
        connections.close()
    assert [request.method for request in server.requests] == ["GET"]


def test_more_threads_than_connections_lose_nothing() -> None:
    """Sixteen threads on four connections wait for each other; none fails."""
    with SandboxServer() as sandbox:
        sandbox.operator.no_limits()
        headers = {"Authorization": f"Bearer {sandbox.tokens['one']}"}
        connections = wire(max_connections=4, timeout=30.0)
        url = f"{sandbox.base_url}/api/v1/reseller/me"
        with ThreadPoolExecutor(max_workers=16) as pool:
            answers = list(pool.map(lambda _: connections.exchange("GET", url, headers, None), range(200)))
        connections.close()
    assert {json.loads(answer.body)["ok"] for answer in answers} == {True}


def test_the_error_leads_to_no_header() -> None:
    """Neither the message, nor a cause, nor a traceback holds the token that httpx would quote."""
    connections = wire()
    with pytest.raises(TransferError) as caught:
        connections.exchange("GET", "http://127.0.0.1:9", {"Authorization": f"Bearer {TOKEN}\n"}, None)
    assert caught.value.failure is Failure.NOT_SENT
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert TOKEN not in "".join(traceback.format_exception(caught.value))
    connections.close()


def test_every_error_of_httpx_has_our_words() -> None:
    """A release of httpx that adds an error fails here, not in front of a user."""
    errors = {
        kind
        for kind in vars(httpx).values()
        if inspect.isclass(kind) and issubclass(kind, Exception) and not kind.__subclasses__()
    }
    # Only the cookie jar raises it, and there is none.
    assert errors - {httpx.CookieConflict} == set(REASONS)


@pytest.mark.parametrize("name", ["httpx", "httpcore", "hpack", "h2", "urllib3"])
def test_the_loggers_below_are_quiet(name: str) -> None:
    """A program that turns on DEBUG for everything still prints no URL and no header."""
    assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
    assert not logging.getLogger(f"{name}.http11").isEnabledFor(logging.INFO)
