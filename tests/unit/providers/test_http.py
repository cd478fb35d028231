"""The polite client: what it sends, when it tries again, how long it waits, and what it makes of answers."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.model import RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import (
    AnswerError,
    CredentialsError,
    DeferredError,
    KeyNotFoundError,
    OutcomeUnknownError,
    ProviderUnavailableError,
    ReconcilerError,
    RequestRejectedError,
    SecretLostError,
    UsageError,
)
from reconciler.providers._answer import Dialect
from reconciler.transport.transfer_errors import ReadOnlyTransportError
from tests.clocks import START, FakeClock
from tests.unit.providers.clients import FAST, TOKEN, client
from tests.unit.providers.raw_server import RawServer, reset, respond, send, silence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.providers._http import HttpClient, Reply
    from tests.unit.providers.raw_server import Answer

YES = {"ok": True, "data": {"id": "k1"}}
HTML = b"<!DOCTYPE html><html><body>Just a moment...</body></html>"


def closed_port() -> int:
    """Return a port of this machine where nobody listens."""
    with RawServer((respond(),)) as server:
        return server.port


def read(*answers: Answer, **options: Any) -> tuple[Reply, RawServer]:
    """Return what one GET leads to."""
    with RawServer(answers) as server:
        http = client(server.url, **options)
        try:
            return http.get("/keys"), server
        finally:
            http.close()


def read_error(*answers: Answer, **options: Any) -> tuple[ReconcilerError, RawServer]:
    """Return the error that one GET leads to."""
    with RawServer(answers) as server:
        http = client(server.url, **options)
        with pytest.raises(ReconcilerError) as caught:
            http.get("/keys", {"page": "1"})
        http.close()
    return caught.value, server


def write_error(
    *answers: Answer, creates: bool = True, method: str = "POST", **options: Any
) -> tuple[ReconcilerError, RawServer]:
    """Return the error that one write leads to."""
    with RawServer(answers) as server:
        http = client(server.url, **options)
        with pytest.raises(ReconcilerError) as caught:
            http.write(method, "/keys", b'{"a":1}', creates=creates)
        http.close()
    return caught.value, server


class TestRequest:
    """What goes out."""

    def test_the_headers_are_exactly_these(self) -> None:
        """Auth, agent, plain bodies only; nothing about the machine."""
        _, server = read(respond(200, YES), user_agent="reconciler/1.2.3")
        headers = dict(server.requests[0].headers)
        assert headers.pop("authorization") == f"Bearer {TOKEN}"
        assert headers.pop("user-agent") == "reconciler/1.2.3"
        assert headers.pop("accept") == "application/json"
        assert headers.pop("accept-encoding") == "identity"
        assert headers.keys() <= {"host", "connection"}

    def test_a_family_may_send_the_bare_token_and_a_user(self) -> None:
        """Scheme, further headers and the envelope belong to the dialect."""
        dialect = Dialect(
            success="success", details=("message",), auth_scheme=None, headers={"New-Api-User": "7"}
        )
        reply, server = read(respond(200, {"success": True, "data": []}), dialect=dialect)
        assert server.requests[0].headers["authorization"] == TOKEN
        assert server.requests[0].headers["new-api-user"] == "7"
        assert reply.document == {"success": True, "data": []}

    def test_a_prefix_of_the_base_url_stands_before_every_path(self) -> None:
        """An API behind a gateway's path is reached, and the query is encoded."""
        with RawServer((respond(200, YES),)) as server:
            http = client(f"{server.url}/gate/way/")
            http.get("/keys", {"page": "1", "q": "a b&c"})
            http.close()
            assert http.origin == server.url
        assert server.requests[0].target == "/gate/way/keys?page=1&q=a+b%26c"

    def test_a_write_carries_json_and_its_headers(self) -> None:
        """Body bytes go out as they are, with the idempotency key unquoted."""
        with RawServer((respond(200, YES),)) as server:
            http = client(server.url)
            http.write("POST", "/keys", b'{"a":1}', headers={"Idempotency-Key": "k" * 40})
            http.write("POST", "/keys/1/disable")
            http.close()
        assert server.requests[0].body == b'{"a":1}'
        assert server.requests[0].headers["content-type"] == "application/json"
        assert server.requests[0].headers["idempotency-key"] == "k" * 40
        assert server.requests[1].headers["content-length"] == "0"
        assert "content-type" not in server.requests[1].headers

    @pytest.mark.parametrize("token", [f"{TOKEN}\n", "two words", "caf\u00e9", "", "a\x00b"])
    def test_an_illegal_token_is_never_sent_nor_shown(self, token: str) -> None:
        """Httpx would quote such a header in its error."""
        with RawServer((respond(200, YES),)) as server:
            http = client(server.url, token=Secret(token))
            with pytest.raises(CredentialsError) as caught:
                http.get("/keys")
            http.close()
        assert server.connections == 0
        assert TOKEN not in "".join(traceback.format_exception(caught.value))

    def test_plain_http_to_another_machine_is_refused(self) -> None:
        """The token would travel in clear."""
        with pytest.raises(UsageError, match="https"):
            client("http://provider.example")

    def test_a_reading_client_does_not_write(self) -> None:
        """The transport of a plan cannot send anything but GET."""
        with RawServer((respond(200, YES),)) as server:
            http = client(server.url, read_only=True)
            with pytest.raises(ReadOnlyTransportError):
                http.write("PATCH", "/keys/1", b"{}")
            http.get("/keys")
            http.close()
        assert [request.method for request in server.requests] == ["GET"]


class TestReadAnswers:
    """What a read makes of each answer."""

    def test_the_provider_s_own_time_comes_along(self) -> None:
        """Ages are computed against the Date header; without a readable one the time is unknown."""
        reply, _ = read(respond(200, YES, {"Date": "Fri, 20 Nov 2026 12:30:00 GMT"}))
        assert reply.date == datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
        reply, _ = read(respond(200, YES, {"Date": "around noon"}))
        assert reply.date is None

    @pytest.mark.parametrize(
        ("answer", "kind", "text"),
        [
            (respond(200, HTML), AnswerError, "HTTP 200 with a web page"),
            (respond(200, b"{}", {"Content-Type": "text/html"}), AnswerError, "web page"),
            (respond(403, HTML), AnswerError, "HTTP 403 with a web page"),
            (respond(200, b"not json"), AnswerError, "unknown form (not JSON)"),
            (respond(200, b""), AnswerError, "HTTP 200 with an answer of unknown form"),
            (respond(204, b""), AnswerError, "HTTP 204"),
            (respond(200, b'{"ok":true,"ok":false}'), AnswerError, "a duplicate member"),
            (respond(200, b'{"ok":true,"data":NaN}'), AnswerError, "not finite"),
            (respond(200, {"data": []}), AnswerError, "no 'ok' in it"),
            (respond(200, {"ok": 1, "data": []}), AnswerError, "no 'ok' in it"),
            (respond(200, []), AnswerError, "no 'ok' in it"),
            (respond(200, {"ok": False, "detail": "sorry"}), AnswerError, '("sorry")'),
            (respond(301, b"", {"Location": "https://evil.example"}), AnswerError, "set base_url"),
            (respond(200, b"xx", {"Content-Encoding": "gzip"}), AnswerError, "compressed"),
            (respond(401, {"detail": "bad token"}), CredentialsError, "token is wrong or was reset"),
            (respond(403, {"detail": "account suspended"}), CredentialsError, "account is not active"),
            (respond(403, {"detail": "Not authenticated"}), CredentialsError, "the token may not do this"),
            (respond(404, {"detail": "Not Found"}), KeyNotFoundError, "belongs to another account"),
            (respond(422, {"detail": "bad page"}), RequestRejectedError, '("bad page")'),
            (respond(405, b""), RequestRejectedError, "HTTP 405"),
            (respond(500, b""), ProviderUnavailableError, "HTTP 500"),
            (respond(502, HTML), ProviderUnavailableError, "HTTP 502"),
            (reset(), ProviderUnavailableError, "the connection broke"),
        ],
        ids=range(23),
    )
    def test_each_answer_has_its_error(self, answer: Answer, kind: type[Exception], text: str) -> None:
        """The class tells what to do, and the text names method, path and remedy, never the query."""
        error, _ = read_error(answer)
        assert type(error) is kind
        assert str(error).startswith("GET /keys: ")
        assert text in str(error)
        assert "evil" not in str(error)
        assert error.__cause__ is None

    @pytest.mark.parametrize(
        ("detail", "shown"),
        [
            ("plain", "plain"),
            ([{"loc": ["body", "x"], "msg": "too small", "input": "canary"}], "body.x: too small"),
            ([{"loc": ["body"], "msg": "a"}, {"msg": "b"}], "body: a; b"),
            ({"code": "E1", "message": "said"}, "said"),
            ({"error": {"message": "deep"}}, "deep"),
            (f"your token {TOKEN} is bad", "your token … is bad"),
            ("key cr_0123456789abcdef0123", "key cr_…"),
            ("\x1b[2Jgone\u202e", "[2Jgone"),
        ],
        ids=range(8),
    )
    def test_what_the_server_says_is_shown_safely(self, detail: object, shown: str) -> None:
        """Text, list or object; without inputs, control characters or anything like a credential."""
        error, _ = read_error(respond(422, {"detail": detail}))
        assert f'("{shown}")' in str(error)
        assert "canary" not in str(error)

    def test_a_long_text_is_cut(self) -> None:
        """An error stays readable whatever the server sends."""
        error, _ = read_error(respond(422, {"detail": "x" * 100_000}))
        assert len(str(error)) < 400


class TestRetries:
    """When a request is sent again."""

    @pytest.mark.parametrize("answer", [respond(503), reset(), send(b"")], ids=["503", "reset", "closed"])
    def test_a_read_is_tried_three_times(self, answer: Answer) -> None:
        """Faults and broken connections end in an error after the third try."""
        error, server = read_error(answer)
        assert isinstance(error, ProviderUnavailableError)
        assert len(server.requests) == 3

    def test_a_read_succeeds_at_the_third_try(self) -> None:
        """Two faults in a row do no harm; the pauses grow and hold a part by chance."""
        clock = FakeClock()
        reply, server = read(respond(500), reset(), respond(200, YES), clock=clock)
        assert reply.document == YES
        assert len(server.requests) == 3
        assert clock.slept == [0.5, 1.0]

    def test_a_read_that_times_out_is_tried_again(self) -> None:
        """Silence costs one deadline, not the run."""
        reply, _ = read(silence, respond(200, YES), timeout=FAST)
        assert reply.document == YES

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
    def test_a_refused_read_is_not_tried_again(self, status: int) -> None:
        """Asking again would not change the answer."""
        _, server = read_error(respond(status, {"detail": "no"}))
        assert len(server.requests) == 1

    @pytest.mark.parametrize("answer", [respond(500), respond(503), reset(), silence], ids=range(4))
    def test_a_write_is_never_sent_twice(self, answer: Answer) -> None:
        """After bytes left, only the caller may decide to replay."""
        error, server = write_error(answer, timeout=FAST)
        assert isinstance(error, OutcomeUnknownError)
        assert len(server.requests) == 1

    def test_a_write_that_was_not_sent_is_tried_again(self) -> None:
        """Where nobody listens nothing was executed, so trying again is safe and the error says so."""
        clock = FakeClock()
        http = client(f"http://127.0.0.1:{closed_port()}", clock=clock)
        with pytest.raises(ProviderUnavailableError, match="the connection was refused; nothing was sent"):
            http.write("POST", "/keys", b"{}", creates=True)
        http.close()
        assert len(clock.slept) == 2

    def test_an_interruption_ends_the_tries(self) -> None:
        """A signal during the pause starts nothing new."""
        clock = FakeClock()
        clock.interrupted = True
        error, server = read_error(respond(500), clock=clock)
        assert isinstance(error, ProviderUnavailableError)
        assert len(server.requests) == 1


class TestWriteAnswers:
    """What a write makes of each answer."""

    @pytest.mark.parametrize(
        ("answer", "kind", "text"),
        [
            (respond(400, {"detail": "no"}), RequestRejectedError, "nothing was executed"),
            (respond(401, {"detail": "no"}), CredentialsError, "token is wrong"),
            (respond(403, {"detail": "no"}), CredentialsError, "token may not"),
            (respond(404, {"detail": "no"}), KeyNotFoundError, "no such key"),
            (respond(405, b""), RequestRejectedError, "HTTP 405"),
            (respond(422, {"detail": "quota"}), RequestRejectedError, '("quota")'),
            (respond(409, {"detail": "in progress"}), OutcomeUnknownError, "may have been executed"),
            (respond(402, {"detail": "pay"}), OutcomeUnknownError, "may have been executed"),
            (respond(408, b""), OutcomeUnknownError, "may have been executed"),
            (respond(500, b""), OutcomeUnknownError, "may have been executed"),
            (respond(403, HTML), OutcomeUnknownError, "may have been executed"),
            (
                respond(200, HTML),
                OutcomeUnknownError,
                "HTTP 200 with a web page in place of the API's answer; it may",
            ),
            (respond(200, {"ok": False, "detail": "x"}), OutcomeUnknownError, "may have been executed"),
            (respond(307, b""), OutcomeUnknownError, "set base_url"),
            (respond(200, b'{"ok":tr'), OutcomeUnknownError, "executed, but the answer cannot be read"),
            (respond(201, b""), OutcomeUnknownError, "executed, but the answer cannot be read"),
            (send(b"HTTP/1.1 201 OK\r\nContent-Length: 9\r\n\r\n{"), OutcomeUnknownError, "it was executed"),
            (reset(), OutcomeUnknownError, "may have been executed"),
            (
                respond(422, {"detail": "Idempotency-Key reused with another body"}),
                SecretLostError,
                "executed earlier",
            ),
            (respond(409, {"detail": "idempotency key already used"}), SecretLostError, "executed earlier"),
            (respond(400, {"detail": "Idempotency-Key is required"}), RequestRejectedError, "required"),
        ],
        ids=range(21),
    )
    def test_each_answer_to_a_create_has_its_error(
        self, answer: Answer, kind: type[Exception], text: str
    ) -> None:
        """The class says whether the create was executed, was not, or nobody knows."""
        error, server = write_error(answer)
        assert type(error) is kind
        assert text in str(error)
        assert len(server.requests) == 1

    @pytest.mark.parametrize(
        "answer", [respond(204, b""), respond(200, b""), respond(200, YES)], ids=range(3)
    )
    def test_any_yes_to_another_write_is_enough(self, answer: Answer) -> None:
        """What the write did is read back later, so an empty yes is a yes."""
        with RawServer((answer,)) as server:
            http = client(server.url)
            http.write("POST", "/keys/k1/disable")
            http.close()

    def test_talk_of_reuse_is_a_plain_refusal_where_nothing_is_minted(self) -> None:
        """Only a create can have been executed earlier under its key."""
        error, _ = write_error(
            respond(422, {"detail": "idempotency key reused"}), creates=False, method="PATCH"
        )
        assert type(error) is RequestRejectedError


class TestWaiting:
    """Budgets and 429."""

    def test_a_429_is_waited_for_and_the_write_sent_again(self) -> None:
        """Nothing was executed, so the same create goes out after the wait; the caller is told why."""
        clock, told = FakeClock(), list[tuple[str, datetime]]()
        with RawServer((respond(429, b"", {"Retry-After": "30"}), respond(200, YES))) as server:
            http = client(server.url, clock=clock, waiting=lambda why, until: told.append((why, until)))
            reply = http.write("POST", "/keys", b"{}", creates=True)
            http.close()
        assert reply.document == YES
        assert clock.slept == [30.0]
        assert told == [("the provider asked to wait", START + timedelta(seconds=30))]

    @pytest.mark.parametrize(
        ("header", "seconds"),
        [(None, 60.0), ("soon", 60.0), ("-1", 60.0), ("Fri, 20 Nov 2026 12:00:45 GMT", 45.0), ("0", 1.0)],
    )
    def test_every_form_of_retry_after(self, header: str | None, seconds: float) -> None:
        """Seconds, a date, nothing and garbage all lead to a sensible wait."""
        clock = FakeClock()
        headers = {} if header is None else {"Retry-After": header}
        read(respond(429, b"", headers), respond(200, YES), clock=clock)
        assert clock.slept == [seconds]

    @pytest.mark.parametrize(
        ("headers", "left"),
        [
            ({}, None),
            ({"X-RateLimit-Remaining": "17"}, 17),
            ({"RateLimit-Remaining": " 0 "}, 0),
            ({"X-RateLimit-Remaining": "plenty", "RateLimit-Remaining": "3"}, 3),
            ({"X-RateLimit-Remaining": "9" * 30}, None),
        ],
    )
    def test_what_an_answer_says_is_left_is_kept(self, headers: dict[str, str], left: int | None) -> None:
        """Where an answer tells it, and only as far as the last one did."""
        first = respond(200, YES, {"X-RateLimit-Remaining": "99"})
        with RawServer((first, respond(200, YES, headers))) as server:
            http = client(server.url)
            told = [http.budget_left]
            for _ in range(2):
                http.get("/keys")
                told.append(http.budget_left)
            http.close()
        assert (told, http.sent) == ([None, 99, left], 2)

    def test_a_date_is_read_against_the_provider_s_clock(self) -> None:
        """A machine whose clock is a day off still waits 20 seconds."""
        clock = FakeClock(START + timedelta(days=1))
        headers = {"Retry-After": "Fri, 20 Nov 2026 12:00:20 GMT", "Date": "Fri, 20 Nov 2026 12:00:00 GMT"}
        read(respond(429, b"", headers), respond(200, YES), clock=clock)
        assert clock.slept == [20.0]

    def test_a_longer_wait_is_deferred(self) -> None:
        """An hour is not waited for; the error says until when, and nothing more is sent."""
        error, server = write_error(respond(429, b"", {"Retry-After": "3600"}))
        assert isinstance(error, DeferredError)
        assert error.until == START + timedelta(hours=1)
        assert str(error).endswith("run again after 2026-11-20T13:00:00Z")
        assert len(server.requests) == 1

    def test_a_wait_without_end_is_asked_about_again_within_a_day(self) -> None:
        """No header keeps an account away for ever."""
        error, _ = write_error(respond(429, b"", {"Retry-After": "9" * 40}))
        assert isinstance(error, DeferredError)
        assert error.until == START + timedelta(days=1)

    def test_many_waits_of_one_request_add_up(self) -> None:
        """A server that says 60 seconds again and again does not keep a request for ever."""
        clock = FakeClock()
        error, server = read_error(respond(429, b"", {"Retry-After": "60"}), clock=clock)
        assert isinstance(error, DeferredError)
        assert clock.slept == [60.0]
        assert len(server.requests) == 2

    def test_short_refusals_without_end_are_deferred(self) -> None:
        """Five in a row are enough, however short the waits are."""
        error, server = read_error(respond(429, b"", {"Retry-After": "0"}))
        assert isinstance(error, DeferredError)
        assert len(server.requests) == 5

    def test_with_a_deadline_the_rest_of_the_run_may_be_waited(self) -> None:
        """Twelve minutes fit into twenty and not into ten."""
        for deadline, slept in ((1200.0, [720.0]), (600.0, [])):
            clock = FakeClock()
            with RawServer((respond(429, b"", {"Retry-After": "720"}), respond(200, YES))) as server:
                http = client(server.url, clock=clock, deadline=clock.monotonic() + deadline)
                if slept:
                    http.get("/keys")
                else:
                    with pytest.raises(DeferredError):
                        http.get("/keys")
                http.close()
            assert clock.slept == slept

    def test_the_own_budget_waits_before_the_provider_refuses(self) -> None:
        """The third request of a budget of two goes out a minute later; the server never said 429."""
        clock = FakeClock()
        with RawServer((respond(200, YES),)) as server:
            http = client(server.url, clock=clock, limits=RateLimits(requests_per_minute=2))
            for _ in range(3):
                http.get("/keys")
            http.close()
        assert clock.slept == [60.0]
        assert len(server.requests) == 3

    def test_a_spent_budget_of_creates_is_deferred_and_reads_go_on(self) -> None:
        """The sixth create of the hour is not sent."""
        with RawServer((respond(200, YES),)) as server:
            http = client(server.url, limits=RateLimits(creates_per_hour=1))
            http.write("POST", "/keys", b"{}", creates=True)
            with pytest.raises(DeferredError, match="the limit of 1 creates per hour is used up"):
                http.write("POST", "/keys", b"{}", creates=True)
            http.get("/keys")
            http.close()
        assert [request.method for request in server.requests] == ["POST", "GET"]

    def test_an_interruption_ends_the_wait(self) -> None:
        """A signal while waiting means that nothing was executed and the next run goes on."""
        clock = FakeClock()
        clock.interrupted = True
        error, _ = write_error(respond(429, b"", {"Retry-After": "30"}), clock=clock)
        assert isinstance(error, DeferredError)
        assert "interrupted" in str(error)


class TestFallback:
    """The second host."""

    @pytest.fixture
    def dead(self) -> str:
        """Return a base URL where nobody listens."""
        return f"http://127.0.0.1:{closed_port()}"

    @pytest.fixture
    def second(self) -> Iterator[RawServer]:
        """Return a server that says yes."""
        with RawServer((respond(200, YES),)) as server:
            yield server

    def both(self, http: HttpClient) -> None:
        """Read once and write once."""
        http.get("/keys")
        http.write("POST", "/keys", b"{}", replay_key="k", creates=True)
        http.close()

    def test_it_is_used_when_nothing_could_be_sent(self, dead: str, second: RawServer) -> None:
        """Without a pause, and from then on first."""
        clock = FakeClock()
        http = client(dead, second.url, clock=clock)
        assert http.origin == dead
        self.both(http)
        assert [request.method for request in second.requests] == ["GET", "POST"]
        assert clock.slept == []

    @pytest.mark.parametrize(
        "answer", [reset(), respond(500), respond(429, b"", {"Retry-After": "1"})], ids=range(3)
    )
    def test_it_is_not_used_after_bytes_left(self, answer: Answer, second: RawServer) -> None:
        """The first host may have executed the create, so the second must not see it."""
        with RawServer((answer,)) as first:
            http = client(first.url, second.url)
            with pytest.raises(ReconcilerError):
                http.write("POST", "/keys", b"{}", replay_key="k", creates=True)
            http.close()
        assert first.requests
        assert second.connections == 0

    def test_a_replay_goes_to_the_host_that_was_reached(self, second: RawServer) -> None:
        """The store of idempotency keys may be per host: a dead first host does not move the replay."""
        with RawServer((reset(),)) as first:
            http = client(first.url, second.url)
            with pytest.raises(OutcomeUnknownError):
                http.write("POST", "/keys", b"{}", replay_key="k", creates=True)
        with pytest.raises(ProviderUnavailableError, match="nothing was sent"):
            http.write("POST", "/keys", b"{}", replay_key="k", creates=True)
        assert second.connections == 0
        http.write("POST", "/keys", b"{}", replay_key="other", creates=True)
        assert len(second.requests) == 1
        http.close()


def test_a_failed_handshake_means_that_nothing_was_sent() -> None:
    """A server that does not speak TLS sees neither method, path nor token."""
    with RawServer((respond(),), greeting=b"no TLS here\r\n") as server:
        http = client(f"https://127.0.0.1:{server.port}")
        with pytest.raises(ProviderUnavailableError, match=r"TLS could not be agreed on; nothing was sent"):
            http.write("POST", "/keys", b"{}", creates=True)
        http.close()
    assert server.requests == []
