"""Request budgets, counted per subject (a token) over fixed or sliding windows."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from reconciler.sandbox.validation import build

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.sandbox.database import Database

Window = Literal["sliding", "fixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """So many requests in so many seconds; `requests: None` switches the budget off."""

    requests: int | None
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """The outcome of asking: the hits that were booked, or the seconds to wait (0 = admitted)."""

    hits: Mapping[str, int]
    retry_after: int = 0


class Limits:
    """The budgets of one vendor.

    Args:
        database: where hits and changed budgets are kept.
        vendor: whose budgets these are.
        defaults: what holds until an operator changes it.
    """

    def __init__(self, database: Database, *, vendor: str, defaults: Mapping[str, Budget]) -> None:
        self._database = database
        self._vendor = vendor
        self._defaults = dict(defaults)

    def budgets(self) -> dict[str, Budget]:
        """Return the budgets in force, by name."""
        stored = self._database.setting(f"limits:{self._vendor}") or {}
        return self._defaults | {name: Budget(**values) for name, values in stored.items()}

    def put(self, changes: Mapping[str, Mapping[str, object]]) -> None:
        """Change budgets by name, field by field.

        Raises:
            InvalidValueError: a value has the wrong type.
            KeyError: there is no budget of that name.
        """
        current = self.budgets()
        changed = {name: build(Budget, values, base=current[name]) for name, values in changes.items()}
        merged = {name: asdict(budget) for name, budget in (current | changed).items()}
        self._database.put_setting(f"limits:{self._vendor}", merged)

    def draw(
        self,
        subject: str,
        names: Sequence[str],
        *,
        now: float,
        window: Window,
        offset_hours: int = 0,
        book_refused: bool = False,
    ) -> Draw:
        """Book one request on every named budget, or say how long to wait.

        Args:
            subject: who pays, e.g. a token's hash.
            names: the budgets that this request draws on.
            now: the sandbox time, in epoch seconds.
            window: how hits age.
            offset_hours: UTC offset at whose midnight fixed days begin.
            book_refused: whether a refused request is counted as well.
        """
        budgets = self.budgets()
        with self._database.transaction():
            wait = 0
            for name in names:
                start = _window_start(budgets[name].seconds, now, window, offset_hours)
                hits = self._hits(subject, name, start, now)
                wait = max(wait, _wait(budgets[name], hits, start=start, now=now, window=window))
            if wait and not book_refused:
                return Draw(hits={}, retry_after=wait)
            booked = {name: self._book(subject, name, now) for name in names}
            return Draw(hits=booked, retry_after=wait)

    def refund(self, draw: Draw, names: Sequence[str]) -> None:
        """Take back hits of an admitted request that turned out not to count."""
        for name in names:
            if name in draw.hits:
                self._database.execute("DELETE FROM hits WHERE seq = ?", draw.hits[name])

    def remaining(
        self, subject: str, name: str, *, now: float, window: Window, offset_hours: int
    ) -> int | None:
        """Return how many requests are left in the window; None when the budget is off."""
        budget = self.budgets()[name]
        if budget.requests is None:
            return None
        start = _window_start(budget.seconds, now, window, offset_hours)
        return max(0, budget.requests - len(self._hits(subject, name, start, now)))

    def _book(self, subject: str, name: str, now: float) -> int:
        return self._database.execute(
            "INSERT INTO hits (subject, budget, at) VALUES (?, ?, ?)", subject, name, now
        )

    def _hits(self, subject: str, name: str, start: float, now: float) -> list[float]:
        rows = self._database.rows(
            "SELECT at FROM hits WHERE subject = ? AND budget = ? AND at > ? AND at <= ? ORDER BY at",
            subject,
            name,
            start,
            now,
        )
        return [float(row["at"]) for row in rows]


def _wait(budget: Budget, hits: Sequence[float], *, start: float, now: float, window: Window) -> int:
    if budget.requests is None or len(hits) < budget.requests:
        return 0
    # In a sliding window, the hit that leaves room for one more is the budget-th youngest.
    oldest = start if window == "fixed" else [now, *reversed(hits)][budget.requests]
    return max(1, math.ceil(oldest + budget.seconds - now))


def _window_start(seconds: int, now: float, window: Window, offset_hours: int) -> float:
    if window == "sliding":
        return now - seconds
    shift = offset_hours * 3600
    # The tiny step back keeps a hit at the very first instant inside the window.
    return (now + shift) // seconds * seconds - shift - 1e-6
