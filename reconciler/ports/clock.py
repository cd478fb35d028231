"""Time, so that no test sleeps and no decision depends on the machine's clock unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Clock(Protocol):
    """The two clocks of a run, and the only way to wait."""

    def now(self) -> datetime:
        """Return the wall clock, in UTC."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float) -> bool:
        """Wait, and return False when an interruption cut the wait short."""
