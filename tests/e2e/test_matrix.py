"""The same four declarations on every simulated server, from the first plan to the last deletion."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import ROOT
from tests.e2e.matrix import BEGIN, END, LINES, page_table, take_all, text_table
from tests.e2e.servers import SERVERS

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.servers import Server

PAGE = ROOT / "docs" / "providers.md"
MOST_PAGES = 10
MOST_OTHERS = 2


def published() -> dict[str, list[str]]:
    """Return the columns of the table in docs/providers.md by their heads; the first holds the titles."""
    table = PAGE.read_text("utf-8").partition(BEGIN)[2].partition(END)[0]
    head, _rule, *lines = (
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.strip().splitlines()
    )
    return {name: list(column) for name, *column in zip(head, *lines, strict=True)}


@pytest.mark.slow
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.name)
def test_every_step_works_and_costs_what_the_page_says(server: Server, tmp_path: Path) -> None:
    """Each step does what its function says; docs/providers.md shows what it took."""
    costs = take_all(server, tmp_path)

    shown = ["-" if cost is None else str(cost) for cost in costs]
    assert dict(zip(LINES, shown, strict=True)) == dict(zip(LINES, published()[server.title], strict=True))
    *_, pages, others = costs
    assert others is not None
    assert others <= MOST_OTHERS
    if server.name != "one-api":
        # one-api has ten keys on a page whatever is asked for, and no total, so that all are read twice.
        assert pages is not None
        assert pages <= MOST_PAGES


def test_the_page_shows_every_server_and_step() -> None:
    """A new server or step is missed there at once."""
    columns = published()

    assert list(columns) == ["requests", *(server.title for server in SERVERS)]
    assert columns["requests"] == list(LINES)


def test_both_forms_of_the_table_hold_the_same_cells() -> None:
    """One is for a terminal, aligned; the other for a page."""
    columns = [("A", [*range(len(LINES) - 1), None]), ("B", [1] * len(LINES))]

    lines = text_table(columns).splitlines()

    assert len({len(line) for line in lines}) == 1
    cells = [re.split(r" {2,}", line) for line in lines]
    head, _rule, *rest = [line.strip("| ").split(" | ") for line in page_table(columns).splitlines()]
    assert cells == [head, *rest]
