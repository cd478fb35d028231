"""Requests to one HTTP API whose calls say themselves what may be sent again: retries, waits, errors."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from functools import wraps
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar
from urllib.parse import quote, urlencode

from reconciler.core.strict_json import BadJsonError
from reconciler.errors import CredentialsError, DeferredError
from reconciler.transport.address import parse_base_url
from reconciler.transport.connections import Connections, HttpRequest
from reconciler.transport.retry_after import asked_wait
from reconciler.transport.tls import tls_context
from reconciler.transport.transfer_errors import TransferError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping

    from reconciler.core.secret import Secret
    from reconciler.errors import ReconcilerError
    from reconciler.ports.clock import Clock
    from reconciler.transport.connections import HttpAnswer

JSON: Final = "application/json"
_TRIES: Final = 3
_BACKOFF_SECONDS: Final = 0.5
_MAX_WAIT_SECONDS: Final = 90.0
_USUAL_WAIT_SECONDS: Final = 5.0
_HEADER: Final = re.compile(r"[ -~]{0,16384}")
_REDIRECTS: Final = range(300, 400)
_FAULTS: Final = range(500, 600)


Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """How errors speak of the other side, and which ones they are.

    Attributes:
        name: for example "the store".
        failed: raised when nothing was done.
        unverified: raised when a write may have been done.
    """

    name: str
    failed: type[ReconcilerError]
    unverified: type[ReconcilerError]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request as errors name it: method and path, never query, headers or body.

    Attributes:
        method: the HTTP method.
        path: below the base URL, percent-encoded; `path_of` makes it from segments.
        query: parameters.
        headers: further ones; those with credentials are given to `ApiClient.send`.
        body: the content; it may hold the secret.
        content_type: of the body.
        repeatable: doing it twice leaves the other side as doing it once; what only reads always is.
        asks: a POST that only asks something, a login for example; losing its answer loses nothing.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Secret | None = None
    content_type: str = JSON
    repeatable: bool = False
    asks: bool = False

    @property
    def reads(self) -> bool:
        """Whether it changes nothing that counts."""
        return self.asks or self.method in {"GET", "LIST"}

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiAnswer:
    """A complete answer below 500 and no redirect; its body stays closed.

    Attributes:
        call: what it answers.
        peer: who answers.
        http: status, headers and body.
    """

    call: Call
    peer: Peer
    http: HttpAnswer

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.http.status

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; names in lower case."""
        return self.http.headers

    @property
    def ok(self) -> bool:
        """Whether the other side said yes."""
        return self.http.ok

    def mentions(self, text: str) -> bool:
        """Tell whether the body contains a text, without showing the body."""
        return text.lower() in self.http.body.reveal().lower()

    def json(self) -> Any:
        """Return the JSON in the body; the caller keeps no secret of it in a local variable.

        Raises:
            ReconcilerError: of the peer, when it is no strict JSON.
        """
        try:
            return self.http.json(odd_numbers="text")
        except BadJsonError:
            pass
        raise self.unreadable(expected="JSON")

    def document(self) -> dict[str, Any]:
        """Return the JSON object in the body, as `json` does."""
        try:
            found = self.http.json(odd_numbers="text")
        except BadJsonError:
            found = None
        if not isinstance(found, dict):
            raise self.unreadable(expected="a JSON object")
        return found

    def error(self, remedy: str) -> ReconcilerError:
        """Return the error that says what was asked, the status, and the remedy."""
        return self.peer.failed(f"{self}; {remedy}")

    def unreadable(self, *, expected: str) -> ReconcilerError:
        """Return the error for a yes whose content has another form than the expected one."""
        return self.peer.failed(
            f"{self.call}: the answer is not {expected}; check that the address is that of an API"
        )

    def __str__(self) -> str:
        return f"{self.call}: HTTP {self.status}"


def as_documented(
    peer: Peer, *, writes: bool = True
) -> Callable[[Callable[Parameters, Result]], Callable[Parameters, Result]]:
    """Return a decorator: what comes of an answer with other members than documented is an error of the peer.

    Args:
        peer: who answers.
        writes: something may have been written before.
    """
    kind = peer.unverified if writes else peer.failed
    done = ", and something may have been written" if writes else ""

    def decorated(ask: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
        @wraps(ask)
        def asked(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
            with suppress(LookupError, TypeError, ValueError, AttributeError):
                return ask(*arguments, **named)
            # Raised outside the handler: the frames of the foreign error may hold a secret.
            msg = (
                f"{peer.name} answered in another form than it documents{done}; check the address of its "
                "API, then run again"
            )
            raise kind(msg)

        return asked

    return decorated


class ApiClient:
    """Requests to one API; safe for any number of threads.

    Args:
        base_url: https, or http to this machine; without user, query and fragment.
        peer: how errors speak of the other side.
        clock: for waits between tries.
        tls: how certificates are verified; the system's authorities when left out.
        timeout: seconds for one exchange in all.

    Raises:
        UsageError: when the address is not allowed; it is not repeated, since it may hold a password.
    """

    def __init__(
        self,
        base_url: str,
        *,
        peer: Peer,
        clock: Clock,
        tls: ssl.SSLContext | None = None,
        timeout: float = 30.0,
    ) -> None:
        self._base = parse_base_url(base_url, called=f"the address of {peer.name}")
        self._peer = peer
        self._clock = clock
        settings = tls_context if tls is None else lambda: tls
        self._connections = Connections(tls=settings if self._base.secure else None, timeout=timeout)

    def send(self, call: Call, credentials: Mapping[str, Secret] | None = None) -> ApiAnswer:
        """Send a request; up to three times where that is safe.

        Args:
            call: what to ask.
            credentials: headers that hold secrets.

        Raises:
            ReconcilerError: of the peer, either that nothing was done: it was not sent, or a read got no
                good answer; or that a write was sent and its answer is lost, a 5xx or a redirect, so it may
                have been done.
            DeferredError: a longer wait is asked for than this program takes; nothing was done.
            CredentialsError: a credential cannot be sent in a header.
        """
        request = self._request(call, credentials or {})
        lost, number = False, 0
        while True:
            number += 1
            last = number == _TRIES
            found = self._attempt(call, request, last=last, lost=lost)
            if isinstance(found, ApiAnswer):
                return found
            if found is None:
                continue
            lost = lost or found.sent
            again = not found.sent or ((call.reads or call.repeatable) and not found.final)
            if last or not again or not self._clock.sleep(_BACKOFF_SECONDS * 2 ** (number - 1)):
                raise self._failed(call, found.reason, lost=lost)

    def close(self) -> None:
        """Release connections."""
        self._connections.close()

    def _request(self, call: Call, credentials: Mapping[str, Secret]) -> HttpRequest:
        headers: dict[str, str | Secret] = {
            "User-Agent": "reconciler",
            "Accept": JSON,
            "Accept-Encoding": "identity",
            **({"Content-Type": call.content_type} if call.body is not None else {}),
            **call.headers,
            **credentials,
        }
        # httpx quotes an illegal header value, that is the token, in its error.
        if not all(_HEADER.fullmatch(value.reveal()) for value in credentials.values()):
            msg = "a credential holds a line break or another illegal character; set it again"
            raise CredentialsError(msg)
        query = f"?{urlencode(call.query)}" if call.query else ""
        return HttpRequest(
            method=call.method, url=f"{self._base}{call.path}{query}", headers=headers, body=call.body
        )

    def _attempt(
        self, call: Call, request: HttpRequest, *, last: bool, lost: bool
    ) -> ApiAnswer | TransferError | None:
        """Return the answer or why there is none; None when a wait was asked for and is over."""
        try:
            answer = self._connections.exchange(request)
        except TransferError as error:
            return error
        now = self._clock.now()
        seconds = asked_wait(answer.status, answer.headers, now=now, usual=_USUAL_WAIT_SECONDS)
        if seconds is not None:
            self._wait(call, seconds, last=last, lost=lost)
            return None
        if answer.status in _FAULTS:
            return TransferError(f"HTTP {answer.status}", sent=True)
        if answer.status in _REDIRECTS:
            # Who answers a write so may have done it all the same.
            kind = self._peer.failed if call.reads else self._peer.unverified
            msg = f"{call}: HTTP {answer.status}, a redirect; set the address that it leads to"
            raise kind(msg)
        return ApiAnswer(call=call, peer=self._peer, http=answer)

    def _wait(self, call: Call, seconds: float, *, last: bool, lost: bool) -> None:
        until = self._clock.now() + timedelta(seconds=seconds)
        if last or seconds > _MAX_WAIT_SECONDS or not self._clock.sleep(seconds):
            asked = f"{self._peer.name} asks to wait"
            if lost and not call.reads:
                raise self._failed(call, asked, lost=True)
            msg = f"{call}: {asked}; nothing was done; run again after {until:%Y-%m-%dT%H:%M:%SZ}"
            raise DeferredError(msg, until=until)

    def _failed(self, call: Call, reason: str, *, lost: bool) -> ReconcilerError:
        if lost and not call.reads:
            return self._peer.unverified(f"{call}: {reason}; it may have been done; run again to find out")
        done = "nothing was changed" if call.reads else "nothing was sent"
        return self._peer.failed(
            f"{call}: {reason}; {done}; check the address of {self._peer.name} and the network, "
            "then run again"
        )


def path_of(*segments: str) -> str:
    """Return an absolute path of segments, each percent-encoded as a whole (RFC 3986)."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)
