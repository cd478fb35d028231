"""Every promise of docs/custody.md names a test, and the test is there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from tests.unit.app.test_promises import CELLS, WITHOUT_LEASE

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "custody.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
CELL = re.compile(r"^\| ([A-E]) \| (.+) \| (.+) \| (.+) \|$", re.MULTILINE)


def test_every_named_test_exists() -> None:
    """A promise whose test was renamed or removed is none."""
    named = NAMED.findall(PAGE)
    missing = [f"{file}::{name}" for file, name in named if name not in _tests(ROOT / file)]

    assert len(named) >= 10
    assert missing == []


def test_the_table_says_what_the_tests_try() -> None:
    """Each cell that promises one live key without a lease is a parameter of the test, no other one is."""
    sinks = ("locked", "receipts", "write-only")
    promised = {
        (name, sink)
        for name, *cells in CELL.findall(PAGE)
        for sink, text in zip(sinks, cells, strict=True)
        if text == "one live key, its secret kept"
    }

    assert promised == set(WITHOUT_LEASE)
    assert len(CELLS) == 15


def _tests(path: Path) -> set[str]:
    return {
        node.name
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
