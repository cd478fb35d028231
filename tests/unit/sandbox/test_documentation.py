"""Tests that the page on the sandbox says what the code does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from reconciler.sandbox.accounts import DEFAULT_ACCOUNTS
from reconciler.sandbox.documentation import TABLES, main, render
from reconciler.sandbox.newapi_switches import NewApiSwitches
from reconciler.sandbox.qcode_readonly_switches import ReadOnlySwitches
from reconciler.sandbox.qcode_switches import QcodeSwitches
from reconciler.sandbox.server import DEFAULT_PORT

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "sandbox.md"


def test_the_tables_are_up_to_date() -> None:
    """After a change, run `python -m reconciler.sandbox.documentation docs/sandbox.md`."""
    page = PAGE.read_text("utf-8")
    assert page == render(page)
    assert all(f"<!-- begin {name} -->" in page for name in TABLES)


def test_the_page_names_port_and_tokens() -> None:
    """What a user copies works."""
    page = PAGE.read_text("utf-8")
    assert f"http://127.0.0.1:{DEFAULT_PORT}" in page
    assert all(f"| `{account.label}` | `{account.token}` |" in page for account in DEFAULT_ACCOUNTS)


def test_tables_are_rewritten_in_place(tmp_path: Path) -> None:
    """Text around a table stays, and an old table goes."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin faults -->\nold\n<!-- end faults -->\nafter\n", "utf-8")
    main(str(page))
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- begin faults -->\n| action | effect |\n|---|---|\n")
    assert text.endswith("<!-- end faults -->\nafter\n")
    assert "old\n" not in text


@pytest.mark.parametrize(
    ("kind", "tests"),
    [
        (QcodeSwitches, "test_qcode_*.py"),
        (ReadOnlySwitches, "test_qcode_readonly.py"),
        (NewApiSwitches, "test_newapi_*.py"),
    ],
)
def test_every_switch_is_tested(kind: type[Any], tests: str) -> None:
    """A switch that no test of this folder sets is a promise that nobody checks."""
    text = "".join(path.read_text("utf-8") for path in Path(__file__).parent.glob(tests))
    untested = [item.name for item in fields(kind) if not re.search(rf"\b{item.name}=", text)]
    assert untested == []
