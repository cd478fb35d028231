"""Bytes to text: UTF-8 only, and nothing that a reviewer could not see."""

from __future__ import annotations

import pytest

from reconciler.errors import ManifestError
from reconciler.manifest.source_text import decode


def refusal(data: bytes) -> str:
    """Return the one problem of some bytes."""
    with pytest.raises(ManifestError) as caught:
        decode(data, "f.yaml")
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize("text", ["a: 1\n", "a: é\r\n", "# 你好\n", "a:\t1", ""])
def test_ordinary_text_passes(text: str) -> None:
    """Any language, tabs and both line endings."""
    assert decode(text.encode(), "f") == text


def test_a_byte_order_mark_is_taken_off() -> None:
    """Editors on Windows write one."""
    assert decode(b"\xef\xbb\xbfa: 1", "f") == "a: 1"


def test_other_encodings_are_refused_at_their_first_byte() -> None:
    """Line and column are those of the byte."""
    assert refusal(b"a: 1\nb: \xe9\n") == "f.yaml:2:4: not UTF-8 text; save the file as UTF-8"
    assert refusal("a".encode("utf-16")).startswith("f.yaml:1:1: not UTF-8")


@pytest.mark.parametrize(
    "character", ["\0", "\x1b", "\x7f", "\x85", "\u2028", "\u202e", "\u2066", "\ufeff", "\U000e0041", "\x0c"]
)
def test_what_is_not_seen_on_a_screen_is_refused(character: str) -> None:
    """In comments too, where it could hide a line from the reviewer."""
    expected = "f.yaml:2:4: control and invisible direction characters are refused; remove the character here"
    assert refusal(f"a: 1\n# é{character}\n".encode()) == expected
