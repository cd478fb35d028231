"""The sandbox's own time: real time plus an offset, or frozen."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.sandbox.database import Database

DAY_SECONDS = 86_400


class SandboxClock:
    """A clock that an operator can set, advance and freeze; what was set survives a restart.

    Args:
        database: where the offset is kept.
        source: seconds since the epoch; the machine's clock when left out.
    """

    def __init__(self, database: Database, source: Callable[[], float] = time.time) -> None:
        self._database = database
        self._source = source
        self.load()

    def load(self) -> None:
        """Read what the database says, after opening or clearing it."""
        stored = self._database.setting("clock") or {"offset": 0.0, "frozen": None}
        self._offset: float = stored["offset"]
        self._frozen: float | None = stored["frozen"]

    def now(self) -> float:
        """Return the sandbox time, in seconds since the epoch."""
        return self._source() + self._offset if self._frozen is None else self._frozen

    @property
    def frozen(self) -> bool:
        """Whether time stands still."""
        return self._frozen is not None

    def advance(self, seconds: float) -> None:
        """Move time by so many seconds; a negative number moves it back."""
        self.set(self.now() + seconds)

    def set(self, moment: float, *, frozen: bool | None = None) -> None:
        """Make it this moment (seconds since the epoch) now, and keep, start or stop the freeze."""
        self._offset = moment - self._source()
        stays = self.frozen if frozen is None else frozen
        self._frozen = moment if stays else None
        self._database.put_setting("clock", {"offset": self._offset, "frozen": self._frozen})


def start_of_day(moment: float, offset_hours: int) -> float:
    """Return when the day of a moment began, for days that begin at midnight of a fixed UTC offset."""
    shift = offset_hours * 3600
    return (moment + shift) // DAY_SECONDS * DAY_SECONDS - shift
