"""One exchange with one host: connection, deadline and size limits; httpx and its errors end here."""

from __future__ import annotations

import functools
import logging
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpcore
import httpx

from reconciler.core.classify import Failure
from reconciler.providers._tls import tls_context

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

MAX_BODY: Final = 5_000_000
_MAX_HEAD: Final = 500_000
_MAX_WIRE: Final = 2 * MAX_BODY
_CONNECT_SECONDS: Final = 10.0
# Shorter than what servers keep a connection for, so that a write seldom meets one being closed.
_KEEPALIVE_SECONDS: Final = 2.0

for _name in ("httpx", "httpcore", "hpack", "h2", "urllib3"):
    # Below WARNING they print URLs and headers, the token among them.
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).addHandler(logging.NullHandler())


class ReadOnlyTransportError(RuntimeError):
    """Raised when a program that only reads tries to write; a mistake of ours, never of a user."""


class TransferError(Exception):
    """Raised when there is no complete answer; never leaves the providers package.

    Args:
        failure: whether the request may have arrived.
        reason: a fixed sentence of ours; the foreign error may quote a header.
        status: of an answer that began.
        final: trying again cannot help.
    """

    def __init__(
        self, failure: Failure, reason: str, *, status: int | None = None, final: bool = False
    ) -> None:
        super().__init__(reason)
        self.failure = failure
        self.reason = reason
        self.status = status
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class RawAnswer:
    """A complete answer; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Wire:
    """The connections of one account.

    Args:
        secure: connections are made with TLS.
        max_connections: the most at once; further threads wait.
        timeout: seconds that one exchange may take, from the first byte of the connection to the last
            of the body.
        read_only: refuse every method but GET.
    """

    def __init__(self, *, secure: bool, max_connections: int, timeout: float, read_only: bool) -> None:
        self._timeout = timeout
        self._read_only = read_only
        # A pool that is asked for more than it has loses requests, so no thread may ask for more.
        self._slots = threading.BoundedSemaphore(max_connections)
        self._running = threading.local()
        self._opening = threading.Lock()
        self._open = functools.partial(_Transport, secure, max_connections, self._running)
        self._transport: _Transport | None = None

    def exchange(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> RawAnswer:
        """Send one request and return its complete answer; redirects are answers like any other.

        Raises:
            TransferError: when there is no complete answer.
        """
        if self._read_only and method != "GET":
            message = f"{method} on a transport that only reads"
            raise ReadOnlyTransportError(message)
        with self._slots:
            exchange = _Exchange(time.monotonic() + self._timeout)
            self._running.exchange = exchange
            try:
                return self._exchange(exchange, httpx.Request(method, url, headers=headers, content=body))
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL) as error:
                reason = _reason(error)
            finally:
                self._running.exchange = None
        # Raised outside the handler: the foreign error holds the request and so the token.
        failure = Failure.LOST if exchange.sent else Failure.NOT_SENT
        raise TransferError(failure, reason, status=exchange.status)

    def close(self) -> None:
        """Close every connection."""
        if self._transport is not None:
            self._transport.close()

    def _opened(self) -> _Transport:
        # Made at the first request: a fallback host is seldom used, and loading authorities takes time.
        with self._opening:
            if self._transport is None:
                self._transport = self._open()
            return self._transport

    def _exchange(self, exchange: _Exchange, request: httpx.Request) -> RawAnswer:
        request.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        response = self._opened().handle_request(request)
        exchange.status = response.status_code
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return RawAnswer(status=response.status_code, headers=headers, body=_read_body(response, headers))
        finally:
            response.close()


def _read_body(response: httpx.Response, headers: Mapping[str, str]) -> bytes:
    def refuse(reason: str) -> TransferError:
        return TransferError(Failure.LOST, reason, status=response.status_code, final=True)

    # Refused before a byte of it is decoded: 500 bytes of doubled gzip unpack to 200 MB.
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise refuse(_COMPRESSED)
    announced = headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:_MAX_DIGITS]) > MAX_BODY:
        raise refuse(_TOO_BIG)
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > MAX_BODY:
            raise refuse(_TOO_BIG)
    return bytes(body)


@dataclass(slots=True)
class _Exchange:
    """What the sockets have to know about the request that their thread is working on."""

    deadline: float
    sent: bool = False
    received: int = 0
    status: int | None = None

    def shrink(self, timeout: float | None) -> float:
        """Return the seconds left, at most `timeout`; zero or less when the deadline has passed."""
        left = self.deadline - time.monotonic()
        return left if timeout is None else min(left, timeout)


class _Transport(httpx.HTTPTransport):
    """httpx's transport over a pool whose sockets know the total deadline; httpx's own is per read."""

    def __init__(self, secure: bool, max_connections: int, running: threading.local) -> None:  # noqa: FBT001
        # A context without any authority trusts nobody; loading the real ones takes longer than a request.
        context = tls_context() if secure else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            network_backend=_Backend(running),
        )


class _Backend(httpcore.NetworkBackend):
    def __init__(self, running: threading.local) -> None:
        self._inner = httpcore.SyncBackend()
        self._running = running

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        left = _left(self._running, timeout, httpcore.ConnectTimeout)
        # The name itself is never looked up: a hosts file could send it, and the token, elsewhere.
        address = "127.0.0.1" if host == "localhost" else host
        stream = self._inner.connect_tcp(
            address, port, min(left, _CONNECT_SECONDS), local_address, socket_options
        )
        return _Stream(stream, self._running)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, running: threading.local) -> None:
        self._inner = inner
        self._running = running

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left(self._running, timeout, httpcore.ReadTimeout))
        exchange: _Exchange = self._running.exchange
        exchange.received += len(data)
        if exchange.received > (_MAX_HEAD if exchange.status is None else _MAX_WIRE):
            message = "too many bytes around the body"
            raise httpcore.ReadError(message)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = _left(self._running, timeout, httpcore.WriteTimeout)
        self._running.exchange.sent = True
        self._inner.write(buffer, left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = _left(self._running, timeout, httpcore.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._running)

    def get_extra_info(self, info: str) -> object:
        return self._inner.get_extra_info(info)


def _left(running: threading.local, timeout: float | None, error: type[Exception]) -> float:
    exchange: _Exchange = running.exchange
    left = exchange.shrink(timeout)
    if left <= 0:
        message = "the deadline has passed"
        raise error(message)
    return left


_MAX_DIGITS: Final = 12
_COMPRESSED: Final = "the answer is compressed, which was not asked for"
_TOO_BIG: Final = f"the answer is larger than {MAX_BODY // 1_000_000} MB"

REASONS: Final[Mapping[type[Exception], str]] = {
    httpx.ConnectTimeout: "no connection in time",
    httpx.ReadTimeout: "no complete answer in time",
    httpx.WriteTimeout: "the request could not be sent in time",
    httpx.PoolTimeout: "no free connection in time",
    httpx.ConnectError: "no connection",
    httpx.ReadError: "the connection broke while reading",
    httpx.WriteError: "the connection broke while sending",
    httpx.CloseError: "the connection broke while closing",
    httpx.ProxyError: "the proxy refused",
    httpx.UnsupportedProtocol: "not an http address",
    httpx.LocalProtocolError: "the request is not valid HTTP",
    httpx.RemoteProtocolError: "the answer is not valid HTTP",
    httpx.DecodingError: "the answer could not be decoded",
    httpx.TooManyRedirects: "the answer is a redirect",
    httpx.HTTPStatusError: "the answer is an error",
    httpx.InvalidURL: "not a valid address",
    httpx.StreamConsumed: "the body was read twice",
    httpx.StreamClosed: "the body was read too late",
    httpx.ResponseNotRead: "the body was not read",
    httpx.RequestNotRead: "the request was not read",
}
"""Every error that httpx can raise, in our words."""


_CAUSES: Final[Mapping[type[Exception], str]] = {
    ssl.SSLCertVerificationError: "the TLS certificate is not valid for this host",
    ssl.SSLError: "TLS could not be agreed on",
    socket.gaierror: "the host name does not resolve",
    ConnectionRefusedError: "the connection was refused",
}


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    while cause is not None:
        for kind, reason in _CAUSES.items():
            if isinstance(cause, kind):
                return reason
        cause = cause.__cause__ or cause.__context__
    return REASONS.get(type(error), "the transfer failed")
