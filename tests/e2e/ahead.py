"""Runs the real command line with its wall clock some seconds ahead: `ahead.py SECONDS [ARGUMENT…]`.

The product has no switch for the time; this starts its own entry point in a process of its own, with the
one class replaced that asks the machine for the time.
"""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.cli import clock
from reconciler.cli.main import entry

if TYPE_CHECKING:
    from datetime import datetime


def main() -> None:
    """Shift the clock and run."""
    shift = timedelta(seconds=float(sys.argv.pop(1)))

    class ShiftedClock(clock.SystemClock):
        def now(self) -> datetime:
            return super().now() + shift

    # Every command looks the class up when it runs, and none of them was imported yet.
    clock.SystemClock = ShiftedClock  # type: ignore[misc]
    entry()


if __name__ == "__main__":
    main()
