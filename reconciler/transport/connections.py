"""One exchange with a host: a request, its complete answer, and nothing of httpx outside."""

from __future__ import annotations

import logging
import ssl
import threading
import time
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Final

import httpx

from reconciler.core.secret import Secret
from reconciler.core.strict_json import parse
from reconciler.transport.timed_sockets import Progress, Running, TimedTransport
from reconciler.transport.transfer_errors import ReadOnlyTransportError, TransferError, reason_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.core.strict_json import Json, OddNumbers

MAX_BODY: Final = 5_000_000
_MAX_HEAD: Final = 500_000
_MAX_WIRE: Final = 2 * MAX_BODY
_MAX_DIGITS: Final = 12
_COMPRESSED: Final = "the answer is compressed, which was not asked for"
_TOO_BIG: Final = f"the answer is larger than {MAX_BODY // 1_000_000} MB"

for _name in ("httpx", "httpcore", "hpack", "h2", "urllib3"):
    # Below WARNING they print URLs, headers and bodies, the token among them.
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A request; what is secret of it stays closed until it is sent.

    Attributes:
        method: of HTTP.
        url: with scheme, host and query.
        headers: plain ones, and those that hold a credential.
        body: the content.
    """

    method: str
    url: str
    headers: Mapping[str, str | Secret]
    body: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """A complete answer; servers echo secrets, so its body stays closed.

    Attributes:
        status: of HTTP.
        headers: names in lower case.
        body: the bytes as Latin-1 text, one character a byte, because a `Secret` holds text.
    """

    status: int
    headers: Mapping[str, str]
    body: Secret

    @property
    def ok(self) -> bool:
        """Whether the server said yes."""
        return self.status in range(200, 300)

    def content(self) -> bytes:
        """Return the bytes of the body."""
        return self.body.reveal().encode("latin-1")

    def json(self, *, odd_numbers: OddNumbers = "refused") -> Json:
        """Return the document in the body.

        Args:
            odd_numbers: what becomes of numbers that are no plain integers, see `strict_json.parse`.

        Raises:
            BadJsonError: when it is not strict JSON.
        """
        return parse(self.content(), odd_numbers=odd_numbers)


class Connections:
    """The connections to one host; safe for any number of threads.

    Args:
        tls: makes the settings at the first request, because loading authorities takes time; None where
            connections are plain, to this machine.
        timeout: seconds that one exchange may take, from the first byte of the connection to the last
            of the body.
        most: connections at once; further threads wait.
        read_only: refuse every method but GET.
    """

    def __init__(
        self,
        *,
        tls: Callable[[], ssl.SSLContext] | None,
        timeout: float,
        most: int = 8,
        read_only: bool = False,
    ) -> None:
        self._tls = tls
        self._timeout = timeout
        self._most = most
        self._read_only = read_only
        # A pool that is asked for more than it has loses requests, so no thread may ask for more.
        self._slots = threading.BoundedSemaphore(most)
        self._running = Running()
        self._opening = threading.Lock()
        self._transport: TimedTransport | None = None

    def exchange(self, request: HttpRequest) -> HttpAnswer:
        """Send one request and return its complete answer; redirects are answers like any other.

        Raises:
            TransferError: when there is no complete answer.
        """
        if self._read_only and request.method != "GET":
            message = f"{request.method} on a transport that only reads"
            raise ReadOnlyTransportError(message)
        with self._slots:
            progress = Progress(deadline=time.monotonic() + self._timeout, most_bytes=_MAX_HEAD)
            self._running.progress = progress
            try:
                return self._exchange(request, progress)
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError) as error:
                reason = reason_of(error)
        # Raised outside the handler: the foreign error holds the request and so the secret.
        raise TransferError(reason, sent=progress.sent, status=progress.status)

    def close(self) -> None:
        """Close every connection."""
        if self._transport is not None:
            self._transport.close()

    def _exchange(self, request: HttpRequest, progress: Progress) -> HttpAnswer:
        opened = _opened(request)
        opened.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        response = self._open().handle_request(opened)
        progress.status, progress.most_bytes = response.status_code, _MAX_WIRE
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return HttpAnswer(status=response.status_code, headers=headers, body=_body(response, headers))
        finally:
            response.close()

    def _open(self) -> TimedTransport:
        with self._opening:
            if self._transport is None:
                # A context without any authority trusts nobody; loading real ones takes a while.
                context = self._tls() if self._tls else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
                self._transport = TimedTransport(context, most=self._most, running=self._running)
            return self._transport


def _opened(request: HttpRequest) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url,
        headers={
            name: value.reveal() if isinstance(value, Secret) else value
            for name, value in request.headers.items()
        },
        content=None if request.body is None else request.body.reveal().encode(),
    )


def _body(response: httpx.Response, headers: Mapping[str, str]) -> Secret:
    def refusal(reason: str) -> TransferError:
        return TransferError(reason, sent=True, status=response.status_code, final=True)

    # Refused before a byte of it is decoded: 500 bytes of doubled gzip unpack to 200 MB.
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise refusal(_COMPRESSED)
    announced = headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:_MAX_DIGITS]) > MAX_BODY:
        raise refusal(_TOO_BIG)
    # One buffer, as an object for each of a million one-byte chunks takes 500 MB; its repr shows nothing.
    whole = BytesIO()
    for chunk in response.iter_raw():
        if whole.tell() + len(chunk) > MAX_BODY:
            del chunk
            raise refusal(_TOO_BIG)
        whole.write(chunk)
    return Secret(whole.getvalue().decode("latin-1"))
