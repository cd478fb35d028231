"""The page of keys: what it says, and that foreign text stays text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from reconciler.render.status_html import render_status
from tests.browser import DESKTOP, PHONE, look
from tests.golden.golden_file import assert_golden
from tests.unit.render import status_samples as samples

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.core.status import StatusTable
    from tests.browser import Seen

PAGES: Final = {
    "busy": samples.busy_table(),
    "hostile": samples.hostile_table(),
    "empty": samples.empty_table(),
}
TABLET: Final = 820


@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_written_as_reviewed(name: str) -> None:
    """One self-contained file: no script, no address of another one, and a policy that allows none."""
    page = render_status(PAGES[name])
    assert_golden(f"status-{name}.html", page)
    assert "<script" not in page.replace("&lt;script", "")
    assert not re.search(r'(src|href)="(?!#)', page)
    assert "default-src 'none'" in page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_the_page_is_readable(name: str, scheme: str, tmp_path: Path) -> None:
    """On a phone, a tablet and a desktop: no complaint, no request, nothing faint or out of sight."""
    views = seen(PAGES[name], scheme, tmp_path, PHONE, TABLET, DESKTOP)
    assert {view.dark for view in views} == {scheme == "dark"}
    assert [fault for view in views for fault in view.faults] == []


def seen(table: StatusTable, scheme: str, folder: Path, *widths: int) -> list[Seen]:
    """Return what a browser shows of a table."""
    page = folder / "status.html"
    page.write_text(render_status(table), encoding="utf-8")
    return look(page, scheme=scheme, widths=widths, room=folder / "room")


def test_what_a_team_lead_needs_can_be_read(tmp_path: Path) -> None:
    """Spend and caps, the share, the pace with its source, the end, the secret, and what comes next."""
    [view] = seen(samples.busy_table(), "light", tmp_path, DESKTOP)
    words = " ".join(view.text.split())
    for text in (
        "9 keys",
        "7 warnings",
        "Needs attention",
        "backup was not read: the token is refused; set it again",
        "412.50 of 1,000.00 41%",
        "14.25 a day since 2026-02-22",
        "31.20 a day over 40 days",
        "1,250.75 no cap",
        "2026-03-10 9 d expires wallet/agents-us",
        "2026-03-02 1 d cap used up reseller/client-a",
        "2026-02-01 29 d ago",
        "used up",
        "not held",
        "client-c off",
        "client-d missing",
        "beside the declared one",
        "concurrency 10",
        "2026-03-10 rotate",
    ):
        assert text in words


def test_each_key_is_a_place_that_the_lists_lead_to() -> None:
    """Every link of the page has its target, and no two keys share one."""
    page = render_status(samples.busy_table())
    targets = re.findall(r'<tr id="(\w+)"', page)
    assert len(set(targets)) == len(samples.busy_table().rows)
    assert set(re.findall(r'href="#(\w+)"', page)) <= set(targets)
