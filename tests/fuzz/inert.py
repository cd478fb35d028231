"""Assertions about pages with foreign text: nothing in it acts on a terminal, a runner or a browser."""

from __future__ import annotations

import re
import unicodedata
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from markdown_it.token import Token

GFM: Final = MarkdownIt("commonmark").enable(["table", "strikethrough"])
OURS: Final = {"<br>", "<details><summary>Why and where</summary>", "</details>"}
_STRANGE: Final = frozenset(
    {"image", "fence", "code_block", "blockquote_open", "s_open", "ordered_list_open", "em_open"}
)
_MARKUP: Final = re.compile(r"[@#]\w|https?:|www\.|<|\]\(", re.IGNORECASE)
_COLOUR: Final = re.compile(r"\x1b\[[0-9;]{0,12}m")
_TAGS: Final = frozenset(
    """
    a abbr article b body br code dd details div dl dt em footer h1 h2 h3 h4 head header hr html i li main
    meta meter nav ol p progress section small span strong style summary table tbody td th thead time
    title tr ul
    """.split()  # noqa: SIM905  # a list of strings would fill a page
)


def check_markdown(text: str, *, limit: int, links: int = 0) -> None:
    """Assert that a page keeps to its bytes and has no markup but its own.

    Args:
        text: of the page.
        limit: most bytes.
        links: how many the page has by itself.
    """
    tokens = tokens_of(text)
    kinds = [token.type for token in tokens]
    html = {token.content.strip() for token in tokens if token.type in {"html_inline", "html_block"}}
    said = " ".join(token.content for token in tokens if token.type == "text")

    assert len(text.encode()) <= limit, "a page over its limit"
    assert _STRANGE.isdisjoint(kinds), f"markup out of foreign text: {_STRANGE & set(kinds)}"
    assert kinds.count("link_open") <= links, "a link out of foreign text"
    assert {tag for tag in html if not tag.startswith("<!-- reconciler:v1 ")} <= OURS, "HTML of foreign text"
    assert _MARKUP.search(said) is None, "a mention, a reference or an address outside of code"


def tokens_of(text: str) -> list[Token]:
    """Return every token of a page, those within lines included."""
    return [child for token in GFM.parse(text) for child in (token, *(token.children or ()))]


def check_terminal(text: str, *, colour: bool = False) -> None:
    """Assert that a text holds no character that acts or hides, and no command of a runner."""
    plain = _COLOUR.sub("", text) if colour else text
    strange = {
        char
        for char in plain
        if char != "\n" and unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn"}
    }

    assert not strange, f"characters that act or hide: {sorted(map(ascii, strange))}"
    assert "##[" not in plain, "a command of a GitHub runner"
    assert not re.search(r"^\s*::", plain, re.MULTILINE), (
        "a command of a GitHub runner at the start of a line"
    )


def check_html(text: str) -> None:
    """Assert that a page has only elements of its own, no script, no handler and no address."""
    page = _Page()
    page.feed(text)
    page.close()

    assert not page.strange, f"strange elements or attributes: {page.strange}"


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.strange: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.strange.add(tag)
        for name, value in attrs:
            outside = name in {"href", "src", "action"} and not (value or "").startswith("#")
            if outside or name.startswith("on"):
                self.strange.add(f"{tag} {name}")
