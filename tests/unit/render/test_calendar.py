"""The calendar in its four formats; the one for calendar programs is read back by an independent parser."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import icalendar
import pytest

from reconciler.core.calendar import Calendar, Event, Kind
from reconciler.core.model import SourceMark
from reconciler.render.calendar import render_ics, render_json, render_markdown, render_text
from tests.golden.golden_file import assert_golden
from tests.unit.render.samples import HOSTILE, NOW

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY: Final = timedelta(days=1)
MARK: Final = SourceMark(file="keys/team.yaml", line=12, column=3)
EVENTS: Final = (
    Event(
        at=NOW - 2 * DAY,
        kind=Kind.ROTATION,
        subject="reseller/client-b",
        remote_id="12",
        what="its `rotate_every` is over then; run `reconciler rotate --due`",
        owner="team-b",
        mark=MARK,
    ),
    Event(
        at=NOW + timedelta(hours=5),
        latest=NOW + timedelta(hours=29),
        kind=Kind.RETIREMENT,
        subject="reseller/client-c",
        remote_id="13",
        what="team-a/client-c, which was replaced; it is still used, so 2026-03-02 17:00 UTC at the latest",
    ),
    Event(
        at=NOW + 9 * DAY,
        kind=Kind.EXPIRY,
        subject="wallet/agents-us",
        remote_id="7",
        what="ends at 12:00 UTC",
        owner="platform",
    ),
    Event(
        at=NOW + 12.5 * DAY,
        kind=Kind.EXHAUSTION,
        subject="reseller/client-a",
        remote_id="11",
        what="its lifetime cap, at 6.1 USD a day since 2026-02-22",
    ),
    Event(
        at=NOW + 36 * DAY,
        kind=Kind.DELETION,
        subject="wallet/agents-eu",
        remote_id="8",
        what="agents-eu, which was retired",
    ),
    Event(
        at=NOW + 40 * DAY,
        kind=Kind.ALLOWANCE,
        subject="allow",
        what="the raised limits end with it; take it out of the settings",
        mark=SourceMark(file="reconciler.yaml", line=4, column=1),
    ),
)


def calendar(events: Iterable[Event] = EVENTS) -> Calendar:
    """Return the calendar of ninety days."""
    return Calendar(events=tuple(events), start=NOW, end=NOW + 90 * DAY, tool="reconciler 0.1.0")


def hostile() -> Calendar:
    """Return events about keys of somebody who would like to be more than a name."""
    return calendar(
        Event(
            at=NOW + DAY,
            kind=Kind.EXPIRY,
            subject=text,
            remote_id=str(number),
            what=text,
            owner=text,
            mark=SourceMark(file=text, line=1, column=1),
        )
        for number, text in enumerate(HOSTILE)
    )


def read_back(text: str) -> list[Any]:
    """Return the events that another program finds in a calendar file."""
    return list(icalendar.Calendar.from_ical(text).walk("VEVENT"))


@pytest.mark.parametrize(("name", "shown"), [("calendar", calendar()), ("calendar-hostile", hostile())])
def test_every_format_is_written_as_reviewed(name: str, shown: Calendar) -> None:
    """Overdue first, then month by month; the same events in all four."""
    assert_golden(f"{name}.txt", render_text(shown, width=100, color=False))
    assert_golden(f"{name}.narrow.txt", render_text(shown, width=40, color=False))
    assert_golden(f"{name}.md", render_markdown(shown))
    assert_golden(f"{name}.json", render_json(shown))
    assert_golden(f"{name}.ics", render_ics(shown))


def test_an_empty_calendar_says_so() -> None:
    """In every format, and as a valid file."""
    empty = calendar([])
    assert render_text(empty, width=80, color=False) == "Calendar: 0 events within 90 days.\n"
    assert render_markdown(empty) == "**Calendar: 0 events within 90 days.**\n"
    assert json.loads(render_json(empty))["events"] == []
    assert read_back(render_ics(empty)) == []


def test_another_program_reads_what_was_written() -> None:
    """Moments, a day for a prediction, and texts with their commas and line breaks."""
    found = read_back(render_ics(calendar()))

    starts = [event["DTSTART"].dt for event in found]
    assert starts[0] == datetime(2026, 2, 27, 12, tzinfo=UTC)
    assert starts[3] == date(2026, 3, 14)
    assert {event["DTSTAMP"].dt for event in found} == {NOW}
    assert found[0]["SUMMARY"] == "rotate: reseller/client-b"
    assert found[0]["DESCRIPTION"] == (
        "reseller/client-b: its `rotate_every` is over then; run `reconciler rotate --due`\n"
        "owner: team-b\nkeys/team.yaml:12"
    )
    assert [str(event["UID"]) for event in found] == [event.uid for event in EVENTS]
    assert [event["CATEGORIES"].to_ical().decode() for event in found] == [
        event.kind.upper() for event in EVENTS
    ]


def test_every_line_fits_and_ends_as_the_standard_says() -> None:
    """75 octets without the break (RFC 5545, 3.1), no line break inside a character, CRLF at every end."""
    wide = calendar([Event(at=NOW, kind=Kind.EXPIRY, subject="客户" * 60, what="a,b;c\\d " * 20)])
    text = render_ics(wide)

    assert text.endswith("END:VCALENDAR\r\n")
    assert "\n" not in text.replace("\r\n", "")
    assert max(len(line.encode()) for line in text.split("\r\n")) == 75
    (event,) = read_back(text)
    assert event["SUMMARY"] == "expires: " + "客户" * 60
    assert event["DESCRIPTION"] == f"{'客户' * 60}: {('a,b;c' + chr(92) + 'd ') * 20}".rstrip()


def test_nobody_adds_a_property_or_an_event() -> None:
    """Foreign text stays inside its value."""
    found = read_back(render_ics(hostile()))
    assert len(found) == len(HOSTILE)
    assert {tuple(event) for event in found} == {
        ("UID", "DTSTAMP", "DTSTART", "SUMMARY", "DESCRIPTION", "CATEGORIES", "TRANSP")
    }


def test_a_line_says_how_far_away_it_is() -> None:
    """Days by the date, so that tomorrow morning is not today."""
    text = render_text(
        calendar(
            [
                Event(at=NOW, kind=Kind.EXPIRY, subject="a/now", what="x"),
                Event(at=NOW + timedelta(hours=1), kind=Kind.EXPIRY, subject="a/today", what="x"),
                Event(at=NOW + timedelta(hours=13), kind=Kind.EXPIRY, subject="a/next", what="x"),
            ]
        ),
        width=80,
        color=False,
    )
    assert "2026-03-01      now  expires     a/now: x" in text
    assert "2026-03-01    today  expires     a/today: x" in text
    assert "2026-03-02   in 1 d  expires     a/next: x" in text
    assert "1 of them overdue" in text
