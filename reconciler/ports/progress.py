"""What a person watching a run is told while it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.plan import Action
    from reconciler.core.report import Outcome


class Progress(Protocol):
    """Told about waits and steps; never about secrets."""

    def waiting(self, reason: str, until: datetime) -> None:
        """A wait begins: what for, and when it ends."""

    def started(self, action: Action) -> None:
        """Work on an action begins."""

    def finished(self, outcome: Outcome) -> None:
        """An action has ended."""
