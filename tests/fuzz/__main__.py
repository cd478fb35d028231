"""`python -m tests.fuzz --target keys --seconds 600 --seed 7`: look for inputs that crash a reader."""

from __future__ import annotations

import argparse
import logging
import resource
import sys
import time
import warnings
from typing import TYPE_CHECKING, Final

from tests.fuzz.registry import TARGETS
from tests.fuzz.session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_MEMORY: Final = 4 << 30
"""Bytes of address space; an input that asks for more ends in a `MemoryError`, which is a crash."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Fuzz some targets one after the other; 1 when one of them crashed."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--target", action="append", choices=[*TARGETS], help="by default all of them")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each target")
    parser.add_argument("--seed", type=int, default=None, help="by default from the clock")
    parser.add_argument("--prune", action="store_true", help="only remove what reaches nothing new")
    options = parser.parse_args(arguments)
    seed = int(time.time()) if options.seed is None else options.seed
    warnings.simplefilter("error")
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_MEMORY, _MOST_MEMORY))
    crashes = 0
    for name in options.target or TARGETS:
        session = Session(target=TARGETS[name], seed=seed)
        if options.prune:
            session.load(prune=True)
        else:
            session.run(options.seconds)
        crashes += len(session.crashes)
        counts = f"{session.fed} inputs, {session.kept} kept, {len(session.crashes)} crashes"
        print(f"{name}: {counts} (seed {seed})", flush=True)
    return 1 if crashes else 0


if __name__ == "__main__":
    sys.exit(main())
