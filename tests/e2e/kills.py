"""The real command line, stopped everywhere: `python -m tests.e2e.kills --count 10000 --seed 7`.

First every moment of every change that a vendor sees: SIGKILL there, then signals that ask for an end. What
is left of the count are random rounds: up to three kills in a row, anywhere, of vendors with more habits. A
count below the number of moments is spread evenly over them. Clean runs must mend everything; what they do
not is printed with the command that plays the round again. The parts are in the modules `kill_*`.
"""

from __future__ import annotations

import argparse
import math
import multiprocessing
import os
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.e2e.kill_moments import spread
from tests.e2e.kill_rounds import RANDOM, case_of, interrupt, kill, play, signals_of
from tests.e2e.kill_stage import Stage
from tests.e2e.kill_worlds import CHANGES, VENDORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from tests.e2e.kill_moments import Moment
    from tests.e2e.kill_rounds import Result
    from tests.e2e.kill_stage import Case

KILLED: Final = "killed at a moment"
INTERRUPTED: Final = "interrupted at a moment"
ANYWHERE: Final = "random"
NAMED: Final = "named"
CASES: Final = tuple((vendor.name, change.name) for vendor in VENDORS for change in CHANGES)
SEEDS_AT_A_TIME: Final = 20
_STAGES: list[Stage] = []
"""The one of this worker process."""


@dataclass(slots=True)
class Tally:
    """What the rounds came to.

    Attributes:
        rounds: of each kind.
        hits: processes that were stopped, of each kind.
        wrong: rounds with a violation.
        most_clean_runs: that a round took to recover.
    """

    rounds: dict[str, int] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)
    wrong: int = 0
    most_clean_runs: int = 0

    def add(self, kind: str, results: Iterable[Result]) -> None:
        """Count rounds, and print those that went wrong."""
        for result in results:
            self.rounds[kind] = self.rounds.get(kind, 0) + 1
            self.hits[kind] = self.hits.get(kind, 0) + result.hits
            self.most_clean_runs = max(self.most_clean_runs, result.clean_runs)
            if result.wrong:
                self.wrong += 1
                print(result, flush=True)

    def summary(self, seconds: float, seed: int) -> str:
        """Return the last line."""
        parts = [f"{count} {kind}" for kind, count in self.rounds.items()]
        interrupted = self.hits.get(INTERRUPTED, 0)
        stopped = sum(self.hits.values())
        of_them = f" ({stopped - interrupted} killed, {interrupted} interrupted)" if interrupted else ""
        return (
            f"{sum(self.rounds.values())} rounds ({', '.join(parts)}): "
            f"{stopped} processes stopped{of_them}, {self.wrong} violations; "
            f"at most {self.most_clean_runs} clean runs to recover; {seconds:.0f} s, seed {seed}"
        )


def kills_of(names: tuple[str, str], most: int) -> list[Result]:
    """Kill one case at so many of its moments, evenly spread."""
    case, moments = _chosen(names, most)
    return [kill(_STAGES[0], case, moment) for moment in moments]


def interrupts_of(names: tuple[str, str], most: int) -> list[Result]:
    """Interrupt one case at so many of its moments, evenly spread, by every kind of signal in turn."""
    case, moments = _chosen(names, most)
    return [interrupt(_STAGES[0], case, moment, signals_of(number)) for number, moment in enumerate(moments)]


def random_rounds(first: int, count: int) -> list[Result]:
    """Play the rounds of so many seeds."""
    return [play(_STAGES[0], f"{RANDOM}:{seed}") for seed in range(first, first + count)]


def _chosen(names: tuple[str, str], most: int) -> tuple[Case, tuple[Moment, ...]]:
    case = case_of(_STAGES[0], *names)
    step = math.ceil(len(case.moments) / most)
    return case, spread(case.moments, step, CASES.index(names))


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what the arguments ask for, and print what came of it."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.kills")
    parser.add_argument("--count", type=int, default=300, help="rounds to play (300)")
    parser.add_argument(
        "--seed", type=int, default=0, help="of the first random round; each further one adds 1"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes (one a core)")
    parser.add_argument("--play", nargs="+", metavar="ROUND", help="only these, as a failure names them")
    asked = parser.parse_args(arguments)
    began, tally = time.monotonic(), Tally()
    with tempfile.TemporaryDirectory() as folder:
        if asked.play:
            with Stage(Path(folder)) as stage:
                for name in asked.play:
                    try:
                        tally.add(NAMED, [play(stage, name)])
                    except ValueError as error:
                        parser.error(str(error))
        else:
            campaign(tally, asked.count, asked.seed, asked.jobs, folder)
    print(tally.summary(time.monotonic() - began, asked.seed))
    return 1 if tally.wrong or not sum(tally.hits.values()) else 0


def campaign(tally: Tally, count: int, seed: int, jobs: int, folder: str) -> None:
    """Play so many rounds: kills at every moment, signals at every moment, and then random ones."""
    # Spawned, since the stages have threads.
    context = multiprocessing.get_context("spawn")
    with context.Pool(jobs, initializer=_open_stage, initargs=(folder,)) as pool:

        def play_all(
            kind: str, work: Callable[..., list[Result]], shares: Iterable[tuple[object, ...]]
        ) -> None:
            waiting = [pool.apply_async(work, share) for share in shares]
            for answer in waiting:
                tally.add(kind, answer.get())
            print(f"{kind}: {tally.rounds.get(kind, 0)} rounds, {tally.wrong} violations so far", flush=True)

        for kind, work in ((KILLED, kills_of), (INTERRUPTED, interrupts_of)):
            left = count - sum(tally.rounds.values())
            if left > 0:
                most = math.ceil(left / len(CASES))
                play_all(kind, work, ((names, most) for names in CASES))
        last = seed + max(0, count - sum(tally.rounds.values()))
        seeds = range(seed, last, SEEDS_AT_A_TIME)
        play_all(ANYWHERE, random_rounds, ((first, min(SEEDS_AT_A_TIME, last - first)) for first in seeds))
        pool.close()
        pool.join()


def _open_stage(folder: str) -> None:
    stack = ExitStack()
    # The process ends with the pool, and what it started with it.
    _STAGES.append(stack.enter_context(Stage(Path(tempfile.mkdtemp(dir=folder)))))


if __name__ == "__main__":
    sys.exit(main())
