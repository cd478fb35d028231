"""The connections to one secret store: TLS, a total deadline, size limits; httpx and its errors end here."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpcore
import httpx

from reconciler.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

MAX_BODY: Final = 5_000_000
_MAX_HEAD: Final = 500_000
_MAX_WIRE: Final = 2 * MAX_BODY
_CONNECT_SECONDS: Final = 10.0
_CONNECTIONS: Final = 8
_KEEPALIVE_SECONDS: Final = 2.0
_MAX_DIGITS: Final = 12

for _name in ("httpx", "httpcore", "hpack", "h2", "urllib3"):
    # Below WARNING they print URLs, headers and bodies, the secret among them.
    logging.getLogger(_name).setLevel(logging.WARNING)
    logging.getLogger(_name).addHandler(logging.NullHandler())


class TransferError(Exception):
    """Raised when there is no complete answer; it does not leave the sinks.

    Args:
        reason: a fixed sentence of ours; the foreign error may quote a header.
        sent: the request may have arrived.
        final: trying again cannot help.
    """

    def __init__(self, reason: str, *, sent: bool, final: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.sent = sent
        self.final = final


@dataclass(frozen=True, slots=True, kw_only=True)
class WireAnswer:
    """A complete answer; header names are lower case, and the body may hold secrets.

    The body is Latin-1 text, one character a byte, because a `Secret` holds text.
    """

    status: int
    headers: Mapping[str, str]
    body: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class WireRequest:
    """A request whose headers and body stay closed until it is sent."""

    method: str
    url: str
    headers: Mapping[str, Secret]
    body: Secret | None

    def opened(self) -> httpx.Request:
        """Return what httpx sends."""
        return httpx.Request(
            self.method,
            self.url,
            headers={name: value.reveal() for name, value in self.headers.items()},
            content=None if self.body is None else self.body.reveal().encode(),
        )


def tls_context(ca_file: Path | None = None, ca_text: str | None = None) -> ssl.SSLContext:
    """Return a context that verifies the certificate and the host name, TLS 1.2 or newer.

    It is not made by `ssl.create_default_context`, which writes the session keys to the file that
    SSLKEYLOGFILE names.

    Args:
        ca_file: PEM file of the only authorities to trust; the system's when both are left out.
        ca_text: the same as PEM text.

    Raises:
        OSError: when the authorities cannot be read (`ssl.SSLError` is one).
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None or ca_text is not None:
        context.load_verify_locations(cafile=ca_file, cadata=ca_text)
        return context
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    if not context.cert_store_stats()["x509_ca"] and not _has_certificate_directory():
        import certifi  # noqa: PLC0415  # only slim images come without certificates of their own

        context.load_verify_locations(certifi.where())
    return context


def _has_certificate_directory() -> bool:
    # OpenSSL reads the directory while it verifies, so the statistics of the store do not count it.
    folder: str | None = ssl.get_default_verify_paths().capath
    return folder is not None and any(name.endswith(".0") for name in os.listdir(folder))  # noqa: PTH208


class StoreWire:
    """The connections to one store; safe for any number of threads.

    Args:
        tls: how certificates are verified; None where connections are plain, to this machine.
        timeout: seconds for one exchange, from the first byte of the connection to the last of the body.
    """

    def __init__(self, *, tls: ssl.SSLContext | None, timeout: float) -> None:
        self._timeout = timeout
        # A pool that is asked for more than it has loses requests, so no thread may ask for more.
        self._slots = threading.BoundedSemaphore(_CONNECTIONS)
        self._running = threading.local()
        # A context without any authority trusts nobody.
        self._transport = _Transport(tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self._running)

    def exchange(self, request: WireRequest) -> WireAnswer:
        """Send one request and return its complete answer; redirects are answers like any other.

        Raises:
            TransferError: when there is no complete answer.
        """
        with self._slots:
            exchange = _Exchange(time.monotonic() + self._timeout)
            self._running.exchange = exchange
            try:
                return self._exchange(exchange, request)
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL, UnicodeError) as error:
                reason = _reason(error)
            finally:
                self._running.exchange = None
        # Raised outside the handler: the foreign error holds the request and so the secret.
        raise TransferError(reason, sent=exchange.sent)

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def _exchange(self, exchange: _Exchange, request: WireRequest) -> WireAnswer:
        opened = request.opened()
        opened.extensions["timeout"] = dict.fromkeys(("connect", "read", "write", "pool"), self._timeout)
        response = self._transport.handle_request(opened)
        exchange.answered = True
        try:
            headers = {name.lower(): value for name, value in response.headers.items()}
            return WireAnswer(status=response.status_code, headers=headers, body=_body(response, headers))
        finally:
            response.close()


def _body(response: httpx.Response, headers: Mapping[str, str]) -> Secret:
    # Refused before a byte of it is decoded: 500 bytes of doubled gzip unpack to 200 MB.
    if headers.get("content-encoding", "identity").strip().lower() not in {"", "identity"}:
        raise TransferError(_COMPRESSED, sent=True, final=True)
    announced = headers.get("content-length", "0")
    if announced.isdecimal() and int(announced[:_MAX_DIGITS]) > MAX_BODY:
        raise TransferError(_TOO_BIG, sent=True, final=True)
    chunks: list[Secret] = []
    size = 0
    for chunk in response.iter_raw():
        size += len(chunk)
        if size > MAX_BODY:
            del chunk
            raise TransferError(_TOO_BIG, sent=True, final=True)
        chunks.append(Secret(chunk.decode("latin-1")))
    return Secret("".join(piece.reveal() for piece in chunks))


@dataclass(slots=True)
class _Exchange:
    """What the sockets have to know about the request that their thread is working on."""

    deadline: float
    sent: bool = False
    answered: bool = False
    received: int = 0


class _Transport(httpx.HTTPTransport):
    """httpx's transport over a pool whose sockets know the total deadline; httpx's own is per read."""

    def __init__(self, context: ssl.SSLContext, running: threading.local) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_CONNECTIONS,
            max_keepalive_connections=_CONNECTIONS,
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
        left = min(_left(self._running, timeout, httpcore.ConnectTimeout), _CONNECT_SECONDS)
        # The name itself is never looked up: a hosts file could send it, and the token, elsewhere.
        address = "127.0.0.1" if host == "localhost" else host
        stream = self._inner.connect_tcp(address, port, left, local_address, socket_options)
        return _Stream(stream, self._running)


class _Stream(httpcore.NetworkStream):
    def __init__(self, inner: httpcore.NetworkStream, running: threading.local) -> None:
        self._inner = inner
        self._running = running

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left(self._running, timeout, httpcore.ReadTimeout))
        exchange: _Exchange = self._running.exchange
        exchange.received += len(data)
        if exchange.received > (_MAX_WIRE if exchange.answered else _MAX_HEAD):
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
    left = exchange.deadline - time.monotonic()
    if left <= 0:
        message = "the deadline has passed"
        raise error(message)
    return left if timeout is None else min(left, timeout)


_COMPRESSED: Final = "the answer is compressed, which was not asked for"
_TOO_BIG: Final = f"the answer is larger than {MAX_BODY // 1_000_000} MB"
_CAUSES: Final[Mapping[type[Exception], str]] = {
    ssl.SSLCertVerificationError: "the TLS certificate is not valid for this host",
    ssl.SSLError: "TLS could not be agreed on",
    socket.gaierror: "the host name does not resolve",
    ConnectionRefusedError: "the connection was refused",
    httpx.ConnectTimeout: "no connection in time",
    httpx.TimeoutException: "no complete answer in time",
    httpx.ConnectError: "no connection",
    httpx.RemoteProtocolError: "the answer is not valid HTTP",
    httpx.LocalProtocolError: "the request is not valid HTTP",
    httpx.NetworkError: "the connection broke",
    UnicodeError: "the request is not valid HTTP",
}


def _reason(error: Exception) -> str:
    cause: BaseException | None = error
    chain: list[BaseException] = []
    while cause is not None:
        chain.append(cause)
        cause = cause.__cause__ or cause.__context__
    # The innermost cause says most: a refused connection rather than no connection.
    for kind, reason in _CAUSES.items():
        if any(isinstance(link, kind) for link in chain):
            return reason
    return "the transfer failed"
