"""Time that passes only when the simulation says so; a jump moves the wall clock alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)


@dataclass(slots=True)
class VirtualClock:
    """The clock of the world: every process and the provider live by it."""

    seconds: float = 1000.0
    jumped: float = 0.0

    def now(self) -> datetime:
        """Return the wall clock, jumps included."""
        return START + timedelta(seconds=self.seconds + self.jumped)

    def monotonic(self) -> float:
        """Return seconds that never go back."""
        return self.seconds

    def sleep(self, seconds: float) -> bool:
        """Let the time pass."""
        self.seconds += seconds
        return True
