"""Plans and reports as comments on GitHub."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from reconciler.core.report import Status
from reconciler.render.markdown import fit_plan, render_plan, render_report
from tests.unit.render import samples

if TYPE_CHECKING:
    from markdown_it.token import Token

GFM: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS: Final = {"<br>", "<details><summary>Why and where</summary>", "</details>"}
HOSTILE_TEXT: Final = st.one_of(
    st.text(max_size=40),
    st.lists(st.sampled_from([*samples.HOSTILE, "`", "``", "|", "\\", " ", "\n- "]), max_size=6).map("".join),
)


def _tokens(text: str) -> list[Token]:
    return [child for token in GFM.parse(text) for child in (token, *(token.children or ()))]


def _said(text: str) -> str:
    """Return what stands in a page outside of code: all that could be a mention or a link."""
    return " ".join(token.content for token in _tokens(text) if token.type == "text")


@pytest.mark.parametrize(
    "text", [render_plan(samples.hostile_plan()), render_report(samples.hostile_report())]
)
def test_foreign_text_is_never_markup(text: str) -> None:
    """Neither HTML nor links, images, mentions or issue references come from names and messages."""
    tokens = _tokens(text)
    kinds = {token.type for token in tokens}
    html = {token.content.strip() for token in tokens if token.type in {"html_inline", "html_block"}}

    assert kinds.isdisjoint({"link_open", "image", "fence", "code_block", "blockquote_open"})
    assert html <= OURS
    assert re.findall(r"[@#]\w|https?:|<|\]\(", _said(text)) == []


@given(name=HOSTILE_TEXT)
def test_any_name_stays_in_its_cell(name: str) -> None:
    """A table row keeps its three cells, and the name is in a code span, unchanged but for sanitising."""
    plan = samples.plan([replace(samples.NARROWED, name=name, incarnation=name)])
    tokens = _tokens(render_plan(plan))
    cells = [token for token in tokens if token.type == "td_open"]
    codes = [token.content for token in tokens if token.type == "code_inline"]
    html = {token.content.strip() for token in tokens if token.type in {"html_inline", "html_block"}}

    assert len(cells) == 3
    assert samples.shown(name) in codes
    assert html <= OURS


@pytest.mark.parametrize("limit", [3_000, 8_000])
def test_balances_of_many_accounts_are_cut_too(limit: int) -> None:
    """There is one for each account; what is left out is counted, and other lines of the footer stay."""
    [funds] = samples.rich_plan().meta.funds
    many = tuple(replace(funds, account=f"account-{number}") for number in range(500))
    page = fit_plan(samples.plan(samples.EVERY_KIND, funds=many), limit=limit)

    assert len(page.text.encode()) <= limit
    assert re.search(r"\d+ of 500 lines “Balance”", page.text)
    assert {line.split(":")[0] for line in page.text.split("---\n")[-1].splitlines()} >= {
        "Exposure",
        "Requests",
    }


def test_red_rows_come_first() -> None:
    """A reviewer meets who is cut off before anything else."""
    text = render_plan(samples.rich_plan())
    positions = [
        text.index(f"`reseller/{name}`") for name in ("leaver", "gone", "in-use", "client-a", "free")
    ]

    assert text.index("### Look at these first") < positions[0]
    assert positions == sorted(positions)


def test_a_page_that_fits_is_whole() -> None:
    """Nothing is left out, and nothing says so, while there is room."""
    assert "Cut to fit" not in render_plan(samples.rich_plan())


def test_detail_of_harmless_rows_goes_first() -> None:
    """With too little room the fields of harmless rows are counted; the red rows keep all of theirs."""
    plan = samples.rich_plan()
    text = render_plan(plan, limit=len(render_plan(plan)) - 1)

    assert "Not shown here: the details of 8 other rows." in text
    assert "`limits.concurrency`" not in text
    assert "`app/CLIENT_A_KEY`" in text
    assert "`limits.total_usd` `100` → `50`" in text


def test_harmless_rows_go_next_and_are_counted() -> None:
    """With less room the harmless rows become counts; every red row stays."""
    creates = [replace(samples.CREATE, name=f"new-{number}") for number in range(600)]
    text = render_plan(samples.plan([*creates, samples.DISABLED, samples.CUT_OFF]))

    assert len(text) <= 60_000
    assert "600 other rows (600 create)" in text
    assert "`reseller/leaver`" in text
    assert "`reseller/spender`" in text


@pytest.mark.parametrize("limit", [3_000, 10_000, 60_000])
def test_red_rows_are_never_dropped_silently(limit: int) -> None:
    """When even the red rows do not fit, the page keeps to the limit and says how many are missing."""
    disables = [
        replace(samples.DISABLED, name=f"{'leaver' * 30}-{number}", remote_id=str(number))
        for number in range(999)
    ]
    text = render_plan(samples.plan(disables, warnings=("a long warning " * 200,) * 50), limit=limit)
    shown = text.count("leaver-")
    missing = re.search(r"\*\*(\d+) of 999 rows to look at first\*\*", text)

    assert len(text.encode()) <= limit
    assert missing is not None
    assert int(missing[1]) + shown == 999


def test_red_rows_lose_their_reasons_and_then_all_but_their_names() -> None:
    """Before a red row is dropped, the reasons go, and then everything but the names by operation."""
    disables = [
        replace(samples.DISABLED, name=f"leaver-{number}", remote_id=str(number)) for number in range(300)
    ]
    plan = samples.plan([*disables, samples.CUT_OFF, samples.CREATE])
    brief, names = fit_plan(plan, limit=40_000), fit_plan(plan, limit=10_000)

    assert "because" not in brief.text
    assert brief.text.count("**disable** |") == 300
    assert "- `↓` **disable**: `reseller/leaver-0`, `" in names.text
    assert "(narrows) (protected) (refused) (cuts the key off): `reseller/spender`" in names.text
    assert all(f"`reseller/leaver-{number}`" in names.text for number in range(300))
    assert "the details of the rows to look at first" in names.text
    assert [(page.cut, page.missing) for page in (brief, names)] == [(True, 0), (True, 0)]


def test_what_found_no_room_is_counted_for_the_caller_too() -> None:
    """Whoever records an approval can see whether a page shows everybody who is cut off."""
    disables = [replace(samples.DISABLED, name=f"{number}-{'x' * 90}") for number in range(99)]
    whole, part = fit_plan(samples.plan(disables)), fit_plan(samples.plan(disables), limit=3_000)

    assert (whole.cut, whole.missing) == (False, 0)
    assert part.cut
    assert part.missing == 99 - part.text.count("`reseller/")
    assert len(part.text.encode()) <= 3_000


def test_long_reports_are_cut_like_plans() -> None:
    """A report of many failures keeps to the limit and says what it leaves out; each key keeps its status."""
    outcomes = [
        samples.outcome(replace(samples.NARROWED, name=f"key-{number}"), Status.FAILED, "no " * 500)
        for number in range(99)
    ]
    text = render_report(samples.report(outcomes), limit=20_000)

    assert len(text.encode()) <= 20_000
    assert "the details of the rows to look at first" in text
    assert "- `✗` **update** (failed): `reseller/key-0`, `reseller/key-1`" in text
