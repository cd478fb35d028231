"""A provider on loopback that is honest but for chosen requests: it executes those, and spoils the answer."""

from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tests.unit.providers.raw_server import RawServer

if TYPE_CHECKING:
    from types import TracebackType

    from tests.unit.providers.raw_server import Received


@dataclass(frozen=True, slots=True, kw_only=True)
class Honest:
    """What the server behind answered."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def raw(self, *more: str, body: bytes | None = None, status: str | None = None) -> bytes:
        """Return it as bytes on the wire, with further header lines, or another body or status line."""
        content = self.body if body is None else body
        kept = [f"{name}: {value}" for name, value in self.headers if name.lower() not in _REPLACED]
        lines = [f"HTTP/1.1 {status or f'{self.status} Said'}", *kept, *more, "Connection: close"]
        return "\r\n".join([*lines, f"Content-Length: {len(content)}"]).encode() + b"\r\n\r\n" + content


_NOTHING = Honest(status=200, headers=(("Content-Type", "application/json"),), body=b"{}")

Spoil = Callable[[socket.socket, Honest, threading.Event], None]
"""Says something on the connection in place of the honest answer; the event tells that the server stops."""

_REPLACED = frozenset({"connection", "content-length", "transfer-encoding", "date"})


@dataclass(slots=True, eq=False)
class HostileServer:
    """A context manager; requests go to the server behind, and their answers come back, or what spoils them.

    Attributes:
        behind: base URL of an honest server.
        spoils: the method, and the end of the path, of the requests whose answers are spoiled.
        spoil: what is said in place of the answer; None is honest.
        executes: whether those requests are executed all the same.
        struck: how often that was.
    """

    behind: str
    spoils: tuple[str, str] = ("", "")
    spoil: Spoil | None = None
    executes: bool = True
    struck: int = 0
    server: RawServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = RawServer((self._answer,))

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.server.__exit__(kind, error, trace)

    @property
    def url(self) -> str:
        """The base URL."""
        return self.server.url

    def begin(self, method: str, path: str, spoil: Spoil, *, executes: bool = True) -> None:
        """Spoil the answers to a method, or to all where it is empty, on paths with this end, from now on."""
        self.spoils, self.spoil, self.executes, self.struck = (method, path), spoil, executes, 0

    def repent(self) -> None:
        """Be honest from now on."""
        self.spoil = None

    def _answer(self, connection: socket.socket, request: Received, stopping: threading.Event) -> None:
        method, path = self.spoils
        spoil = self.spoil
        if method not in {"", request.method} or not urlsplit(request.target).path.endswith(path):
            spoil = None
        honest = _NOTHING if spoil and not self.executes else _forwarded(self.behind, request)
        if spoil is None:
            connection.sendall(honest.raw())
        else:
            self.struck += 1
            spoil(connection, honest, stopping)


def _forwarded(behind: str, request: Received) -> Honest:
    parts = urlsplit(behind)
    upstream = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        upstream.request(
            request.method,
            request.target,
            body=request.body,
            headers={**request.headers, "host": parts.netloc},
        )
        answer = upstream.getresponse()
        return Honest(status=answer.status, headers=tuple(answer.getheaders()), body=answer.read())
    finally:
        upstream.close()


@dataclass(slots=True, eq=False)
class Trap:
    """A context manager: a port that nobody should connect to, and what came in there."""

    received: int = 0
    connections: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _thread: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._count, daemon=True)

    @property
    def place(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.create_connection(self._listener.getsockname()) as last:
            last.sendall(b"end")
        self._thread.join()
        self._listener.close()

    def _count(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            with connection:
                connection.settimeout(5)
                data = connection.recv(65_536)
            if data == b"end":
                return
            self.connections += 1
            self.received += len(data)
