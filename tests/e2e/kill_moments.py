"""The moments of a run that the simulated vendor sees, and what stops a process at one of them."""

from __future__ import annotations

import re
import signal
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PATIENCE_SECONDS: Final = 60

SIGNALS: Final = ("INT", "TERM", "HUP", "INT+TERM", "TERM+INT")
"""The polite ends of a run: one signal, or a second one at the next event."""

EXIT_CODES: Final = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
"""README, "Exit codes"; a lost terminal is told as SIGTERM is."""


@dataclass(frozen=True, slots=True, order=True)
class Moment:
    """An event of a run: of its n-th request, counted from 1."""

    request: int
    event: str

    def __str__(self) -> str:
        return f"{self.request}.{self.event}"

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the moment that a person writes as `3.committed`.

        Raises:
            ValueError: it is not one.
        """
        if not (found := re.fullmatch(r"([1-9]\d*)\.([a-z]+)", text)):
            msg = f"{text!r} is no moment; write one like 3.committed"
            raise ValueError(msg)
        return cls(int(found[1]), found[2])


def spread(moments: Sequence[Moment], step: int, offset: int = 0) -> tuple[Moment, ...]:
    """Return every so-manieth moment."""
    return tuple(moments[offset % step :: step])


class Process(Protocol):
    """What the tests need of a process, fresh or forked."""

    def send_signal(self, sig: int, /) -> None:
        """Send a signal unless it has ended."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end."""


class Stop(Protocol):
    """Ends a run, or tries to."""

    def __call__(self, moment: Moment, process: Process) -> None:
        """Look at a moment of the run, on the server's thread, which stands still meanwhile."""


@dataclass(slots=True)
class Kill:
    """SIGKILL at a moment, or a little later.

    Attributes:
        at: the moment; None for the n-th event, whatever it is.
        nth: counted from 1.
        delay: seconds that the process goes on by itself, as far as it gets without this vendor.
    """

    at: Moment | None = None
    nth: int = 0
    delay: float = 0.0
    _events: int = 0

    def __call__(self, moment: Moment, process: Process) -> None:
        """Kill at the moment."""
        self._events += 1
        if moment == self.at or self._events == self.nth:
            if self.delay:
                time.sleep(self.delay)
            process.send_signal(signal.SIGKILL)
            process.wait()


@dataclass(slots=True)
class Interrupt:
    """One or two signals that ask for an end: at a moment, and at the event after it.

    Attributes:
        at: the moment of the first one.
        kinds: the signals.
        begun: called right after the first one; tells how many actions the run has begun by then.
        at_the_time: what it told.
        hits: how many were sent.
    """

    at: Moment
    kinds: tuple[signal.Signals, ...]
    begun: Callable[[], int]
    at_the_time: int = 0
    hits: int = 0

    @classmethod
    def of(cls, at: Moment, word: str, begun: Callable[[], int]) -> Self:
        """Return the stop that a person writes as `INT+TERM`."""
        return cls(at, tuple(signal.Signals[f"SIG{name}"] for name in word.split("+")), begun)

    def __call__(self, moment: Moment, process: Process) -> None:
        """Send the next signal if it is its turn."""
        if (moment != self.at and not self.hits) or self.hits == len(self.kinds):
            return
        self.hits += 1
        process.send_signal(self.kinds[self.hits - 1])
        if self.hits == 1:
            self.at_the_time = self.begun()


@dataclass(slots=True)
class Watcher:
    """Sees the events of one run after the other, and lets a stop look at them.

    Attributes:
        seen: the moments of the present run.
    """

    seen: list[Moment] = field(default_factory=list)
    _stop: Stop | None = None
    _process: Process | None = None
    _started: threading.Event = field(default_factory=threading.Event)
    _numbers: dict[int, int] = field(default_factory=dict)

    def __call__(self, event: str, _method: str, _path: str, number: int) -> None:
        """Take an event of the server."""
        request = self._numbers.setdefault(number, len(self._numbers) + 1)
        self.seen.append(moment := Moment(request, event))
        if self._stop is not None and self._started.wait(PATIENCE_SECONDS) and self._process is not None:
            self._stop(moment, self._process)

    def begin(self, stop: Stop | None) -> None:
        """Forget the last run before another one starts."""
        self.seen, self._numbers, self._stop = [], {}, stop
        self._started.clear()

    def started(self, process: Process) -> None:
        """Tell which process it is."""
        self._process = process
        self._started.set()
