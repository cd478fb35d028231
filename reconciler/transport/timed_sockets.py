"""A connection pool whose sockets know the total deadline of the exchange that their thread works on."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import httpcore
import httpx

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterable

_CONNECT_SECONDS: Final = 10.0
# Shorter than what servers keep a connection for, so that a write seldom meets one being closed.
_KEEPALIVE_SECONDS: Final = 2.0


@dataclass(slots=True, kw_only=True)
class Progress:
    """What the sockets have to know about an exchange, and how far it came.

    Attributes:
        deadline: on the monotonic clock.
        most_bytes: how much may still come in before it is no honest answer.
        sent: bytes of the request have left.
        received: bytes of the answer so far.
        status: of the answer, once its head is complete.
    """

    deadline: float
    most_bytes: int
    sent: bool = False
    received: int = 0
    status: int | None = None


class Running(threading.local):
    """The exchange that a thread is working on."""

    progress: Progress


class TimedTransport(httpx.HTTPTransport):
    """httpx's transport over such a pool; httpx's own timeout is for each read.

    Args:
        context: how certificates are verified.
        most: connections at once.
        running: where a thread says what it is working on.
    """

    def __init__(self, context: ssl.SSLContext, *, most: int, running: Running) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=most,
            max_keepalive_connections=most,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            network_backend=_Backend(running),
        )


class _Backend(httpcore.NetworkBackend):
    def __init__(self, running: Running) -> None:
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
    def __init__(self, inner: httpcore.NetworkStream, running: Running) -> None:
        self._inner = inner
        self._running = running

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        data = self._inner.read(max_bytes, _left(self._running, timeout, httpcore.ReadTimeout))
        progress = self._running.progress
        progress.received += len(data)
        if progress.received > progress.most_bytes:
            message = "too many bytes around the body"
            raise httpcore.RemoteProtocolError(message)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        left = _left(self._running, timeout, httpcore.WriteTimeout)
        self._running.progress.sent = True
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


def _left(running: Running, timeout: float | None, error: type[Exception]) -> float:
    left = running.progress.deadline - time.monotonic()
    if left <= 0:
        message = "the deadline has passed"
        raise error(message)
    return left if timeout is None else min(left, timeout)
