"""A clock that moves only when it is told to, or when somebody sleeps on it."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


class FakeClock:
    """The Clock port without time passing.

    Args:
        now: what the wall clock shows at first.

    Attributes:
        slept: the length of every sleep, in order.
        interrupted: sleeps end at once and say so.
    """

    def __init__(self, now: datetime = START) -> None:
        self._now = now
        self._monotonic = 1000.0
        self._lock = threading.Lock()
        self.slept: list[float] = []
        self.interrupted = False

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        with self._lock:
            return self._monotonic

    def sleep(self, seconds: float) -> bool:
        """Advance both clocks at once, unless interrupted."""
        with self._lock:
            self.slept.append(seconds)
        if self.interrupted:
            return False
        self.advance(seconds)
        return True

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        with self._lock:
            self._monotonic += seconds
            self._now += timedelta(seconds=seconds)
