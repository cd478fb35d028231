"""What a plan or a report says, decided once for every format; foreign text in it is sanitised already."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.core.sanitize import sanitize

if TYPE_CHECKING:
    from datetime import timedelta

NAME_LIMIT: Final = 200
"""Longest name, in characters; no provider takes a longer one."""

TEXT_LIMIT: Final = 4_000
"""Longest value or message, in characters; what is reviewed should not be cut short."""


class Tone(StrEnum):
    """How loud something is; every format has its own way to show it."""

    PLAIN = "plain"
    QUIET = "quiet"
    STRONG = "strong"
    GOOD = "good"
    CHANGE = "change"
    WARN = "warn"
    DANGER = "danger"


class Weight(StrEnum):
    """What a detail is to a reviewer, and so in which order it may be left out."""

    VITAL = "vital"
    CHANGE = "change"
    CONTEXT = "context"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A piece of text in one tone; `code` when it is data and no sentence of this program."""

    text: str
    tone: Tone = Tone.PLAIN
    code: bool = False


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Detail:
    """One labelled line under a row; the label of a `CHANGE` is the name of a field."""

    label: str
    value: Line
    weight: Weight
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One action.

    Attributes:
        symbol: one character for the operation or for how it ended.
        verb: the operation.
        subject: the key's address.
        tone: of symbol and verb.
        red: cuts somebody off or needs a person, so it is shown before the others.
        marks: what stands beside the subject.
        details: what stands under it.
    """

    symbol: str
    verb: str
    subject: str
    tone: Tone
    red: bool
    marks: tuple[Line, ...] = ()
    details: tuple[Detail, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rows that belong together; the first group of a view has no title."""

    title: str
    tone: Tone
    rows: tuple[Row, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A titled list beside the rows: refusals, undeclared keys, warnings."""

    title: str
    tone: Tone
    items: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A whole plan or report.

    Attributes:
        title: what this is.
        places: where it applies, one line each.
        groups: the actions, in the order of work.
        notices: what else must be known.
        verdict: the one sentence to read when reading no other.
        footer: labelled totals.
        hint: how to go on, if there is anything to go on with.
        digest: of the plan, when it is the thing to approve.
        stamp: when and by what this was made.
    """

    title: str
    places: tuple[Line, ...]
    groups: tuple[Group, ...]
    notices: tuple[Notice, ...]
    verdict: Span
    footer: tuple[Detail, ...] = ()
    hint: Line = ()
    digest: str = ""
    stamp: str = ""

    @property
    def rows(self) -> tuple[Row, ...]:
        """Every row of every group."""
        return tuple(row for group in self.groups for row in group.rows)


def own(text: str, tone: Tone = Tone.PLAIN) -> Span:
    """Return words of this program."""
    return Span(text=text, tone=tone)


def foreign(text: str, tone: Tone = Tone.PLAIN, *, limit: int = NAME_LIMIT) -> Span:
    """Return words of somebody else, harmless on a terminal and in a log.

    Args:
        text: as it came.
        tone: how loud it is shown.
        limit: longest result, in characters.
    """
    clean = sanitize(text, limit)
    return Span(text=clean or "(empty)", tone=tone, code=True)


def joined(items: list[Span], separator: str = ", ") -> Line:
    """Return spans with a separator between each two."""
    line: list[Span] = []
    for item in items:
        line += [own(separator), item] if line else [item]
    return tuple(line)


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Return a count with its noun."""
    return f"{count} {singular if count == 1 else plural or singular + 's'}"


def duration_text(duration: timedelta) -> str:
    """Return a duration in the two largest units that matter, rounded up to whole seconds."""
    seconds = -int(-duration.total_seconds() // 1)
    if seconds < 120:  # noqa: PLR2004  # "90 s" reads better than "1 min 30 s"
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        return f"{minutes} min {seconds} s" if seconds else f"{minutes} min"
    days, hours = divmod(hours, 24)
    if not days:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{days} d {hours} h" if hours else f"{days} d"
