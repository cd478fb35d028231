"""One exchange: what the sockets may do to us, and that nothing of it is shown."""

from __future__ import annotations

import gzip
import json
import logging
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.core.strict_json import BadJsonError
from reconciler.sandbox.server import SandboxServer
from reconciler.transport.connections import MAX_BODY, Connections, HttpRequest
from reconciler.transport.tls import tls_context
from reconciler.transport.transfer_errors import ReadOnlyTransportError, TransferError
from tests.canary.shown import leaked, shown
from tests.unit.providers.raw_server import RawServer, drip, flood, reset, respond, send, silence

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from tests.unit.providers.raw_server import Answer

TOKEN, SECRET = "rsk_canary_f4BGDRsXTOfKWfCz7E7j", "sk-secret-nHkRbn8RQpBB1RoN6gJB"
OK = b"HTTP/1.1 200 OK\r\n"


@contextmanager
def plain(*, timeout: float = 5.0, most: int = 4, read_only: bool = False) -> Iterator[Connections]:
    """Open connections without TLS."""
    connections = Connections(tls=None, most=most, timeout=timeout, read_only=read_only)
    yield connections
    connections.close()


def request(method: str, url: str, *, token: str = TOKEN) -> HttpRequest:
    """Return a request that holds a token and, unless it reads, a secret."""
    body = None if method == "GET" else Secret(SECRET)
    headers: dict[str, str | Secret] = {"Authorization": Secret(f"Bearer {token}"), "X-Plain": "1"}
    return HttpRequest(method=method, url=url, headers=headers, body=body)


def failure(connections: Connections, sent: HttpRequest) -> TransferError:
    """Return the error of an exchange, without a frame of the server's side behind it."""
    with pytest.raises(TransferError) as caught:
        connections.exchange(sent)
    return caught.value


def lost(answer: Answer, *, timeout: float = 5.0) -> TransferError:
    """Return the error of an exchange with a server that answers so."""
    with RawServer((answer,)) as server, plain(timeout=timeout) as connections:
        return failure(connections, request("POST", f"{server.url}/x"))


def test_an_answer_comes_back_closed() -> None:
    """What was sent arrives, and the body that comes back is a secret until somebody opens it."""
    with (
        RawServer((respond(201, b'{"echo": "\xc3\xbc"}', {"Retry-After": "7"}),)) as server,
        plain() as connections,
    ):
        answer = connections.exchange(request("PUT", f"{server.url}/a?b=1"))
    assert (answer.status, answer.ok, answer.headers["retry-after"]) == (201, True, "7")
    assert answer.content() == b'{"echo": "\xc3\xbc"}'
    assert answer.json() == {"echo": "\u00fc"}
    assert "echo" not in repr(answer)
    [received] = server.requests
    assert (received.target, received.body.decode()) == ("/a?b=1", SECRET)
    assert (received.headers["authorization"], received.headers["x-plain"]) == (f"Bearer {TOKEN}", "1")


def test_an_answer_that_is_no_strict_json_is_refused() -> None:
    """Two readers of the same bytes must not see two documents."""
    with RawServer((respond(400, b'{"a": 1, "a": 2}'),)) as server, plain() as connections:
        answer = connections.exchange(request("GET", server.url))
    assert not answer.ok
    with pytest.raises(BadJsonError, match="duplicate"):
        answer.json()


def test_a_request_does_not_show_its_secrets() -> None:
    """Whoever prints one sees neither token nor body."""
    assert leaked(repr(request("PUT", "http://127.0.0.1:1")), TOKEN, SECRET) == []


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        (reset(), None, "the connection broke while reading"),
        (reset(OK), None, "the connection broke while reading"),
        (reset(OK + b"Content-Length: 9\r\n\r\n{"), 200, "the connection broke while reading"),
        (send(b""), None, "the answer is incomplete, or not valid HTTP"),
        (send(OK + b"Content-Length: 99\r\n\r\n{}"), 200, "the answer is incomplete, or not valid HTTP"),
        (
            send(OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"),
            None,
            "the answer is incomplete, or not valid HTTP",
        ),
        (send(OK + b"Content-Length: two\r\n\r\n{}"), None, "the answer is incomplete, or not valid HTTP"),
        (
            send(OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
            200,
            "the answer is incomplete, or not valid HTTP",
        ),
        (
            send(OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
            200,
            "the answer is incomplete, or not valid HTTP",
        ),
        (send(b"\x16\x03\x01 no HTTP\r\n\r\n"), None, "the answer is incomplete, or not valid HTTP"),
        (
            send(OK + b"X: " + b"y" * 1_000_000 + b"\r\n\r\n"),
            None,
            "the answer is incomplete, or not valid HTTP",
        ),
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
    assert (error.sent, error.status, error.reason) == (True, status, reason)
    assert leaked(shown(error), TOKEN, SECRET) == []


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
    assert (error.sent, error.status) == (True, status)
    assert leaked(shown(error), TOKEN, SECRET) == []
    assert error.reason in {"no complete answer in time", "the answer is incomplete, or not valid HTTP"}


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
    assert (error.sent, error.reason) == (True, "the answer is incomplete, or not valid HTTP")


def test_many_small_chunks_take_no_more_memory_than_a_few_large_ones() -> None:
    """A million chunks of one byte are within the cap, and must not be a million objects."""
    body = b"1\r\n \r\n" * 30_000 + b"0\r\n\r\n"
    with (
        RawServer((send(OK + b"Transfer-Encoding: chunked\r\n\r\n" + body),)) as server,
        plain() as connections,
    ):
        connections.exchange(request("GET", server.url))
        tracemalloc.start()
        answer = connections.exchange(request("GET", server.url))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert answer.content() == b" " * 30_000
    assert peak < 3_000_000


def test_a_body_at_the_cap_is_read() -> None:
    """Exactly five million bytes are fine."""
    with RawServer((respond(200, b" " * MAX_BODY),)) as server, plain() as connections:
        assert len(connections.exchange(request("GET", server.url)).content()) == MAX_BODY


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
    with plain() as connections:
        error = failure(connections, request("POST", url))
    assert (error.sent, error.reason) == (False, "the connection was refused")
    assert leaked(shown(error), TOKEN, SECRET) == []


def test_a_host_that_is_no_name_is_an_error_like_any_other() -> None:
    """What looks like a name until it is encoded was never connected to."""
    with plain() as connections:
        error = failure(connections, request("POST", "https://xn--.example/x"))
    assert (error.sent, error.reason) == (False, "the host name is not a valid one")


def test_localhost_is_not_looked_up() -> None:
    """The name goes to this machine, whatever a hosts file says."""
    with RawServer((respond(200, b"{}"),)) as server, plain() as connections:
        assert connections.exchange(request("GET", f"http://localhost:{server.port}")).status == 200


def test_a_redirect_is_an_answer_and_its_target_sees_nothing() -> None:
    """Not one byte goes to the host that a Location names."""
    for status in (301, 302, 303, 307, 308):
        with (
            RawServer((respond(),)) as trap,
            RawServer((respond(status, b"", {"Location": trap.url}),)) as server,
            plain() as connections,
        ):
            answer = connections.exchange(request("POST", server.url))
        assert (answer.status, trap.received, trap.connections) == (status, 0, 0)


def test_cookies_are_not_kept() -> None:
    """A server cannot make later requests carry something."""
    cookie = {"Set-Cookie": "a=b; Path=/"}
    with RawServer((respond(200, b"{}", cookie),)) as server, plain() as connections:
        for _ in range(2):
            connections.exchange(request("GET", server.url))
    assert "cookie" not in server.requests[1].headers


def test_proxy_variables_and_netrc_have_no_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment cannot send the token elsewhere."""
    with RawServer((respond(),)) as trap, RawServer((respond(200, b"{}"),)) as server:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, trap.url)
        with plain() as connections:
            connections.exchange(request("GET", server.url))
    assert trap.connections == 0
    assert server.requests[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE", "HEAD"])
def test_a_reading_transport_writes_nothing(method: str) -> None:
    """Every method but GET is a programming error, and the server sees no connection."""
    with RawServer((respond(200, b"{}"),)) as server, plain(read_only=True) as connections:
        with pytest.raises(ReadOnlyTransportError):
            connections.exchange(request(method, server.url))
        connections.exchange(request("GET", server.url))
    assert [received.method for received in server.requests] == ["GET"]


def test_more_threads_than_connections_lose_nothing() -> None:
    """Sixteen threads on four connections wait for each other; none fails."""
    with SandboxServer() as sandbox:
        sandbox.operator.no_limits()
        asked = request("GET", f"{sandbox.base_url}/api/v1/reseller/me", token=sandbox.tokens["one"])
        with plain(most=4, timeout=30.0) as connections, ThreadPoolExecutor(max_workers=16) as pool:
            answers = list(pool.map(lambda _: connections.exchange(asked), range(200)))
    assert {json.loads(answer.content())["ok"] for answer in answers} == {True}


@pytest.mark.parametrize("odd", ["\n", "\u00fc"], ids=["line-break", "no-ascii"])
def test_the_error_leads_to_no_header(odd: str) -> None:
    """Neither the message, nor a cause, nor a traceback holds the token that httpx would quote."""
    with plain() as connections:
        error = failure(connections, request("GET", "http://127.0.0.1:9", token=TOKEN + odd))
    assert not error.sent
    assert error.__cause__ is None
    assert error.__context__ is None
    assert leaked(shown(error), TOKEN) == []


def test_authorities_are_loaded_at_the_first_request() -> None:
    """Loading them takes longer than a request, and a second host is seldom asked."""
    made: list[str] = []

    def settings() -> ssl.SSLContext:
        made.append("context")
        return tls_context()

    with RawServer((respond(),), greeting=b"no TLS here\r\n") as server:
        connections = Connections(tls=settings, timeout=5.0)
        assert made == []
        for _ in range(2):
            error = failure(connections, request("POST", f"https://127.0.0.1:{server.port}"))
            assert (error.sent, error.reason) == (False, "TLS could not be agreed on")
        connections.close()
    assert made == ["context"]
    assert server.requests == []


def test_connections_without_tls_trust_nobody() -> None:
    """Plain connections never turn into encrypted ones to somebody who was not checked."""
    with RawServer((respond(),), greeting=b"no TLS here\r\n") as server, plain() as connections:
        error = failure(connections, request("POST", f"https://127.0.0.1:{server.port}"))
    assert not error.sent


@pytest.mark.parametrize("name", ["httpx", "httpcore", "hpack", "h2", "urllib3"])
def test_the_loggers_below_are_quiet(name: str) -> None:
    """A program that turns on DEBUG for everything still prints no URL and no header."""
    assert logging.getLogger(name).getEffectiveLevel() == logging.WARNING
    assert not logging.getLogger(f"{name}.http11").isEnabledFor(logging.INFO)


def test_a_deadline_that_has_passed_is_noticed_before_a_connection_is_made() -> None:
    """Waiting for a free connection counts too, and then nothing was sent."""
    with RawServer((respond(),)) as server, plain(timeout=1e-9) as connections:
        error = failure(connections, request("POST", server.url))
    assert (error.sent, error.reason) == (False, "no connection in time")
    assert server.connections == 0
