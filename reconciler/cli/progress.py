"""What a person watching a run sees on stderr: one changing line on a terminal, plain lines in a log."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TextIO

from reconciler.cli.terminal import explain
from reconciler.core.report import Status
from reconciler.core.sanitize import redact

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.cli.terminal import Look
    from reconciler.core.plan import Action
    from reconciler.core.report import Outcome
    from reconciler.ports.clock import Clock

WORTH_TELLING: Final = timedelta(seconds=2)
"""Shorter waits are not told in a log."""

_SAME: Final = timedelta(seconds=1)
_CLEAR_LINE: Final = "\r\x1b[K"
_LOG: Final = logging.getLogger("reconciler.run")


class StderrProgress:
    """Tells about waits and actions; safe to call from any thread.

    Args:
        stream: where it goes.
        look: of that stream.
        clock: tells how long a wait is.
    """

    def __init__(self, *, stream: TextIO, look: Look, clock: Clock) -> None:
        self._live = stream.isatty()
        self._look = look
        self._clock = clock
        self._lock = threading.Lock()
        self._shown = False
        self._told: tuple[str, datetime] | None = None

    def waiting(self, reason: str, until: datetime) -> None:
        """A wait begins: what for, and when it ends."""
        if not self._live and until - self._clock.now() <= WORTH_TELLING:
            return
        with self._lock:
            # Every thread that runs into one budget waits for the same moment.
            if self._told and self._told[0] == reason and abs(until - self._told[1]) <= _SAME:
                return
            self._told = (reason, until)
            self._say(f"waiting until {until:%H:%M:%S} UTC: {reason}", lasting=not self._live)

    def started(self, action: Action) -> None:
        """Work on an action begins."""
        _LOG.info("%s %s: started", action.op, action.address)
        if self._live:
            with self._lock:
                self._say(f"{action.op} {action.address} ...", lasting=False)

    def finished(self, outcome: Outcome) -> None:
        """An action has ended."""
        action = outcome.action
        if outcome.status is Status.ALREADY:
            return
        text = f"{action.op} {action.address}: {outcome.status}"
        with self._lock:
            self._say(f"{text} ({outcome.message})" if outcome.message else text, lasting=True)

    def close(self) -> None:
        """Leave the terminal's line empty."""
        with self._lock:
            self._clear()

    def _say(self, text: str, *, lasting: bool) -> None:
        """Show a line; one that does not last is replaced by the next."""
        self._clear()
        clean = redact(text, limit=1_000 if lasting else max(20, self._look.width - 1))
        explain(f"{clean}\n" if lasting else clean)
        self._shown = not lasting

    def _clear(self) -> None:
        if self._shown:
            explain(_CLEAR_LINE)
            self._shown = False
