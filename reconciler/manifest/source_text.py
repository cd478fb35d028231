"""Bytes of a file to text, refusing what a reviewer could not see."""

from __future__ import annotations

import re
from typing import Final

from reconciler.errors import ManifestError, Problem

_INVISIBLE: Final = (
    # Line separators that only some parsers count, byte order marks, and what reorders text on a screen.
    "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ufffe\uffff\U000e0000-\U000e007f"
)
CONTROL: Final = re.compile(f"[\x00-\x08\x0b-\x1f{_INVISIBLE}]")
"""Characters that no text in a file may have; a line feed and a tab are not among them."""

_CONTROL_IN_FILE: Final = re.compile(f"[\x00-\x08\x0b\x0c\x0e-\x1f{_INVISIBLE}]")
_HARMLESS: Final = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x7F)])


def decode(data: bytes, file: str) -> str:
    """Return the text of a file: UTF-8, with or without a byte order mark, no control characters.

    Args:
        data: the whole file.
        file: the name to show in problems.

    Raises:
        ManifestError: with the line and column of the first byte or character that is refused.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig", "replace")
        raise _problem(before, file, "not UTF-8 text; save the file as UTF-8") from None
    # Deleting from bytes is many times faster than a search in text, and nearly every file is ASCII.
    if not data.translate(None, delete=_HARMLESS):
        return text
    found = _CONTROL_IN_FILE.search(text)
    if found is None:
        return text
    message = "control and invisible direction characters are refused; remove the character here"
    raise _problem(text[: found.start()], file, message)


def _problem(before: str, file: str, message: str) -> ManifestError:
    line = before.count("\n") + 1
    column = len(before) - (before.rfind("\n") + 1) + 1
    return ManifestError([Problem(file=file, line=line, column=column, message=message)])
