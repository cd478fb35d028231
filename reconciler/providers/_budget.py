"""How many requests an account may still send, counted here before the provider has to refuse."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.core.model import RateLimits
    from reconciler.ports.clock import Clock

_MINUTE: Final = 60.0
_HOUR: Final = 3_600.0
_DAY: Final = 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """Why, and for how many seconds, the next request has to wait."""

    seconds: float
    reason: str


@dataclass(slots=True)
class _Stamp:
    """When a request counted; mutable, because it counts from when the provider has seen it."""

    at: float


@dataclass(slots=True)
class _Window:
    """A sliding window: it holds under fixed windows at the provider as well, wherever they start."""

    limit: int
    seconds: float
    name: str
    stamps: list[_Stamp]

    def delay(self, now: float) -> Delay | None:
        """Return how long the window stays full, or None when there is room."""
        self.stamps = [stamp for stamp in self.stamps if stamp.at + self.seconds > now]
        if len(self.stamps) < self.limit:
            return None
        free = sorted(stamp.at for stamp in self.stamps)[len(self.stamps) - self.limit] + self.seconds
        return Delay(seconds=free - now, reason=f"the limit of {self.limit} {self.name} is used up")


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """One request's place in every window it counts in."""

    windows: tuple[_Window, ...]
    stamp: _Stamp


class RequestBudget:
    """The budgets of one account, shared by all its threads.

    Args:
        limits: the documented limits, or what the settings say instead.
        clock: only its monotonic side is read.
    """

    def __init__(self, limits: RateLimits, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._all = _windows(
            (limits.requests_per_minute, _MINUTE, "requests per minute"),
            (limits.requests_per_day, _DAY, "requests per day"),
        )
        self._creates = _windows((limits.creates_per_hour, _HOUR, "creates per hour"))
        self._sent = 0
        self._blocked = {False: float("-inf"), True: float("-inf")}

    @property
    def sent(self) -> int:
        """How many requests were sent so far."""
        return self._sent

    def reserve(self, *, create: bool) -> Reservation | Delay:
        """Take a place in every window, or say how long there is none; never waits itself."""
        with self._lock:
            now = self._clock.monotonic()
            windows = self._all + (self._creates if create else ())
            delays = [delay for window in windows if (delay := window.delay(now))]
            blocked = max(self._blocked[False], self._blocked[create])
            if blocked > now:
                delays.append(Delay(seconds=blocked - now, reason="the provider asked to wait"))
            if delays:
                return max(delays, key=lambda delay: delay.seconds)
            stamp = _Stamp(now)
            for window in windows:
                window.stamps.append(stamp)
            return Reservation(windows, stamp)

    def settle(self, reservation: Reservation, *, sent: bool) -> None:
        """Count a request from now on, or give its places back when nothing was sent."""
        with self._lock:
            self._sent += sent
            reservation.stamp.at = self._clock.monotonic() if sent else float("-inf")

    def block(self, *, create: bool, seconds: float) -> None:
        """Hold back further requests after a 429; one on a create holds back creates only."""
        with self._lock:
            until = self._clock.monotonic() + seconds
            self._blocked[create] = max(self._blocked[create], until)


def _windows(*rows: tuple[int | None, float, str]) -> tuple[_Window, ...]:
    return tuple(_Window(limit, seconds, name, []) for limit, seconds, name in rows if limit is not None)
