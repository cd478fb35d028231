"""The one polite HTTP client of all providers: budgets, waiting, retries, fallback hosts, one auth header."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from reconciler.core.sanitize import redact
from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, DeferredError
from reconciler.providers._answer import Call, Dialect, document_of, error_of
from reconciler.providers._budget import RequestBudget, Reservation
from reconciler.transport.address import parse_base_url
from reconciler.transport.connections import Connections, HttpRequest
from reconciler.transport.retry_after import http_date, retry_after
from reconciler.transport.tls import tls_context
from reconciler.transport.transfer_errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from reconciler.core.model import RateLimits
    from reconciler.core.strict_json import Json
    from reconciler.ports.clock import Clock
    from reconciler.providers._budget import Delay
    from reconciler.transport.connections import HttpAnswer

__all__ = ["Dialect", "HttpClient", "Reply"]

_TRIES: Final = 3
_REFUSALS: Final = 5
_BACKOFF_SECONDS: Final = 0.5
_UNKNOWN_WAIT_SECONDS: Final = 60.0
_LONGEST_WAIT_SECONDS: Final = 86_400.0
# No vendor of these documents one of them; where a proxy sends one, it is worth telling.
_LEFT: Final = ("x-ratelimit-remaining", "ratelimit-remaining", "x-ratelimit-remaining-requests")
_COUNT: Final = re.compile(r"[0-9]{1,9}\Z")
_TOKEN: Final = re.compile(r"[!-~]{1,4096}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A document and the provider's own time when it was sent; None where it does not say."""

    document: Json
    date: datetime | None


@dataclass(slots=True, kw_only=True, eq=False)
class _Request:
    """One logical request, and what has happened to it so far."""

    call: Call
    target: str
    body: Secret | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    replay_key: str | None = None
    base: int | None = None
    waited: float = 0.0
    failures: int = 0
    refusals: int = 0


class HttpClient:
    """One account's requests. Safe for any number of threads; `max_connections` of them work at once.

    Args:
        base_urls: where to send; those after the first are used only while nothing could be sent.
        token: the credential; it is revealed only while a request is built.
        dialect: auth and envelope of the API.
        limits: the account's budgets.
        clock: for budgets and waits.
        rng: returns a number from 0 to 1, for the jitter between tries.
        read_only: refuse every method but GET, below everything else.
        max_connections: the most requests at once.
        timeout: seconds for one exchange.
        max_wait: the most seconds that one request waits for a budget or after a 429.
        deadline: the run's end on the monotonic clock; with one, it bounds the waits in place of `max_wait`.
        waiting: is told why and until when, each time before a wait, by whichever thread waits.
        user_agent: this program and its version.
    """

    def __init__(
        self,
        *,
        base_urls: Sequence[str],
        token: Secret,
        dialect: Dialect,
        limits: RateLimits,
        clock: Clock,
        rng: Callable[[], float],
        read_only: bool = False,
        max_connections: int = 8,
        timeout: float = 30.0,
        max_wait: float = 90.0,
        deadline: float | None = None,
        waiting: Callable[[str, datetime], None] | None = None,
        user_agent: str = "reconciler",
    ) -> None:
        self._bases = [parse_base_url(url) for url in base_urls]
        self._token = token
        self._dialect = dialect
        self._clock = clock
        self._rng = rng
        self._max_wait = max_wait
        self._deadline = deadline
        self._waiting = waiting
        self._user_agent = user_agent
        self._budget = RequestBudget(limits, clock)
        self._preferred = 0
        self._left: int | None = None
        self._reached: dict[str, int] = {}
        self.max_connections = max_connections
        self._connections = [
            Connections(
                tls=tls_context if base.secure else None,
                timeout=timeout,
                most=max_connections,
                read_only=read_only,
            )
            for base in self._bases
        ]

    @property
    def origin(self) -> str:
        """Scheme, host and port of the first base URL."""
        return self._bases[0].origin

    @property
    def budget_left(self) -> int | None:
        """How many requests the last answer said are left; None where it did not."""
        return self._left

    @property
    def sent(self) -> int:
        """How many requests were sent so far, those that were sent again included."""
        return self._budget.sent

    def speak(self, dialect: Dialect) -> None:
        """Use another dialect from now on; which one is the account's is found out by reading only."""
        self._dialect = dialect

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, own_window: float | None = None
    ) -> Reply:
        """Read; tried up to three times.

        Args:
            path: below the base URL.
            params: of the query.
            own_window: seconds of a small limit that the path has to itself; a 429 ends the call at once.

        Raises:
            CredentialsError: 401 or 403.
            KeyNotFoundError: 404.
            RequestRejectedError: any other 4xx.
            ProviderUnavailableError: no answer or a 5xx, after the last try.
            AnswerError: a redirect, a web page, or a document that says no or is not of the protocol.
            DeferredError: the wait for a budget or after a 429 would be too long.
        """
        target = f"{path}?{urlencode(params)}" if params else path
        call = Call(method="GET", path=path, own_window=own_window)
        return self._perform(_Request(call=call, target=target))

    def write(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        headers: Mapping[str, str] | None = None,
        replay_key: str | None = None,
        creates: bool = False,
        own_window: float | None = None,
    ) -> Reply:
        """Write; sent again only when nothing was sent or the provider answered 429.

        Args:
            method: the HTTP method.
            path: below the base URL.
            body: JSON.
            headers: further ones, for example an idempotency key.
            replay_key: requests with the same one go to the host that the first of them reached.
            creates: counts against the budget of creates, and a lost answer may have minted a key.
            own_window: seconds of a small limit that the path has to itself; a 429 ends the call at once.

        Raises:
            CredentialsError: 401 or 403.
            KeyNotFoundError: 404.
            RequestRejectedError: refused, nothing executed.
            SecretLostError: an equal create was executed earlier and is not replayed.
            OutcomeUnknownError: it may have been executed.
            ProviderUnavailableError: nothing was sent.
            DeferredError: the wait for a budget or after a 429 would be too long; nothing executed.
        """
        extra = dict(headers or {})
        if body is not None:
            extra["Content-Type"] = "application/json"
        content = None if body is None else Secret(body.decode())
        call = Call(method=method, path=path, creates=creates, own_window=own_window)
        return self._perform(
            _Request(call=call, target=path, body=content, headers=extra, replay_key=replay_key)
        )

    def redact(self, text: str, limit: int = 200) -> str:
        """Return foreign text without control characters and without anything like a credential."""
        return redact(text, (self._token.reveal(),), limit)

    def close(self) -> None:
        """Release connections."""
        for connections in self._connections:
            connections.close()

    def _headers(self, extra: Mapping[str, str]) -> dict[str, str | Secret]:
        token = self._token.reveal()
        # httpx quotes an illegal header value, that is the token, in its error.
        if not _TOKEN.match(token):
            message = "the account's token holds a blank or another illegal character; set it again"
            raise CredentialsError(message)
        scheme = self._dialect.auth_scheme
        return {
            "Authorization": Secret(f"{scheme} {token}" if scheme else token),
            "User-Agent": self._user_agent,
            "Accept": "application/json",
            "Accept-Encoding": "identity",
            **self._dialect.headers,
            **extra,
        }

    def _perform(self, request: _Request) -> Reply:
        if request.replay_key is not None:
            request.base = self._reached.get(request.replay_key)
        while True:
            reply = self._attempt(request)
            if reply is not None:
                return reply

    def _attempt(self, request: _Request) -> Reply | None:
        """Send once; None asks for another attempt, for which the pause is already over."""
        call = request.call
        try:
            raw = self._send(request)
        except TransferError as error:
            transfer = error
        else:
            self._left = _told_left(raw.headers)
            if raw.status == HTTPStatus.TOO_MANY_REQUESTS:
                self._hold_back(request, raw)
                return None
            if call.reads and raw.status >= HTTPStatus.INTERNAL_SERVER_ERROR and self._pause(request):
                return None
            document = document_of(call, raw, self._dialect, self.redact)
            return Reply(document=document, date=http_date(raw.headers.get("date")))
        again = not transfer.sent or (call.reads and not transfer.final)
        if again and self._pause(request):
            return None
        raise error_of(call, transfer)

    def _send(self, request: _Request) -> HttpAnswer:
        reservation = self._reserve(request)
        sent = False
        try:
            answer = self._exchange(request)
            sent = True
        except TransferError as error:
            sent = error.sent
            raise
        finally:
            self._budget.settle(reservation, sent=sent)
        return answer

    def _exchange(self, request: _Request) -> HttpAnswer:
        """Try the base URLs in turn until one is reached; from then on it is that one for this request."""
        headers = self._headers(request.headers)
        first = self._preferred
        others = [index for index in range(len(self._bases)) if index != first]
        failure: TransferError | None = None
        for index in [first, *others] if request.base is None else [request.base]:
            base = self._bases[index]
            sent = HttpRequest(
                method=request.call.method, url=f"{base}{request.target}", headers=headers, body=request.body
            )
            try:
                answer = self._connections[index].exchange(sent)
            except TransferError as error:
                failure = error
                if not error.sent:
                    continue
                self._stick(request, index)
                break
            self._stick(request, index)
            return answer
        assert failure is not None  # noqa: S101  # there is at least one base URL
        raise failure

    def _stick(self, request: _Request, index: int) -> None:
        # The store of idempotency keys may be per host, so a replay elsewhere could mint a second key.
        request.base = index
        self._preferred = index
        if request.replay_key is not None:
            self._reached[request.replay_key] = index

    def _reserve(self, request: _Request) -> Reservation:
        while True:
            place = self._budget.reserve(create=request.call.creates)
            if isinstance(place, Reservation):
                return place
            self._wait(request, place)

    def _hold_back(self, request: _Request, raw: HttpAnswer) -> None:
        """Note a 429; the wait itself happens at the next reservation, in every thread alike."""
        now = self._clock.now()
        served = http_date(raw.headers.get("date")) or now
        request.refusals += 1
        asked = retry_after(raw.headers.get("retry-after") or self._guess(request), now=served)
        seconds = _UNKNOWN_WAIT_SECONDS if asked is None else min(max(asked, 1.0), _LONGEST_WAIT_SECONDS)
        if request.call.own_window is not None:
            until = now + timedelta(seconds=seconds)
            message = (
                f"{request.call}: HTTP 429; nothing was executed; "
                f"the limit of this path is small, run again after {until:%Y-%m-%dT%H:%M:%SZ}"
            )
            raise DeferredError(message, until=until)
        self._budget.block(create=request.call.creates, seconds=seconds)
        if request.refusals == _REFUSALS:
            message = (
                f"{request.call}: HTTP 429, {_REFUSALS} times in a row; nothing was executed; run again later"
            )
            raise DeferredError(message, until=now + timedelta(seconds=seconds))

    def _guess(self, request: _Request) -> str | None:
        """Return how long to hold back where the provider does not say; None where its window is unknown."""
        if request.call.own_window is not None:
            return str(int(request.call.own_window))
        window = self._dialect.window
        # Growing towards the whole window, since room may come with the oldest request that leaves it.
        return None if window is None else str(int(window / 2 ** max(_REFUSALS - 1 - request.refusals, 0)))

    def _wait(self, request: _Request, delay: Delay) -> None:
        until = self._clock.now() + timedelta(seconds=delay.seconds)
        allowed = self._max_wait - request.waited
        if self._deadline is not None:
            allowed = self._deadline - self._clock.monotonic()
        remedy = f"nothing was executed; run again after {until:%Y-%m-%dT%H:%M:%SZ}"
        if delay.seconds > allowed:
            message = f"{request.call}: {delay.reason}; {remedy}"
            raise DeferredError(message, until=until)
        if self._waiting is not None:
            self._waiting(delay.reason, until)
        request.waited += delay.seconds
        if not self._clock.sleep(delay.seconds):
            message = f"{request.call}: interrupted while waiting; {remedy}"
            raise DeferredError(message, until=until)

    def _pause(self, request: _Request) -> bool:
        """Wait for a random part of a growing time; False when the request had its tries."""
        request.failures += 1
        if request.failures >= _TRIES:
            return False
        # Full jitter: runs that failed together do not come back together.
        return self._clock.sleep(self._rng() * _BACKOFF_SECONDS * 2**request.failures)


def _told_left(headers: Mapping[str, str]) -> int | None:
    told = (headers[name].strip() for name in _LEFT if name in headers)
    return next((int(text) for text in told if _COUNT.match(text)), None)
