"""The calendar of keys as text, as Markdown, as JSON and as a file that calendar programs subscribe to."""

from __future__ import annotations

import re
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.calendar import Kind
from reconciler.render.json import dump
from reconciler.render.markdown import code
from reconciler.render.text import Page
from reconciler.render.view import TEXT_LIMIT, Tone, counted, foreign, own

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from reconciler.core.calendar import Calendar, Event

FORMAT: Final = "1.0"
TITLES: Final = {
    Kind.EXPIRY: "expires",
    Kind.ROTATION: "rotate",
    Kind.RETIREMENT: "retired",
    Kind.DELETION: "deleted",
    Kind.EXHAUSTION: "used up",
    Kind.ALLOWANCE: "allow ends",
}
"""What happens, in a word or two."""

_NEAR: Final = timedelta(days=14)
_OCTETS: Final = 75
_ESCAPED: Final = re.compile(r"([\\;,])")


def render_text(calendar: Calendar, *, width: int, color: bool, ascii_only: bool = False) -> str:
    """Return the calendar for people, month by month.

    Args:
        calendar: what to show.
        width: of the terminal, in columns.
        color: whether to use ANSI colours.
        ascii_only: for terminals whose encoding has no more.
    """
    page = Page(width=width, color=color, ascii_only=ascii_only)
    month = ""
    for event in calendar.events:
        title = _month(event, calendar)
        if title != month:
            month = title
            page.gap()
            page.line((own(title, Tone.STRONG),))
        page.line(
            (own(f"  {event.at:%Y-%m-%d}  {_distance(event, calendar):>7}  ", _tone(event, calendar)),),
            (own(f"{TITLES[event.kind]:<10}  "), *_subject(event)),
        )
    page.gap()
    page.line((own(_verdict(calendar), Tone.STRONG),))
    return page.text()


def render_markdown(calendar: Calendar) -> str:
    """Return the calendar as Markdown, month by month."""
    lines = [f"**{_verdict(calendar)}**"]
    month = ""
    for event in calendar.events:
        title = _month(event, calendar)
        if title != month:
            month = title
            lines += ["", f"### {title}", ""]
        owner = f" ({code(event.owner)})" if event.owner else ""
        when = f"{event.at:%Y-%m-%d} ({_distance(event, calendar)})"
        what = code(event.what, limit=TEXT_LIMIT)
        lines.append(f"- {when}: **{TITLES[event.kind]}** {code(event.subject)}{owner}, {what}")
    return "\n".join(lines) + "\n"


def render_json(calendar: Calendar) -> str:
    """Return the calendar as JSON."""
    return dump(
        {
            "format": FORMAT,
            "generated_at": calendar.start.isoformat(),
            "until": calendar.end.isoformat(),
            "tool": calendar.tool,
            "events": [_document(event) for event in calendar.events],
        }
    )


def render_ics(calendar: Calendar) -> str:
    """Return the calendar as iCalendar data (RFC 5545), for a file or for others to subscribe to.

    An event keeps its UID while its moment moves, so that a program that reads the file again moves it too.
    """
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//reconciler//calendar 1.0//EN",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        *(line for event in calendar.events for line in _vevent(event, calendar.start)),
        "END:VCALENDAR",
    ]
    return "".join(f"{folded}\r\n" for line in lines for folded in _folded(line))


def _document(event: Event) -> dict[str, Any]:
    mark = event.mark
    return {
        "at": event.at.isoformat(),
        "latest": None if event.latest is None else event.latest.isoformat(),
        "kind": event.kind.value,
        "subject": event.subject,
        "remote_id": event.remote_id,
        "what": event.what,
        "owner": event.owner,
        "uid": event.uid,
        "declared_at": None
        if mark is None
        else {"file": mark.file, "line": mark.line, "column": mark.column},
    }


def _vevent(event: Event, stamp: datetime) -> Iterator[str]:
    subject, what = (foreign(text, limit=TEXT_LIMIT).text for text in (event.subject, event.what))
    yield "BEGIN:VEVENT"
    yield f"UID:{event.uid}"
    yield f"DTSTAMP:{_utc(stamp)}"
    if event.kind is Kind.EXHAUSTION:
        # A prediction is a day, not a second.
        yield f"DTSTART;VALUE=DATE:{event.at:%Y%m%d}"
    else:
        yield f"DTSTART:{_utc(event.at)}"
    yield f"SUMMARY:{_text(f'{TITLES[event.kind]}: {subject}')}"
    owner = f"\nowner: {foreign(event.owner, limit=TEXT_LIMIT).text}" if event.owner else ""
    place = f"\n{foreign(event.mark.file, limit=TEXT_LIMIT).text}:{event.mark.line}" if event.mark else ""
    yield f"DESCRIPTION:{_text(f'{subject}: {what}{owner}{place}')}"
    yield f"CATEGORIES:{event.kind.value.upper()}"
    # It takes nobody's time.
    yield "TRANSP:TRANSPARENT"
    yield "END:VEVENT"


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _text(value: str) -> str:
    """Return a TEXT value (RFC 5545, 3.3.11)."""
    return _ESCAPED.sub(r"\\\1", value).replace("\n", "\\n")


def _folded(line: str) -> Iterator[str]:
    """Yield a content line in parts of at most 75 octets, never in the middle of a character (3.1)."""
    part, size = "", 0
    for character in line:
        octets = len(character.encode())
        if size + octets > _OCTETS:
            yield part
            part, size = " ", 1
        part, size = part + character, size + octets
    yield part


def _month(event: Event, calendar: Calendar) -> str:
    return "Overdue" if event.at <= calendar.start else f"{event.at:%B %Y}"


def _distance(event: Event, calendar: Calendar) -> str:
    days = (event.at.date() - calendar.start.date()).days
    if event.at <= calendar.start:
        return f"{-days} d ago" if days else "now"
    return f"in {days} d" if days else "today"


def _tone(event: Event, calendar: Calendar) -> Tone:
    if event.at <= calendar.start:
        return Tone.DANGER
    return Tone.WARN if event.at <= calendar.start + _NEAR else Tone.QUIET


def _subject(event: Event) -> tuple[Any, ...]:
    owner = (own(" ("), foreign(event.owner), own(")")) if event.owner else ()
    return (foreign(event.subject, Tone.STRONG), *owner, own(": "), foreign(event.what, limit=TEXT_LIMIT))


def _verdict(calendar: Calendar) -> str:
    days = (calendar.end - calendar.start).days
    overdue = sum(event.at <= calendar.start for event in calendar.events)
    late = f", {overdue} of them overdue" if overdue else ""
    return f"Calendar: {counted(len(calendar.events), 'event')} within {counted(days, 'day')}{late}."
