"""The real clocks, and a sleep that a signal ends early."""

from __future__ import annotations

import math
import os
import select
import time
from datetime import UTC, datetime


class SystemClock:
    """Wall clock in UTC, monotonic clock, and waits that `wake` ends in every thread at once.

    A pipe and not a `threading.Event`: `Event.set` takes a lock, and a signal handler that takes a lock
    which its own thread holds never returns.
    """

    def __init__(self) -> None:
        self._woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)

    def __del__(self) -> None:
        os.close(self._woken)
        os.close(self._wake)

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return time.monotonic()

    def sleep(self, seconds: float) -> bool:
        """Wait, and return False when an interruption cut the wait short; after one, nothing waits."""
        waiter = select.poll()
        waiter.register(self._woken, select.POLLIN)
        return not waiter.poll(math.ceil(max(0.0, seconds) * 1000))

    def wake(self) -> None:
        """End all waits, present and future; safe to call from a signal handler."""
        try:
            os.write(self._wake, b"!")
        except BlockingIOError:
            return
