"""Requests to an API: where they may go, when they are sent again, and what an answer tells."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, DeferredError, SinkError, SinkUnverifiedError, UsageError
from reconciler.transport.client import ApiClient, Call, Peer, path_of
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.unit.providers.raw_server import RawServer, reset, respond

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.providers.raw_server import Answer

SECRET = "sk-secret-nHkRbn8RQpBB1RoN6gJB"
STORE = Peer(name="the store", failed=SinkError, unverified=SinkUnverifiedError)
READ = Call(method="GET", path="/x", query={"a": "b c"})
WRITE = Call(method="POST", path="/x", body=Secret(SECRET))
REPEATABLE = Call(method="PUT", path="/x", body=Secret(SECRET), repeatable=True)
ASKING = Call(method="POST", path="/x", body=Secret("{}"), asks=True)


@contextmanager
def store(*answers: Answer, clock: FakeClock | None = None) -> Iterator[tuple[ApiClient, RawServer]]:
    """Serve some answers, the last one for ever."""
    with RawServer(answers) as server:
        http = ApiClient(server.url, peer=STORE, clock=clock or FakeClock(), timeout=5.0)
        yield http, server
        http.close()


def failure(http: ApiClient, call: Call) -> SinkError:
    """Return the error of a request, without a frame of the server's side behind it."""
    with pytest.raises(SinkError) as caught:
        http.send(call)
    return caught.value


@pytest.mark.parametrize(
    "address",
    [
        "http://vault.example",
        "http://127.0.0.1.example",
        "https://user:pass@vault.example",
        "https://vault.example?x=1",
        "https://vault.example#x",
        "https://vault.example:port",
        "ftp://127.0.0.1",
        "https://",
        "https://vault.example /x",
        "https://ключ.example",
        "",
    ],
)
def test_addresses_that_are_not_allowed(address: str) -> None:
    """Secrets go over TLS or stay on this machine; the address is not repeated."""
    with pytest.raises(UsageError, match="https://host") as caught:
        ApiClient(address, peer=STORE, clock=FakeClock())
    assert "vault" not in str(caught.value)


def test_segments_are_encoded_as_a_whole() -> None:
    """No name leads to another path."""
    assert (
        path_of("repos", "a/b", "production eu", "..", "ü?#")
        == "/repos/a%2Fb/production%20eu/../%C3%BC%3F%23"
    )


def test_a_request_says_what_it_wants() -> None:
    """JSON without compression, the query encoded, credentials as given."""
    with store(respond(200, {"a": 1})) as (http, server):
        answer = http.send(READ, {"Authorization": Secret("Bearer x")})
    assert answer.document() == {"a": 1}
    [request] = server.requests
    assert request.target == "/x?a=b+c"
    assert request.headers["authorization"] == "Bearer x"
    assert (request.headers["accept"], request.headers["accept-encoding"]) == ("application/json", "identity")


def test_a_header_cannot_hold_another() -> None:
    """A line break in a credential would be a header of its own."""
    with store(respond(200)) as (http, server), pytest.raises(CredentialsError, match="line break") as caught:
        http.send(READ, {"Authorization": Secret(f"{SECRET}\r\nX-Admin: 1")})
    assert server.requests == []
    assert leaked(shown(caught.value), SECRET) == []


@pytest.mark.parametrize("call", [READ, REPEATABLE, ASKING])
@pytest.mark.parametrize("fault", [respond(500), respond(503), reset()], ids=["500", "503", "reset"])
def test_what_may_be_repeated_is(call: Call, fault: Answer) -> None:
    """Twice, with a pause that grows."""
    clock = FakeClock()
    with store(fault, fault, respond(204), clock=clock) as (http, server):
        assert http.send(call).ok
    assert (len(server.requests), clock.slept) == (3, [0.5, 1.0])


@pytest.mark.parametrize("fault", [respond(500), reset()], ids=["500", "reset"])
@pytest.mark.parametrize(
    ("call", "tries", "error"),
    [
        (READ, 3, SinkError),
        (ASKING, 3, SinkError),
        (REPEATABLE, 3, SinkUnverifiedError),
        (WRITE, 1, SinkUnverifiedError),
    ],
    ids=["read", "asking", "repeatable", "write"],
)
def test_what_stays_unanswered(call: Call, tries: int, error: type[SinkError], fault: Answer) -> None:
    """A write may have been done and a read changed nothing; the error has nothing that was sent or said."""
    with store(fault) as (http, server):
        found = failure(http, call)
    assert len(server.requests) == tries
    assert type(found) is error
    assert str(found).startswith(f"{call.method} /x: ")
    assert leaked(shown(found), SECRET) == []


def test_nothing_sent_is_nothing_done() -> None:
    """A write to a server that is not there is tried again, and is known not to have been done."""
    clock = FakeClock()
    http = ApiClient("http://127.0.0.1:1", peer=STORE, clock=clock)
    with pytest.raises(SinkError, match="nothing was sent") as caught:
        http.send(WRITE)
    http.close()
    assert not isinstance(caught.value, SinkUnverifiedError)
    assert clock.slept == [0.5, 1.0]


def test_a_lost_answer_is_not_forgotten_when_the_server_goes_away() -> None:
    """The first try may have been done, although the later ones certainly were not."""
    clock = FakeClock()
    server = RawServer((reset(),))

    class Closing(FakeClock):
        def sleep(self, seconds: float) -> bool:
            if not clock.slept:
                server.__exit__(None, None, None)
            return clock.sleep(seconds)

    server.__enter__()
    http = ApiClient(server.url, peer=STORE, clock=Closing(), timeout=5.0)
    with pytest.raises(SinkUnverifiedError, match="may have been done"):
        http.send(REPEATABLE)
    http.close()
    assert (len(server.requests), clock.slept) == (1, [0.5, 1.0])


def test_an_interrupted_pause_ends_the_tries() -> None:
    """A run that is told to stop does not go on trying."""
    clock = FakeClock()
    clock.interrupted = True
    with store(respond(500), clock=clock) as (http, server), pytest.raises(SinkError):
        http.send(READ)
    assert len(server.requests) == 1


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 409, 422])
def test_answers_below_500_are_the_callers(status: int) -> None:
    """Each store has its own meaning for them."""
    with store(respond(status, b"x")) as (http, _):
        answer = http.send(WRITE)
    assert (answer.status, answer.ok) == (status, status < 300)
    assert str(answer) == f"POST /x: HTTP {status}"
    assert str(answer.error("mend it")) == f"POST /x: HTTP {status}; mend it"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize(("call", "error"), [(READ, SinkError), (REPEATABLE, SinkUnverifiedError)])
def test_redirects_are_not_followed(call: Call, error: type[SinkError], status: int) -> None:
    """A secret goes where the settings say and nowhere else; whether a write was done is then unknown."""
    with store(respond(status, b"", {"Location": "/y"})) as (http, server):
        found = failure(http, call)
    assert (type(found), len(server.requests)) == (error, 1)
    assert "a redirect; set the address" in str(found)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (429, {"Retry-After": "7"}, 7.0),
        (429, {}, 5.0),
        (429, {"Retry-After": "soon"}, 5.0),
        (429, {"Retry-After": "Fri, 20 Nov 2026 12:00:30 GMT"}, 30.0),
        (429, {"Retry-After": "Fri, 20 Nov 2026 11:00:00 GMT"}, 0.0),
        (403, {"Retry-After": "2"}, 2.0),
    ],
)
def test_a_wait_that_is_asked_for_is_kept(status: int, headers: dict[str, str], seconds: float) -> None:
    """Of any request, as nothing was done."""
    clock = FakeClock()
    with store(respond(status, b"", headers), respond(204), clock=clock) as (http, _):
        assert http.send(WRITE).ok
    assert clock.slept == [seconds]


@pytest.mark.parametrize("seconds", ["91", "9" * 40])
def test_a_long_wait_ends_the_run(seconds: str) -> None:
    """With the time when to come back, as far as there is one."""
    with store(respond(429, b"", {"Retry-After": seconds})) as (http, server), pytest.raises(DeferredError):
        http.send(WRITE)
    assert len(server.requests) == 1


def test_waits_have_an_end() -> None:
    """A store that asks to wait every time is left alone."""
    clock = FakeClock()
    with (
        store(respond(429, b"", {"Retry-After": "1"}), clock=clock) as (http, server),
        pytest.raises(DeferredError),
    ):
        http.send(READ)
    assert (len(server.requests), clock.slept) == (3, [1.0, 1.0])


def test_a_wait_after_a_lost_answer_stays_unclear() -> None:
    """The first try may have been done."""
    answers = (reset(), respond(429, b"", {"Retry-After": "999"}))
    with store(*answers) as (http, _), pytest.raises(SinkUnverifiedError, match="may have been done"):
        http.send(REPEATABLE)


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff", b"[" * 100_000, b'{"a": 1} {}'],
)
def test_what_is_no_json_object_is_refused(body: bytes) -> None:
    """With method and path, and nothing of the body."""
    with store(respond(200, body)) as (http, _):
        answer = http.send(READ)
    with pytest.raises(SinkError, match="GET /x: the answer is not a JSON object"):
        answer.document()


def test_numbers_of_others_do_not_matter() -> None:
    """A secret may hold anything beside our field; what is no plain number stays as it is written."""
    with store(respond(200, b'{"a": 123456789012345678901234567890, "b": 1.5}')) as (http, _):
        assert http.send(READ).document() == {"a": "123456789012345678901234567890", "b": "1.5"}


def test_an_answer_may_be_a_list() -> None:
    """Some APIs list things without an object around them."""
    with store(respond(200, b'[{"id": 7}]'), respond(200, b"<html>")) as (http, _):
        assert http.send(READ).json() == [{"id": 7}]
        with pytest.raises(SinkError, match="GET /x: the answer is not JSON"):
            http.send(READ).json()


def test_an_answer_is_closed() -> None:
    """It may echo the secret; whether it has a text in it can be asked."""
    with store(respond(400, SECRET.encode())) as (http, _):
        answer = http.send(READ)
    assert answer.mentions("SK-SECRET")
    assert not answer.mentions("other")
    assert SECRET not in repr(answer)
