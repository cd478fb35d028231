"""The page of the providers says what the data says."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.providers.registry import PROVIDERS
from tests.unit.providers.providers_page import TABLES, capability_table, main, render

PAGE = Path(__file__).resolve().parents[3] / "docs/providers.md"


def test_the_page_is_that_of_the_data() -> None:
    """`python -m tests.unit.providers.providers_page docs/providers.md` renews it."""
    page = PAGE.read_text("utf-8")
    assert page == render(page)


@pytest.mark.parametrize("name", TABLES)
def test_every_table_stands_on_the_page_once(name: str) -> None:
    """And has rows."""
    page = PAGE.read_text("utf-8")
    assert (page.count(f"<!-- begin {name} -->\n| "), page.count(f"<!-- end {name} -->")) == (1, 1)


def test_every_provider_has_a_column() -> None:
    """In the order of the registry."""
    head = capability_table().splitlines()[0]
    assert [cell.strip(" `") for cell in head.split("|")[2:-1]] == list(PROVIDERS)


def test_a_page_is_written_anew(tmp_path: Path) -> None:
    """Only between the marks."""
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- begin options -->\nold\n<!-- end options -->\nafter\n", "utf-8")
    main(page)
    text = page.read_text("utf-8")
    assert text.startswith("before\n<!-- begin options -->\n| option | meaning |\n")
    assert text.endswith("<!-- end options -->\nafter\n")
    assert "old" not in text
