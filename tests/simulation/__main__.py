"""`python -m tests.simulation`: check, long, mutants, or replay of one history."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Final

from tests.simulation import campaign
from tests.simulation.exhaustive import Tally
from tests.simulation.history import Scripted, play
from tests.simulation.inline_pool import one_thread
from tests.simulation.ledger import Violation
from tests.simulation.random_history import RandomHistory
from tests.simulation.scenarios import BY_NAME, SMALLEST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.simulation.campaign import Part


LONG_PAIRS: Final = tuple(BY_NAME[name] for name in (SMALLEST, "new2", "new3", "rotate", "off"))


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, count in (("check", 100_000), ("long", 10_000_000)):
        command = commands.add_parser(name)
        command.add_argument("--seed", type=int, default=None, help="first seed; by default from the clock")
        command.add_argument("--histories", type=int, default=count, help="random histories")
        command.add_argument("--workers", type=int, default=None)
    commands.add_parser("mutants")
    again = commands.add_parser("replay")
    again.add_argument("history", nargs="+")
    options = parser.parse_args(arguments)
    if options.command == "replay":
        return max(replay(spelling) for spelling in options.history)
    if options.command == "mutants":
        from tests.simulation.mutants import hunt  # noqa: PLC0415  # it patches the program

        return hunt()
    seed = int(time.time()) * 1_000 if options.seed is None else options.seed
    return check(seed, options.histories, options.workers, long=options.command == "long")


def check(seed: int, histories: int, workers: int | None, *, long: bool = False) -> int:
    """Play everything that is enumerated and so many random histories; 0 when nothing was violated.

    Args:
        seed: the first one; the others follow it.
        histories: how many are drawn.
        workers: processes; None for one a core.
        long: pairs of faults in larger plans as well.
    """
    parts: list[tuple[str, list[Part]]] = [
        ("singles", campaign.singles()),
        ("pairs", campaign.pairs(LONG_PAIRS, without=frozenset()) if long else campaign.pairs()),
        (f"random from seed {seed}", campaign.random(seed, histories)),
    ]
    total = Tally()
    for title, some in parts:
        tally = campaign.run(some, title, workers=workers)
        if not tally.histories:
            return campaign.fail(f"{title}: nothing was played")
        total.add(tally)
    missing = campaign.report_coverage(total)
    print(f"total: {total.histories:,} histories, {len(total.violations)} violations")
    if missing:
        return campaign.fail(f"never reached: {', '.join(missing)}")
    return 1 if total.violations else 0


def replay(spelling: str) -> int:
    """Play one history again, print every step, and return 1 when it violates an invariant."""
    with one_thread():
        try:
            if spelling.startswith("x:"):
                trace = play(Scripted.parse(spelling)).trace
            else:
                trace = RandomHistory.of(int(spelling.removeprefix("r:"))).play().trace
        except Violation as violation:
            print("\n".join([*violation.trace, str(violation)]))
            return 1
    print("\n".join([*trace, "no invariant was violated"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
