"""The tables of the sandbox page, written out of the code: `python -m reconciler.sandbox.documentation FILE`.

A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; a test fails when the page is outdated.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.sandbox import operator
from reconciler.sandbox.faults import ACTIONS
from reconciler.sandbox.qcode_switches import QcodeSwitches
from reconciler.sandbox.switches import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


def render(page: str) -> str:
    """Return the page with every table written anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        written = f"{begin}{table()}{end}"
        page = pattern.sub(lambda _, written=written: written, page)  # type: ignore[misc]  # a default argument
    return page


def _switches() -> str:
    rows = [
        f"| `{info.name}` | {_value(info.default)} | {info.allowed} | {info.basis} | {info.doc} |"
        for info in describe(QcodeSwitches())
    ]
    return _table("| switch | default | allowed | basis | decides |", rows)


def _faults() -> str:
    return _table("| action | effect |", [f"| `{action}` | {effect} |" for action, effect in ACTIONS.items()])


def _operator() -> str:
    lines = (operator.__doc__ or "").splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith("|"))


def _table(head: str, rows: Iterable[str]) -> str:
    rule = "|---" * (head.count("|") - 1) + "|"
    return "".join(f"{line}\n" for line in (head, rule, *rows))


def _value(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


TABLES: dict[str, Callable[[], str]] = {
    "switches qcode-partner": _switches,
    "faults": _faults,
    "operator": _operator,
}


def main(path: str) -> None:
    """Rewrite the tables of a page in place."""
    page = Path(path)
    page.write_text(render(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
