"""A server on loopback that says exactly the bytes it is told to, valid HTTP or not."""

from __future__ import annotations

import json
import select
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One request as it came in; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[socket.socket, Received, threading.Event], None]


@dataclass(slots=True, eq=False)
class RawServer:
    """A context manager; each request gets the next of its answers, the last one for ever.

    Attributes:
        greeting: what is said at once on every connection.
        answers: what to do on the socket; the connection is closed afterwards.
        requests: everything that came in.
        received: how many bytes came in, on all connections.
        connections: how many were opened.
    """

    answers: tuple[Answer, ...]
    greeting: bytes = b""
    requests: list[Received] = field(default_factory=list)
    received: int = 0
    connections: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _stopping: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def port(self) -> int:
        """The port on 127.0.0.1."""
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        # Wakes the accepting thread, which looks for the end only then.
        socket.create_connection(("127.0.0.1", self.port)).close()
        for thread in list(self._threads):
            thread.join()
        self._listener.close()

    def _start(self, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            if self._stopping.is_set():
                connection.close()
                return
            self.connections += 1
            self._start(lambda taken=connection: self._serve(taken))  # type: ignore[misc]  # bound early

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            connection.sendall(self.greeting)
            request = self._read(connection)
            if request is None:
                return
            with self._lock:
                self.requests.append(request)
                answer = self.answers[min(len(self.requests), len(self.answers)) - 1]
            try:
                answer(connection, request, self._stopping)
            except OSError:
                return  # the client went away, which some tests are about

    def _read(self, connection: socket.socket) -> Received | None:
        data = b""
        while b"\r\n\r\n" not in data:
            if not (chunk := self._receive(connection)):
                return None
            data += chunk
        head, _, body = data.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        while len(body) < int(headers.get("content-length", "0")):
            if not (chunk := self._receive(connection)):
                return None
            body += chunk
        method, target, _ = first.split(" ", 2)
        return Received(method=method, target=target, headers=headers, body=body)

    def _receive(self, connection: socket.socket) -> bytes:
        while not self._stopping.is_set():
            if select.select([connection], [], [], 0.05)[0]:
                try:
                    chunk = connection.recv(65_536)
                except ConnectionError:
                    return b""
                self.received += len(chunk)
                return chunk
        return b""


def send(data: bytes) -> Answer:
    """Answer with these bytes and close."""
    return lambda connection, _request, _stopping: connection.sendall(data)


def respond(status: int = 200, body: object = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """Answer with a well-formed response; a body that is not bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} Said", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return send("\r\n".join(lines).encode() + b"\r\n\r\n" + content)


def reset(before: bytes = b"") -> Answer:
    """Send some bytes and end the connection with RST."""

    def answer(connection: socket.socket, _request: Received, _stopping: threading.Event) -> None:
        connection.sendall(before)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


def drip(head: bytes, piece: bytes, seconds: float = 0.02) -> Answer:
    """Send a head, then one small piece after the other until the client goes away."""

    def answer(connection: socket.socket, _request: Received, stopping: threading.Event) -> None:
        connection.sendall(head)
        while not stopping.wait(seconds):
            connection.sendall(piece)

    return answer


def silence(connection: socket.socket, _request: Received, stopping: threading.Event) -> None:
    """Say nothing until the client goes away."""
    while not stopping.is_set() and not select.select([connection], [], [], 0.05)[0]:
        pass


def flood(head: bytes, chunk: bytes) -> Answer:
    """Send a head and then the same bytes as fast as they are taken."""

    def answer(connection: socket.socket, _request: Received, stopping: threading.Event) -> None:
        connection.sendall(head)
        while not stopping.is_set():
            connection.sendall(chunk)

    return answer
