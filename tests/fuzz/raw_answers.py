"""Answers as bytes on a connection: whatever a server sends is a complete answer or a reason of ours."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Final

from reconciler.transport.connections import MAX_BODY, Connections, HttpRequest
from reconciler.transport.transfer_errors import TransferError
from tests.fuzz.dictionary import dictionary
from tests.fuzz.target import CANARY, Target

_REQUEST: Final = f"Bearer {CANARY}"


def _feed(data: bytes) -> None:
    """Send the input over loopback as the answer to one request."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve, args=(server, data), daemon=True)
        thread.start()
        connections = Connections(tls=None, timeout=5.0)
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        try:
            answer = connections.exchange(
                HttpRequest(method="GET", url=url, headers={"Authorization": _REQUEST})
            )
            assert len(answer.content()) <= MAX_BODY
            assert answer.status in range(100, 1000)
        finally:
            connections.close()
            thread.join()


def _serve(server: socket.socket, data: bytes) -> None:
    connection, _ = server.accept()
    with connection, suppress(OSError):  # the client has seen enough
        connection.recv(65_536)
        connection.sendall(data)


TARGETS: Final = (Target(name="http", feed=_feed, errors=(TransferError,), words=dictionary("http")),)
