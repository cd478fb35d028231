"""The protocol's safeguards, each switched off in turn: every one has to be missed by some history."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from tests.simulation.exhaustive import Enumeration
from tests.simulation.history import Scripted, play
from tests.simulation.inline_pool import one_thread
from tests.simulation.ledger import Violation
from tests.simulation.random_history import RandomHistory
from tests.simulation.safeguards import SAFEGUARDS
from tests.simulation.scenarios import BY_NAME
from tests.simulation.worlds import World

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.exhaustive import Tally
    from tests.simulation.safeguards import Safeguard

SEEDS: Final = 4_000


def hunt(mutants: Sequence[Safeguard] | None = None) -> int:
    """Look for a violation without each safeguard, print it, and return how many were not missed."""
    survivors = []
    for mutant in mutants or SAFEGUARDS:
        started = time.monotonic()
        found = missed(mutant)
        if found is None and not mutant.kept:
            survivors.append(mutant.name)
        where, text = found or ("nowhere", mutant.kept or "no history needs it")
        print(f"{mutant.name}: {where}: {text} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{len(mutants or SAFEGUARDS)} safeguards, {len(survivors)} that no history needs")
    return len(survivors)


def missed(mutant: Safeguard) -> tuple[str, str] | None:
    """Return a history that violates an invariant without the safeguard, and how; None for none."""
    with one_thread():
        for spelling in mutant.histories:
            with mutant.without():
                text = _played(spelling)
            if text is not None and _played(spelling) is None:
                return spelling, text
        for name in mutant.worlds:
            world = World.parse(name)
            found = _among_singles(mutant, world) or (
                None if mutant.scenarios else _among_seeds(mutant, world)
            )
            if found is not None:
                return found
    return None


def _among_singles(mutant: Safeguard, world: World) -> tuple[str, str] | None:
    for name in mutant.scenarios:
        enumeration = Enumeration(world=world, scenario=BY_NAME[name])
        with mutant.without():
            try:
                tally: Tally = enumeration.singles()
            except Violation as violation:
                return (f"{world.name} {name}, no fault at all", str(violation))
        if tally.violations and not Enumeration(world=world, scenario=BY_NAME[name]).singles().violations:
            return tally.violations[0]
    return None


def _among_seeds(mutant: Safeguard, world: World) -> tuple[str, str] | None:
    for seed in range(SEEDS):
        with mutant.without():
            violation = _violation(seed, world)
        if violation is not None and _violation(seed, world) is None:
            return (f"{world.name} seed {seed}", str(violation))
    return None


def _played(spelling: str) -> str | None:
    try:
        play(Scripted.parse(spelling))
    except Violation as violation:
        return str(violation)
    return None


def _violation(seed: int, world: World) -> Violation | None:
    try:
        RandomHistory.of(seed, world=world).play()
    except Violation as violation:
        return violation
    return None
