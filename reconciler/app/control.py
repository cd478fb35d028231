"""When a run has to stop: a signal, or its deadline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.errors import ExitCode
    from reconciler.ports.clock import Clock


@dataclass(slots=True, kw_only=True)
class RunControl:
    """Asked before each key; the key in hand is always finished.

    Args:
        clock: tells how much of the deadline is left.
        deadline: on the monotonic clock, in seconds; None for no deadline.
    """

    clock: Clock
    deadline: float | None = None
    interrupted: ExitCode | None = field(default=None)

    def interrupt(self, code: ExitCode) -> None:
        """Ask the run to stop after the key in hand; safe to call from a signal handler."""
        self.interrupted = code

    @property
    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self.deadline is not None and self.clock.monotonic() >= self.deadline
