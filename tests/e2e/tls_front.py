"""TLS before a plain server on loopback; the certificate may change between two connections."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    import ssl
    from types import TracebackType


@dataclass(slots=True, eq=False)
class TlsFront:
    """A context manager; what comes in over TLS goes to a plain port, and the answer back.

    Attributes:
        port_behind: of the plain server.
        context: its certificate; may be changed between two connections.
        received: bytes that came in through TLS.
    """

    port_behind: int
    context: ssl.SSLContext
    received: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _thread: threading.Thread = field(init=False)
    _stopping: bool = False

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._serve, daemon=True)

    @property
    def url(self) -> str:
        """The base URL."""
        return f"https://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping = True
        socket.create_connection(self._listener.getsockname()).close()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            plain, _ = self._listener.accept()
            if self._stopping:
                plain.close()
                return
            plain.settimeout(10)
            # A client that does not like the certificate ends the handshake, which is an error here.
            with suppress(OSError), plain, self.context.wrap_socket(plain, server_side=True) as client:
                self._exchange(client)

    def _exchange(self, client: ssl.SSLSocket) -> None:
        """Hand one request on whose body comes in one piece, and its answer back until that ends."""
        with socket.create_connection(("127.0.0.1", self.port_behind)) as behind:
            head = b""
            while b"\r\n\r\n" not in head:
                head += self._received(client)
            size = next(
                (
                    int(line[15:])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length:")
                ),
                0,
            )
            while len(head.partition(b"\r\n\r\n")[2]) < size:
                head += self._received(client)
            behind.sendall(head)
            while chunk := behind.recv(65_536):
                client.sendall(chunk)

    def _received(self, client: ssl.SSLSocket) -> bytes:
        chunk = client.recv(65_536)
        if not chunk:
            raise ConnectionResetError
        self.received += len(chunk)
        return chunk
