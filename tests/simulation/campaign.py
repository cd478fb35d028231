"""Runs many histories on all cores, and says what came of them."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from tests.simulation.exhaustive import Enumeration, Tally
from tests.simulation.inline_pool import one_thread
from tests.simulation.ledger import Violation
from tests.simulation.random_history import RandomHistory
from tests.simulation.scenarios import BY_NAME, SCENARIOS, SMALLEST
from tests.simulation.worlds import WORLDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tests.simulation.scenarios import Scenario
    from tests.simulation.worlds import World

BLOCK: Final = 500
REPLAYED_EVERY: Final = 1_000
SHOWN: Final = 5
TWINS: Final = frozenset({"D", "Q-honoured", "Q-expired"})
"""Classes that make the calls of C or A in the smallest plan; the other parts meet them all the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part of a campaign, small enough for one core.

    Attributes:
        kind: singles, pairs or random.
        world: of an exhaustive part.
        scenario: likewise.
        first: seed of a random part.
        count: seeds of a random part.
    """

    kind: str
    world: World | None = None
    scenario: Scenario | None = None
    first: int = 0
    count: int = 0


def _print(line: str) -> None:
    print(line, flush=True)


def singles(scenarios: Iterable[Scenario] = SCENARIOS) -> list[Part]:
    """Return every single fault of every scenario in every world."""
    return [
        Part(kind="singles", world=world, scenario=scenario) for scenario in scenarios for world in WORLDS
    ]


def pairs(
    scenarios: Iterable[Scenario] = (BY_NAME[SMALLEST],), *, without: frozenset[str] = TWINS
) -> list[Part]:
    """Return every pair of faults over two runs, in every world but those of some classes."""
    worlds = [world for world in WORLDS if world.of.name not in without]
    return [Part(kind="pairs", world=world, scenario=scenario) for scenario in scenarios for world in worlds]


def random(first: int, count: int) -> list[Part]:
    """Return histories drawn from consecutive seeds."""
    return [
        Part(kind="random", first=first + start, count=min(BLOCK, count - start))
        for start in range(0, count, BLOCK)
    ]


def play(part: Part) -> Tally:
    """Play one part; it is the same wherever and whenever it is played."""
    with one_thread():
        if part.world is not None and part.scenario is not None:
            enumeration = Enumeration(world=part.world, scenario=part.scenario)
            return enumeration.singles() if part.kind == "singles" else enumeration.pairs()
        tally = Tally()
        for seed in range(part.first, part.first + part.count):
            _play_seed(seed, tally)
        return tally


def _play_seed(seed: int, tally: Tally) -> None:
    history = RandomHistory.of(seed)
    tally.histories += 1
    try:
        history.play()
    except Violation as violation:
        tally.violations.append((f"r:{seed}", str(violation)))
    tally.reached.update(history.simulation.reached)
    tally.executed += history.simulation.ledger.runs
    if seed % REPLAYED_EVERY == 0 and not same_again(seed, history.simulation.trace):
        tally.violations.append((f"r:{seed}", "I12: a second play took another course"))


def same_again(seed: int, trace: list[str]) -> bool:
    """Tell whether a seed's history takes the same course once more."""
    again = RandomHistory.of(seed)
    with contextlib.suppress(Violation):
        again.play()
    return again.simulation.trace == trace


def run(
    parts: list[Part], title: str, *, workers: int | None = None, say: Callable[[str], None] = _print
) -> Tally:
    """Play all parts on all cores and print the figures.

    Args:
        parts: in any order.
        title: of the printed line.
        workers: processes; None for one a core.
        say: prints a line.
    """
    started = time.monotonic()
    total = Tally()
    for tally in _results(parts, workers or os.cpu_count() or 1):
        total.add(tally)
    seconds = time.monotonic() - started
    say(
        f"{title}: {total.histories:,} histories, {total.executed:,} runs, in {seconds:.0f} s, "
        f"{len(total.violations)} violations"
    )
    for spelling, text in total.violations[:SHOWN]:
        say(f"  {text}\n    replay: python -m tests.simulation replay '{spelling}'")
    return total


def _results(parts: list[Part], workers: int) -> Iterator[Tally]:
    if workers == 1:
        yield from map(play, parts)
        return
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(partial(play), parts)


def report_coverage(total: Tally, say: Callable[[str], None] = _print) -> list[str]:
    """Print how often each fault struck, and return the pairs of port and fault that none did."""
    by_fault: dict[str, int] = {}
    for (_, fault), count in total.reached.items():
        by_fault[fault] = by_fault.get(fault, 0) + count
    missing = total.missing()
    pairs_of = len({pair for pair, count in total.reached.items() if count})
    say(f"faults: {pairs_of} of {pairs_of + len(missing)} pairs of port and fault were reached")
    say("  " + ", ".join(f"{fault} {count:,}" for fault, count in sorted(by_fault.items())))
    return missing


def fail(text: str) -> int:
    """Say why a campaign does not count, and return the exit status."""
    print(text, file=sys.stderr)
    return 1
