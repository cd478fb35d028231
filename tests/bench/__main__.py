"""The benchmark: `python -m tests.bench`; docs/performance.md says how to read it."""

from __future__ import annotations

import argparse
import platform
import sys
import tempfile
from pathlib import Path

from tests.bench.comparisons import Bench, install_peer
from tests.bench.process_timer import ProgramFailedError
from tests.bench.report import Report
from tests.bench.workplace import WrongPlanError

_SIZES = (1_000, 10_000, 100_000)


def main() -> int:
    """Run what was asked for; 1 when something failed, or with `--check` when a goal was missed."""
    options = _parser().parse_args()
    sizes = sorted(set(options.sizes or (_SIZES[:2] if options.quick else _SIZES)))
    runs = options.runs or (3 if options.quick else None)
    report = Report()
    report.heading(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    report.fact("first / second: median ratio (smallest-largest of the pairs, number of pairs)")
    peer = None if options.without_octodns else install_peer(report, sizes)
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as folder:
        bench = Bench(folder=Path(folder), sizes=sizes, runs=runs, report=report, peer=peer)
        try:
            bench.start_up()
            bench.growth()
            bench.plan()
        except (ProgramFailedError, WrongPlanError) as error:
            print(f"bench: {error}", file=sys.stderr)
            return 1
    met = report.finish()
    return 1 if options.check and not met else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Ratios within one run.")
    parser.add_argument(
        "--sizes", type=_sizes, metavar="N,N", help="numbers of keys (default: 1000,10000,100000)"
    )
    parser.add_argument("--runs", type=int, metavar="N", help="pairs of runs for each ratio")
    parser.add_argument(
        "--quick", action="store_true", help="1k and 10k keys, three pairs; about two minutes"
    )
    parser.add_argument("--without-octodns", action="store_true", help="leave that comparison out")
    parser.add_argument("--check", action="store_true", help="end with 1 when a goal was missed")
    return parser


def _sizes(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


if __name__ == "__main__":
    sys.exit(main())
