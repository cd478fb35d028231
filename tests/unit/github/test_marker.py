"""By what a text is known as our own."""

from __future__ import annotations

import pytest

from reconciler.errors import UsageError
from reconciler.github.marker import Marker

LOGIN = "github-actions[bot]"
MARKER = Marker(kind="plan", stack="prod")


def test_the_line_holds_the_facts() -> None:
    """The marker is one HTML comment with what a person who reads the source wants to know."""
    assert MARKER.line(digest="sha256:ab", cut="false") == (
        "<!-- reconciler:v1 kind=plan stack=prod digest=sha256:ab cut=false -->"
    )


def test_only_our_own_text_is_ours() -> None:
    """The marker at the very start and the author have to be right; either alone is not enough."""
    body, user = f"{MARKER.line()}\nplan", {"login": LOGIN}

    assert MARKER.owns({"body": body, "user": user}, LOGIN)
    assert not MARKER.owns({"body": body, "user": {"login": "mallory"}}, LOGIN)
    assert not MARKER.owns({"body": f"> {body}", "user": user}, LOGIN)
    assert not MARKER.owns({"body": "plan", "user": user}, LOGIN)
    assert not MARKER.owns({"body": None, "user": user}, LOGIN)
    assert not MARKER.owns({"body": body, "user": None}, LOGIN)


@pytest.mark.parametrize(
    "other",
    [
        Marker(kind="apply", stack="prod"),
        Marker(kind="plan", stack="prod-eu"),
        Marker(kind="plan", stack="p"),
    ],
)
def test_other_stacks_and_kinds_are_not_ours(other: Marker) -> None:
    """A stack whose name begins like ours, and another kind of text, keep their own comment."""
    assert not MARKER.owns({"body": other.line(), "user": {"login": LOGIN}}, LOGIN)


@pytest.mark.parametrize("stack", ["", "a b", "a--b", "-->", "a-", "ä", "x" * 51, "a\nb", "@team"])
def test_names_that_a_comment_of_html_cannot_hold(stack: str) -> None:
    """A stack is a plain word, because the marker must not end early."""
    with pytest.raises(UsageError, match="--stack"):
        Marker(kind="plan", stack=stack)
