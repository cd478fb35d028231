"""What is compared with what, and the goals."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.bench import octodns_peer
from tests.bench.generate import World
from tests.bench.process_timer import Program, alternate
from tests.bench.report import size_text
from tests.bench.workplace import MANY, RECONCILER, opened

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tests.bench.report import Report
    from tests.bench.workplace import Workplace

TENFOLD: Final = 10
SHARES: Final = (1, 10, 100)
_PEER_WALL: Final[Mapping[int, float]] = {10_000: 0.2, 100_000: 0.12}
_PEER_PEAK: Final = 1.0
_FLOOR: Final = 1.6
_GROWTH: Final = 11.0
_VERSION: Final = 1.6
_START_UPS: Final = 15
_LARGE: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One run of the benchmark.

    Attributes:
        folder: for the worlds, on a disk with some hundred MB.
        sizes: numbers of keys, ascending.
        runs: pairs of runs for each comparison; None for a number that suits the size.
        report: where results go.
        peer: the folder of octoDNS's programs; None to leave the comparison out.
    """

    folder: Path
    sizes: Sequence[int]
    runs: int | None
    report: Report
    peer: Path | None

    def plan(self) -> None:
        """Compare a plan of each size with octoDNS's and with the floor, and loading with its own."""
        for size in self.sizes:
            world = World(size=size)
            with opened(self.folder / f"{size}", world) as place:
                self.report.heading(f"{size_text(size)} keys, {world.changes} of them changed")
                self.report.fact(f"a plan costs {place.requests_of_plan()} requests")
                self._against_floor(place)
                self._load(place)
                if self.peer:
                    self._against_peer(place, self.peer)

    def growth(self) -> None:
        """Compare ten times as many keys with as many, by processor time, for growing shares of changes."""
        steps = [(small, large) for small, large in pairwise(self.sizes) if large == TENFOLD * small]
        # The largest step says it all; the smaller ones are mostly start-up.
        for small, large in steps[-1:]:
            self.report.heading(f"Growth, {size_text(large)} keys / {size_text(small)}")
            for percent in SHARES:
                goal = _GROWTH if large == _LARGE else None
                with (
                    opened(self.folder / f"{large}-{percent}", World(size=large, percent=percent)) as ten,
                    opened(self.folder / f"{small}-{percent}", World(size=small, percent=percent)) as one,
                ):
                    for place in (one, ten):
                        place.requests_of_plan()
                    pairs = alternate(ten.plan(), one.plan(), self._runs(large))
                self.report.ratio(f"plan, {percent} % changed", pairs, "cpu", goal)
                self.report.ratio(f"plan, {percent} % changed", pairs, "peak")

    def start_up(self) -> None:
        """Compare commands that do little with the import of click alone."""
        self.report.heading("Start-up, against `python -c 'import click'`")
        click = Program(argv=[sys.executable, "-c", "import click"])
        runs = self.runs or _START_UPS
        with opened(self.folder / "start-up", World(size=TENFOLD)) as place:
            commands = {
                "--version": (Program(argv=[RECONCILER, "--version"]), _VERSION),
                "--help": (Program(argv=[RECONCILER, "--help"]), None),
                "plan --help": (Program(argv=[RECONCILER, "plan", "--help"]), None),
                f"validate, {TENFOLD} keys": (place.validate(), None),
                f"plan, {TENFOLD} keys": (place.plan(), None),
            }
            for name, (program, goal) in commands.items():
                self.report.ratio(name, alternate(program, click, runs), "wall", goal)

    def _against_floor(self, place: Workplace) -> None:
        pairs = alternate(place.plan(), place.floor(), self._runs(place.world.size))
        goal = _FLOOR if place.world.size in _PEER_WALL else None
        self.report.ratio("plan / floor", pairs, "wall", goal)
        self.report.ratio("plan / floor", pairs, "cpu")

    def _load(self, place: Workplace) -> None:
        runs = self._runs(place.world.size)
        pairs = alternate(place.validate(), place.parser_floor(), runs)
        self.report.ratio("validate / C parser alone", pairs, "wall")
        self.report.ratio("validate / C parser alone", pairs, "cpu")
        pairs = alternate(place.validate(MANY), place.validate(), runs)
        self.report.ratio(f"validate, {MANY} files / one", pairs, "wall")

    def _against_peer(self, place: Workplace, programs: Path) -> None:
        size = place.world.size
        pairs = alternate(place.plan(), octodns_peer.plan(programs, place.zone, "json"), self._runs(size))
        what = "plan / octoDNS, JSON target"
        self.report.ratio(what, pairs, "wall", _PEER_WALL.get(size))
        self.report.ratio(what, pairs, "cpu")
        self.report.ratio(what, pairs, "peak", _PEER_PEAK if size in _PEER_WALL else None)
        if size < _LARGE:
            # octoDNS would take minutes for the larger one, and the figure decides nothing.
            peer = octodns_peer.plan(programs, place.zone, "yaml")
            pairs = alternate(place.plan(), peer, self._runs(size))
            self.report.ratio("plan / octoDNS, YAML target", pairs, "wall")

    def _runs(self, size: int) -> int:
        if self.runs:
            return self.runs
        return 2 if size >= _LARGE else 7


def install_peer(report: Report, sizes: Sequence[int]) -> Path | None:
    """Return the folder of octoDNS's programs, or None and a line in the report where pip cannot get it."""
    try:
        return octodns_peer.install()
    except (OSError, subprocess.CalledProcessError):
        if not _PEER_WALL.keys().isdisjoint(sizes):
            report.not_measured(
                "plan / octoDNS", "it could not be installed; check the network or pip's index"
            )
        return None
