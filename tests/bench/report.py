"""The lines of the benchmark: a ratio, how far it scattered, the goal, and whether it was met."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from tests.bench.process_timer import Spread, cpu, peak, wall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.bench.process_timer import Pairs, Sample

Metric = Literal["wall", "cpu", "peak"]

_READ: Final[Mapping[Metric, Callable[[Sample], float]]] = {"wall": wall, "cpu": cpu, "peak": peak}
_THOUSAND: Final = 1000
_MIB: Final = 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One comparison by one metric; a goal is the largest median ratio that is still fine."""

    what: str
    metric: Metric
    ratio: Spread
    first: float
    second: float
    runs: int
    goal: float | None

    @property
    def missed(self) -> bool:
        """Whether there is a goal, and the median is above it."""
        return self.goal is not None and self.ratio.median > self.goal

    def __str__(self) -> str:
        """Return the line as it is printed."""
        verdict = "" if self.goal is None else f"goal {self.goal:g} {'MISSED' if self.missed else 'met'}"
        spread = f"({self.ratio.low:.3g}-{self.ratio.high:.3g}, n={self.runs})"
        measured = f"{_amount(self.metric, self.first)} / {_amount(self.metric, self.second)}"
        ratio = f"{self.metric:<4} {self.ratio.median:>6.3g} {spread:<21}"
        return f"  {self.what:<28} {ratio} {measured:<21} {verdict}".rstrip()


class Report:
    """Prints what is measured as soon as it is known, and remembers the goals."""

    def __init__(self) -> None:
        self._with_goal = 0
        self._missed: list[Line] = []
        self._unknown: list[str] = []

    def heading(self, text: str) -> None:
        """Start a group of lines."""
        print(f"\n{text}", flush=True)

    def fact(self, text: str) -> None:
        """Print something that is no ratio."""
        print(f"  {text}", flush=True)

    def ratio(self, what: str, pairs: Pairs, metric: Metric, goal: float | None = None) -> None:
        """Print one metric of some pairs of runs."""
        read = _READ[metric]
        line = Line(
            what=what,
            metric=metric,
            ratio=pairs.ratio(read),
            first=Spread.of([read(sample) for sample in pairs.first]).median,
            second=Spread.of([read(sample) for sample in pairs.second]).median,
            runs=len(pairs.first),
            goal=goal,
        )
        print(line, flush=True)
        self._with_goal += goal is not None
        if line.missed:
            self._missed.append(line)

    def not_measured(self, what: str, reason: str) -> None:
        """Print that something with a goal could not be measured, which counts as a missed goal."""
        print(f"  {what}: NOT MEASURED, {reason}", flush=True)
        self._unknown.append(what)

    def finish(self) -> bool:
        """Print the summary and return whether every goal was met."""
        met = self._with_goal - len(self._missed)
        print(f"\n{met} of {self._with_goal + len(self._unknown)} goals met", flush=True)
        for line in self._missed:
            print(f"missed: {line.what}, {line.metric} {line.ratio.median:.3g}, goal {line.goal:g}")
        for what in self._unknown:
            print(f"not measured: {what}")
        return not self._missed and not self._unknown


def size_text(size: int) -> str:
    """Return a number of keys as people say it: `10k`."""
    return f"{size // _THOUSAND}k" if size % _THOUSAND == 0 else str(size)


def _amount(metric: Metric, amount: float) -> str:
    if metric == "peak":
        return f"{amount / _MIB:.0f} MiB"
    return f"{amount * 1000:.0f} ms" if amount < 1 else f"{amount:.2f} s"
