"""The HTML pages in a real browser, offline: readable in light and dark, on a phone and on a desktop."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pytest

from reconciler.render.html import render_plan, render_report
from tests.browser import DESKTOP, PHONE, look
from tests.unit.render import samples

if TYPE_CHECKING:
    from pathlib import Path

PAGES: Final = {
    "plan-rich": render_plan(samples.rich_plan()),
    "plan-empty": render_plan(samples.plan()),
    "plan-allowed": render_plan(samples.allowed_plan()),
    "plan-hostile": render_plan(samples.hostile_plan()),
    "report-rich": render_report(samples.rich_report()),
    "report-hostile": render_report(samples.hostile_report()),
}
BAD: Final = """<!DOCTYPE html>
<html><body style="background: #fff; margin: 0">
<p style="color: #aaa">faint words</p>
<p style="position: absolute; left: -999px">lost words</p>
<div style="width: 2000px">wide words</div>
<img src="http://pixel.example/a.png" alt="">
<script>console.error("boom " + (1 + 1));</script>
</body></html>
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_readable(name: str, scheme: str, tmp_path: Path) -> None:
    """No complaint, no request, nothing out of sight, too faint or too wide."""
    page = tmp_path / f"{name}.html"
    page.write_text(PAGES[name], encoding="utf-8")
    views = look(page, scheme=scheme, room=tmp_path / "room")
    assert [view.width for view in views] == [PHONE, DESKTOP]
    assert {view.dark for view in views} == {scheme == "dark"}
    assert [fault for view in views for fault in view.faults] == []
    assert all(view.picture.startswith(b"\x89PNG") for view in views)


def test_what_a_reviewer_needs_can_be_read(tmp_path: Path) -> None:
    """Money, direction, the cut-off, the wait and the digest are on the page as text."""
    page = tmp_path / "plan.html"
    page.write_text(PAGES["plan-rich"], encoding="utf-8")
    [view] = look(page, scheme="light", widths=(DESKTOP,), room=tmp_path / "room")
    for words in ("used 70 USD", "lifetime cap 100 USD → 50 USD", "exposure -50 USD", "cuts the key off"):
        assert words in view.text
    for words in ("widens", "narrows", "Exposure", "under the rate limits", "sha256:"):
        assert words in view.text


def test_the_browser_sees_what_is_wrong_with_a_page(tmp_path: Path) -> None:
    """Each fault that the other tests look for is found where it is."""
    page = tmp_path / "bad.html"
    page.write_text(BAD, encoding="utf-8")
    [view] = look(page, scheme="light", widths=(PHONE,), room=tmp_path / "room")
    assert view.overflow == 2000 - PHONE
    assert view.hidden == ("lost words",)
    assert view.faint == ("faint words (2.32)",)
    assert set(view.requests) == {"GET /a.png HTTP/1.1"}
    assert view.complaints == ("boom 2", "IMG failed")


def test_what_the_policy_of_a_page_blocks_is_a_fault(tmp_path: Path) -> None:
    """A script that slipped into one of our pages would neither run nor go unnoticed."""
    page = tmp_path / "plan.html"
    script = "<script>document.body.textContent = 'gone'</script></body>"
    page.write_text(PAGES["plan-empty"].replace("</body>", script), encoding="utf-8")
    [view] = look(page, scheme="light", widths=(PHONE,), room=tmp_path / "room")
    assert "No changes" in view.text
    assert any(text.startswith("complaint: blocked inline") for text in view.faults)
