"""Requests that pause until an operator lets them go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.sandbox.faults import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldRequest:
    """A request that waits, and at which event."""

    number: int
    event: Event
    method: str
    path: str
    gate: asyncio.Event = field(repr=False, compare=False)


class Holds:
    """The requests that wait now; everything here runs on the server's event loop."""

    def __init__(self) -> None:
        self._held: dict[int, HeldRequest] = {}
        self._arrival = asyncio.Event()
        self._closing = asyncio.Event()

    @property
    def closing(self) -> bool:
        """Whether the sandbox is shutting down."""
        return self._closing.is_set()

    def held(self) -> list[HeldRequest]:
        """Return the waiting requests, in the order of their numbers."""
        return [self._held[number] for number in sorted(self._held)]

    async def wait_here(self, *, number: int, event: Event, method: str, path: str) -> None:
        """Wait until released or until the sandbox shuts down."""
        if self.closing:
            return
        gate = asyncio.Event()
        self._held[number] = HeldRequest(number=number, event=event, method=method, path=path, gate=gate)
        self._arrival.set()
        try:
            await gate.wait()
        finally:
            del self._held[number]

    async def wait_for_one(self, seconds: float) -> None:
        """Return as soon as a request waits, or after so many seconds of real time."""
        if not self._held:
            self._arrival.clear()
            await _either(self._arrival, seconds)

    async def pause(self, seconds: float) -> None:
        """Wait so many seconds of real time, less when the sandbox shuts down."""
        await _either(self._closing, seconds)

    def release(self, number: int | None = None) -> int:
        """Let one request go, or all, and return how many went."""
        going = [held for held in self.held() if number in {None, held.number}]
        for held in going:
            held.gate.set()
        return len(going)

    def close(self) -> None:
        """Let everything go, for good."""
        self._closing.set()
        self.release()


async def _either(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return
