"""The one polite HTTP client of all stores: allowed addresses, retries, waits, strict JSON."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, Never
from urllib.parse import quote, urlencode, urlsplit

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, DeferredError, SinkError, SinkUnverifiedError, UsageError
from reconciler.sinks._store_wire import StoreWire, TransferError, WireRequest, tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.ports.clock import Clock
    from reconciler.sinks._store_wire import WireAnswer

__all__ = ["Call", "StoreAnswer", "StoreHttp", "path_of", "tls_context"]

JSON: Final = "application/json"
_TRIES: Final = 3
_BACKOFF_SECONDS: Final = 0.5
_MAX_WAIT_SECONDS: Final = 90.0
_USUAL_WAIT_SECONDS: Final = 5.0
# What a date can still be told for.
_LONGEST_SECONDS: Final = 366 * 86_400.0
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_HEADER: Final = re.compile(r"[ -~]{0,16384}")
_REDIRECTS: Final = range(300, 400)
_FAULTS: Final = range(500, 600)
_MAX_DIGITS: Final = 17


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request to a store, as errors name it: method and path, never query, headers or body.

    Attributes:
        method: the HTTP method.
        path: below the base URL, percent-encoded; `path_of` makes it from segments.
        query: parameters.
        headers: further ones; those with credentials are set on `StoreHttp.send`.
        body: the content; it may hold the secret.
        content_type: of the body.
        repeatable: doing it twice leaves the store as doing it once; what only reads always is.
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
class StoreAnswer:
    """A complete answer below 500 and no redirect; stores echo secrets, so its body stays closed.

    Attributes:
        call: what it answers.
        status: of HTTP.
        headers: names in lower case.
        body: the bytes as Latin-1 text.
    """

    call: Call
    status: int
    headers: Mapping[str, str]
    body: Secret

    @property
    def ok(self) -> bool:
        """Whether the store said yes."""
        return self.status in range(200, 300)

    def mentions(self, text: str) -> bool:
        """Tell whether the body contains a text, without showing the body."""
        return text.lower() in self.body.reveal().lower()

    def document(self) -> dict[str, Any]:
        """Return the JSON object in the body; the caller keeps no secret of it in a local variable.

        Raises:
            SinkError: when it is not one object with unique names and finite numbers.
        """
        found = _parsed(self.body)
        if found is None:
            msg = f"{self.call}: the answer is not a JSON object; check that the address is the store's API"
            raise SinkError(msg)
        return found

    def error(self, remedy: str) -> SinkError:
        """Return the error that says what was asked, the status, and the remedy."""
        return SinkError(f"{self}; {remedy}")

    def __str__(self) -> str:
        return f"{self.call}: HTTP {self.status}"


class StoreHttp:
    """Requests to one store; safe for any number of threads.

    Args:
        base_url: https, or http to this machine; without user, query and fragment.
        clock: for waits between tries.
        tls: how certificates are verified; the system's authorities when left out.
        timeout: seconds for one exchange in all.

    Raises:
        UsageError: when the address is not allowed; it is not repeated, since it may hold a password.
    """

    def __init__(
        self, base_url: str, *, clock: Clock, tls: ssl.SSLContext | None = None, timeout: float = 30.0
    ) -> None:
        self._base, secure = _checked(base_url)
        self._clock = clock
        self._wire = StoreWire(tls=(tls or tls_context()) if secure else None, timeout=timeout)

    def send(self, call: Call, credentials: Mapping[str, Secret] | None = None) -> StoreAnswer:
        """Send a request; up to three times where that is safe.

        Args:
            call: what to ask.
            credentials: headers that hold secrets.

        Raises:
            SinkError: nothing was done: it was not sent, or a read got no good answer.
            SinkUnverifiedError: a write was sent and its answer is lost or a 5xx, so it may have been done.
            DeferredError: the store asks for a longer wait than this program takes; nothing was done.
            CredentialsError: a credential cannot be sent in a header.
        """
        request = self._request(call, credentials or {})
        lost = False
        for number in range(1, _TRIES + 1):
            last = number == _TRIES
            found = self._attempt(call, request, last=last, lost=lost)
            if isinstance(found, StoreAnswer):
                return found
            if found is None:
                continue
            lost = lost or found.sent
            again = not found.sent or ((call.reads or call.repeatable) and not found.final)
            if last or not again or not self._clock.sleep(_BACKOFF_SECONDS * 2 ** (number - 1)):
                raise _failed(call, found.reason, lost=lost)
        raise AssertionError  # the last try returns or raises

    def close(self) -> None:
        """Release connections."""
        self._wire.close()

    def _request(self, call: Call, credentials: Mapping[str, Secret]) -> WireRequest:
        headers = {
            "User-Agent": Secret("reconciler"),
            "Accept": Secret(JSON),
            "Accept-Encoding": Secret("identity"),
            **({"Content-Type": Secret(call.content_type)} if call.body is not None else {}),
            **{name: Secret(value) for name, value in call.headers.items()},
            **credentials,
        }
        # httpx quotes an illegal header value, that is the token, in its error.
        if not all(_HEADER.fullmatch(value.reveal()) for value in headers.values()):
            msg = "a credential holds a line break or another illegal character; set it again"
            raise CredentialsError(msg)
        query = f"?{urlencode(call.query)}" if call.query else ""
        url = f"{self._base}{call.path}{query}"
        return WireRequest(method=call.method, url=url, headers=headers, body=call.body)

    def _attempt(
        self, call: Call, request: WireRequest, *, last: bool, lost: bool
    ) -> StoreAnswer | TransferError | None:
        """Return the answer or why there is none; None when the store asked to wait and that is over."""
        try:
            answer = self._wire.exchange(request)
        except TransferError as error:
            return error
        seconds = _asked_wait(answer, self._clock.now())
        if seconds is not None:
            self._wait(call, seconds, last=last, lost=lost)
            return None
        if answer.status in _FAULTS:
            return TransferError(f"HTTP {answer.status}", sent=True)
        if answer.status in _REDIRECTS:
            msg = f"{call}: HTTP {answer.status}, a redirect; set the address that it leads to"
            raise SinkError(msg)
        return StoreAnswer(call=call, status=answer.status, headers=answer.headers, body=answer.body)

    def _wait(self, call: Call, seconds: float, *, last: bool, lost: bool) -> None:
        until = self._clock.now() + timedelta(seconds=min(seconds, _LONGEST_SECONDS))
        if last or seconds > _MAX_WAIT_SECONDS or not self._clock.sleep(seconds):
            if lost and not call.reads:
                raise _failed(call, "the store asks to wait", lost=True)
            when = f"{until:%Y-%m-%dT%H:%M:%SZ}"
            msg = f"{call}: the store asks to wait; nothing was done; run again after {when}"
            raise DeferredError(msg, until=until)


def path_of(*segments: str) -> str:
    """Return an absolute path of segments, each percent-encoded as a whole (RFC 3986)."""
    return "".join(f"/{quote(segment, safe='')}" for segment in segments)


def _failed(call: Call, reason: str, *, lost: bool) -> SinkError:
    if lost and not call.reads:
        return SinkUnverifiedError(f"{call}: {reason}; it may have been done; run again to find out")
    done = "nothing was changed" if call.reads else "nothing was sent"
    return SinkError(f"{call}: {reason}; {done}; check the store's address and the network, then run again")


def _asked_wait(answer: WireAnswer, now: datetime) -> float | None:
    """Return how many seconds the store asks to wait; None when it does not (RFC 9110 section 10.2.3)."""
    text = answer.headers.get("retry-after", "").strip()
    reset = answer.headers.get("x-ratelimit-reset", "").strip()
    exhausted = answer.headers.get("x-ratelimit-remaining", "").strip() == "0" and reset.isdecimal()
    # GitHub answers 403 to who is too fast, and only these headers tell it from a missing permission.
    if answer.status != HTTPStatus.TOO_MANY_REQUESTS and not (
        answer.status == HTTPStatus.FORBIDDEN and (text or exhausted)
    ):
        return None
    if text.isdecimal():
        return float(text[:_MAX_DIGITS])
    if exhausted:
        return max(0.0, float(reset[:_MAX_DIGITS]) - now.timestamp())
    try:
        moment = parsedate_to_datetime(text)
        return max(0.0, (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds())
    except (ValueError, TypeError, OverflowError):
        return _USUAL_WAIT_SECONDS


def _checked(base_url: str) -> tuple[str, bool]:
    try:
        parts = urlsplit(base_url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise UsageError(_ADDRESS) from None
    allowed = parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
    odd = parts.username is not None or parts.query or parts.fragment or not base_url.isascii()
    if not allowed or not host or odd or base_url.split() != [base_url]:
        raise UsageError(_ADDRESS)
    return base_url.rstrip("/"), parts.scheme == "https"


class _AbsurdError(ValueError):
    """Raised inside this module for JSON that is refused."""


def _parsed(body: Secret) -> dict[str, Any] | None:
    try:
        found = _DECODER.decode(body.reveal().encode("latin-1").decode())
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _AbsurdError
    return members


def _integer(text: str) -> int | str:
    # Beside our values there may be anybody's: what no number of ours can be stays text.
    return int(text) if len(text) <= _MAX_DIGITS else text


def _constant(_text: str) -> Never:
    raise _AbsurdError


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_int=_integer, parse_constant=_constant)
_ADDRESS: Final = (
    "a store's address must be https://host[:port][/path] without user, query or fragment "
    "(http only for 127.0.0.1, ::1 and localhost); correct it in the settings"
)
