"""The socket side of one request: read the body, send an answer whole, in part, slowly or not at all."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.types import Receive, Scope, Send

PROTOCOL = "sandbox.protocol"
POLL_SECONDS = 0.001


class HasTransport(Protocol):
    """What the server puts into the scope of each request."""

    transport: asyncio.Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer, ready to be sent."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes


class Connection:
    """One request's connection.

    Args:
        scope: the ASGI scope; its state carries the server's protocol object.
        receive: the ASGI receive callable.
        send: the ASGI send callable.
    """

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        protocol: HasTransport = scope["state"][PROTOCOL]
        self._transport = protocol.transport

    async def read_body(self) -> bytes | None:
        """Return the whole body, or None when the client went away before its end."""
        parts = []
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            if not message.get("more_body", False):
                return b"".join(parts)

    async def send(self, answer: Answer, *, at_half: Callable[[], Awaitable[None]] | None = None) -> None:
        """Send the answer; with `at_half`, stop in the middle of the body for it."""
        await self._start(answer)
        middle = 0
        if at_half is not None:
            middle = len(answer.body) // 2
            await self._part(answer.body[:middle])
            await at_half()
        await self._send({"type": "http.response.body", "body": answer.body[middle:]})
        await self._flushed()

    async def send_slowly(self, answer: Answer, *, size: int, pause: Callable[[], Awaitable[None]]) -> None:
        """Send the body in pieces of `size` bytes with a pause before each."""
        await self._start(answer)
        for begin in range(0, len(answer.body), max(1, size)):
            await pause()
            await self._part(answer.body[begin : begin + max(1, size)])
        await self._send({"type": "http.response.body", "body": b""})

    async def send_half(self, answer: Answer) -> None:
        """Send the head and the first half of the body, then close."""
        await self._start(answer)
        await self._part(answer.body[: len(answer.body) // 2])
        self._transport.close()
        await self._gone()

    async def send_raw(self, data: bytes) -> None:
        """Write bytes to the socket as they are, then close."""
        self._transport.write(data)
        self._transport.close()
        await self._gone()

    async def cut(self, *, reset: bool) -> None:
        """Close the connection without a byte; with `reset` the client sees RST instead of FIN."""
        if reset:
            peer: socket.socket = self._transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()
        await self._gone()

    async def _start(self, answer: Answer) -> None:
        headers = list(answer.headers)
        await self._send({"type": "http.response.start", "status": answer.status, "headers": headers})

    async def _part(self, data: bytes) -> None:
        await self._send({"type": "http.response.body", "body": data, "more_body": True})
        await self._flushed()

    async def _flushed(self) -> None:
        # The transport has no event for "the buffer is empty"; a lost connection empties it as well.
        while self._transport.get_write_buffer_size():  # noqa: ASYNC110
            await asyncio.sleep(POLL_SECONDS)

    async def _gone(self) -> None:
        # The server takes a missing answer for a crash unless it has seen the connection end first.
        while (await self._receive())["type"] != "http.disconnect":
            pass
