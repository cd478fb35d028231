"""The lines and files that a GitHub runner obeys, written so that foreign text commands nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.sanitize import ELLIPSIS, redact

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MOST_ANNOTATIONS: Final = 10
"""A step shows ten annotations of each level (GitHub docs: workflow commands); the others are only logged."""

LEVELS: Final = ("error", "warning", "notice")
_MESSAGE_LIMIT: Final = 4_000
_TITLE: Final = "reconciler"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Annotation:
    """One thing to show beside a line of a file.

    Attributes:
        level: error, warning or notice.
        file: below the root of the repository; empty for the run as a whole.
        line: from one; nothing where it is zero.
        column: from one; nothing where it is zero.
        message: what is wrong, with the remedy.
    """

    level: str
    file: str
    line: int
    column: int
    message: str


def annotation_lines(annotations: Sequence[Annotation]) -> list[str]:
    """Return the commands for some annotations, and below them, as plain text, those that find no room.

    Of each level the first ten become annotations in the order given; the tenth says how many more there are.
    """
    lines: list[str] = []
    left: list[Annotation] = []
    for level in LEVELS:
        found = [item for item in annotations if item.level == level]
        rest = found[MOST_ANNOTATIONS:]
        for number, item in enumerate(found[:MOST_ANNOTATIONS], 1):
            more = f" (and {len(rest)} more in the log)" if rest and number == MOST_ANNOTATIONS else ""
            lines.append(_command(item, more))
        left += rest
    return [*lines, *(quoted(_plain(item) for item in left) if left else ())]


def quoted(lines: Iterable[str]) -> list[str]:
    """Return lines of foreign text between two commands that make the runner obey nothing in between."""
    token = secrets.token_hex(16)
    safe = [redact(line, limit=_MESSAGE_LIMIT) for line in lines]
    return [f"::stop-commands::{token}", *safe, f"::{token}::"]


def output_text(values: Mapping[str, str]) -> str:
    """Return what to append to the file at GITHUB_OUTPUT.

    Args:
        values: by name; a value may have several lines.
    """
    # The end of a value is random, so that no value can contain it and go on with a name of its own.
    return "".join(
        f"{name}<<{end}\n{value}\n{end}\n"
        for name, value in values.items()
        for end in (f"end_{secrets.token_hex(16)}",)
    )


def _command(item: Annotation, more: str) -> str:
    places = [("file", item.file), ("line", str(item.line or "")), ("col", str(item.column or ""))]
    named = [(name, value) for name, value in places if value] if item.file else []
    named.append(("title", _TITLE))
    properties = ",".join(f"{name}={_property(value)}" for name, value in named)
    text = redact(item.message, limit=_MESSAGE_LIMIT) or ELLIPSIS
    return f"::{item.level} {properties}::{_data(text + more)}"


def _plain(item: Annotation) -> str:
    place = f"{item.file}:{item.line}:{item.column}: " if item.file else ""
    return f"{item.level}: {place}{item.message}"


def _data(text: str) -> str:
    """Return text as the value of a command (actions/toolkit: escapeData)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """Return text as a property of a command (actions/toolkit: escapeProperty)."""
    return _data(redact(text)).replace(":", "%3A").replace(",", "%2C")
