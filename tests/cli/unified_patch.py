"""Applies a patch without git: the unified format of POSIX `diff -u`, with names behind `a/` and `b/`."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_LINE: Final = re.compile(rb"[^\n]*\n|[^\n]+$")
_FILE: Final = re.compile(rb"--- a/(.+)\n\+\+\+ b/(.+)\n")
_HUNK: Final = re.compile(rb"@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@\n")


def apply_patch(patch: bytes, directory: Path) -> None:
    """Change files of a directory; the lines that the patch shows as old have to be there, to the byte."""
    sections = _FILE.split(patch)
    assert sections.pop(0) == b"", "something before the first file"
    assert sections, "a patch without a file"
    for before, after, hunks in zip(*(iter(sections),) * 3, strict=True):
        assert before == after
        path = directory / before.decode()
        path.write_bytes(b"".join(_patched(_LINE.findall(path.read_bytes()), hunks)))


def _patched(lines: list[bytes], hunks: bytes) -> Iterator[bytes]:
    at = 0
    start, *found = _HUNK.split(hunks)
    assert start == b"", "something before the first hunk"
    for first, removed, _, added, body in zip(*(iter(found),) * 5, strict=True):
        old, new = _sides(body)
        assert (len(old), len(new)) == (int(removed or 1), int(added or 1))
        place = int(first) - 1 if old else int(first)
        assert lines[place : place + len(old)] == old
        yield from lines[at:place]
        yield from new
        at = place + len(old)
    yield from lines[at:]


def _sides(body: bytes) -> tuple[list[bytes], list[bytes]]:
    """Return the lines of a hunk before and after the change."""
    old, new = [], []
    for line, following in pairwise([*_LINE.findall(body), b""]):
        sign, text = line[:1], line[1:-1] if following[:1] == b"\\" else line[1:]
        assert sign in {b" ", b"-", b"+", b"\\"}
        old += [text] if sign in {b" ", b"-"} else []
        new += [text] if sign in {b" ", b"+"} else []
    return old, new
