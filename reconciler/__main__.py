"""`python -m reconciler` is the console script."""

from __future__ import annotations

from reconciler.cli.main import entry

if __name__ == "__main__":
    entry()
