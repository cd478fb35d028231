"""What a dialect may add to the HTTP client: refusals told by the body, and limiters that do not say when."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import AnswerError, DeferredError, OutcomeUnknownError, RequestRejectedError
from tests.clocks import FakeClock
from tests.unit.providers.clients import QCODE, client
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from reconciler.errors import ReconcilerError
    from reconciler.providers._answer import Call


def refusal(call: Call, status: int, detail: str) -> ReconcilerError | None:
    """Take every no with a text for a rejection."""
    return RequestRejectedError(f"{call} {status} {detail}") if detail else None


def test_a_no_with_http_200_is_what_the_dialect_says() -> None:
    """Without one, nobody can tell what a write came to."""
    with RawServer((respond(200, {"ok": False, "detail": "full"}),)) as server:
        plain, taught = client(server.url), client(server.url, dialect=replace(QCODE, refusal=refusal))
        with pytest.raises(OutcomeUnknownError):
            plain.write("POST", "/x", b"{}")
        with pytest.raises(RequestRejectedError, match="POST /x 200 full"):
            taught.write("POST", "/x", b"{}")
        with pytest.raises(AnswerError):
            plain.get("/x")
        with pytest.raises(RequestRejectedError, match="GET /x 200 full"):
            taught.get("/x")
        plain.close()
        taught.close()


def test_what_the_dialect_does_not_know_is_left_to_the_status() -> None:
    """An empty answer says nothing, and a page is not the API's."""
    with RawServer((respond(200), respond(500, b"<html>"))) as server:
        http = client(server.url, dialect=replace(QCODE, refusal=refusal))
        for _ in range(2):
            with pytest.raises(OutcomeUnknownError):
                http.write("POST", "/x", b"{}", creates=True)
        http.close()


@pytest.mark.parametrize(
    ("headers", "waits"), [({}, [22.0, 45.0, 90.0, 180.0]), ({"Retry-After": "7"}, [7.0, 7.0, 7.0, 7.0])]
)
def test_waits_grow_to_the_window_where_the_provider_does_not_say(
    headers: dict[str, str], waits: list[float]
) -> None:
    """The fourth wait is the whole window, so a fifth refusal ends the request."""
    clock = FakeClock()
    with RawServer((respond(429, b"", headers),)) as server:
        dialect = replace(QCODE, window=180.0)
        http = client(server.url, dialect=dialect, clock=clock, max_wait=1_000.0)
        with pytest.raises(DeferredError, match="5 times in a row"):
            http.get("/x")
        http.close()
    assert clock.slept == waits


@pytest.mark.parametrize(("headers", "until"), [({}, "12:20:00Z"), ({"Retry-After": "60"}, "12:01:00Z")])
def test_a_small_limit_of_a_path_ends_the_call_and_holds_nothing_else_back(
    headers: dict[str, str], until: str
) -> None:
    """Reads and writes alike."""
    clock = FakeClock()
    full = respond(429, b"", headers)
    with RawServer((full, full, respond(200, {"ok": True}))) as server:
        http = client(server.url, clock=clock, deadline=clock.monotonic() + 10_000)
        with pytest.raises(DeferredError, match=until) as caught:
            http.get("/x", own_window=1_200.0)
        with pytest.raises(DeferredError, match=until):
            http.write("POST", "/x", own_window=1_200.0)
        http.get("/y")
        http.close()
    assert caught.value.until is not None
    assert clock.slept == []


def test_another_dialect_counts_from_the_next_request_on() -> None:
    """The auth scheme is found out by reading."""
    with RawServer((respond(200, {"ok": True}),)) as server:
        http = client(server.url)
        http.get("/x")
        http.speak(replace(QCODE, auth_scheme=None))
        http.get("/x")
        http.close()
        first, second = (request.headers["authorization"] for request in server.requests)
    assert first == f"Bearer {second}"
