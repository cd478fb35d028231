"""Plans and reports as pages."""

from __future__ import annotations

from dataclasses import replace
from html.parser import HTMLParser
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from reconciler.core.report import Status
from reconciler.render.html import render_plan, render_report
from tests.unit.render import samples

OUTLINE: Final = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "article", "footer"}
TAGS: Final = OUTLINE | {"ul", "li", "dl", "dt", "dd", "p", "b", "small", "span", "code"}
ATTRIBUTES: Final = frozenset({"lang", "charset", "name", "content", "http-equiv", "class"})
VOID: Final = frozenset({"meta"})


class _Page(HTMLParser):
    """Reads a page and remembers what a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(text)
        self.close()

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    @override
    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    @override
    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize(
    "text",
    [
        render_plan(samples.rich_plan()),
        render_plan(samples.plan()),
        render_plan(samples.hostile_plan()),
        render_report(samples.rich_report()),
        render_report(samples.hostile_report()),
    ],
)
def test_page_is_well_formed_and_inert(text: str) -> None:
    """Every tag is closed and known; there is no script, no link, no image, no handler."""
    page = _Page(text)

    assert page.open == []
    assert page.tags <= TAGS
    assert page.attributes <= ATTRIBUTES


@given(name=st.one_of(st.text(max_size=60), st.sampled_from(samples.HOSTILE)))
def test_any_text_is_shown_and_never_markup(name: str) -> None:
    """Foreign text arrives as the words that it is."""
    action = replace(samples.NARROWED, name=name, note=name)
    report = samples.report([samples.outcome(action, Status.FAILED, name)])

    for text in (render_plan(samples.plan([action])), render_report(report)):
        page = _Page(text)
        assert page.tags <= TAGS
        assert page.attributes <= ATTRIBUTES
        assert samples.shown(name) in page.words


def test_page_needs_nothing_from_elsewhere() -> None:
    """The page follows the reader's light or dark setting and forbids every request."""
    text = render_plan(samples.rich_plan())

    assert "prefers-color-scheme: dark" in text
    assert "default-src 'none'" in text
    assert "url(" not in text
    assert 'name="viewport"' in text
