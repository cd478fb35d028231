"""`calendar`, `status --format html` and `--since`, from a real provider."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import icalendar
import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a:
    owner: billing
    limits: {daily_usd: 10, total_usd: 100, concurrency: 5}
    rotate_every: 30d
"""


@pytest.fixture
def applied(project: Project) -> Project:
    """Return the project with its key applied, due for rotation in thirty days."""
    (project.root / "keys" / "team.yaml").write_text(KEYS)
    assert project.run("apply", "--yes").code == 0
    project.sandbox.operator.clear_requests()
    return project


def remember(project: Project, days: float) -> None:
    """Save what is there, as if that had been so many days ago."""
    assert project.run("plan", "--save-observed", "then.json").code == 0
    path = project.root / "then.json"
    document = json.loads(path.read_text())
    then = datetime.now(UTC) - timedelta(days=days)
    path.write_text(json.dumps({**document, "generated_at": then.isoformat()}))


def test_a_rotation_is_in_it_and_only_get_requests_are_sent(applied: Project) -> None:
    """In all formats; calendar programs read the file."""
    text = applied.run("calendar")
    markdown = applied.run("calendar", "--format", "markdown")
    document = json.loads(applied.run("calendar", "--format", "json").stdout)
    found = icalendar.Calendar.from_ical(applied.run("calendar", "--format", "ics").stdout)

    assert (text.code, text.stderr) == (0, "")
    assert "reseller/client-a (billing): its `rotate_every` is over then" in text.stdout
    assert "**rotate** `reseller/client-a`" in markdown.stdout
    (event,) = document["events"]
    assert (event["kind"], event["owner"]) == ("rotation", "billing")
    assert [str(item["UID"]) for item in found.walk("VEVENT")] == [event["uid"]]
    assert {entry.method for entry in applied.sandbox.operator.requests()} == {"GET"}


def test_what_comes_soon_ends_with_2(applied: Project) -> None:
    """For a scheduled job; it looks as far ahead as it has to, and at the kinds that were chosen."""
    assert applied.run("calendar", "--fail-within", "14d").code == 0
    soon = applied.run("calendar", "--days", "10", "--fail-within", "31d")
    assert (soon.code, "rotate" in soon.stdout) == (2, True)
    assert applied.run("calendar", "--fail-within", "31d", "--only", "expiry").code == 0
    assert "0 events within 10 days" in applied.run("calendar", "--days", "10").stdout


def test_a_rate_is_read_from_an_earlier_state(applied: Project) -> None:
    """Plan, status and calendar name its source and say when the cap is used up; no file is left behind."""
    remember(applied, 7)
    applied.sandbox.operator.spend(applied.live("client-a")[0].id, 70)
    files = sorted(path.name for path in applied.root.iterdir())

    plan = applied.run("plan", "--since", "then.json")
    status = applied.run("status", "--since", "then.json")
    rows = json.loads(applied.run("status", "--since", "then.json", "--format", "json").stdout)["keys"]
    calendar = applied.run("calendar", "--since", "then.json", "--only", "exhaustion", "--fail-within", "4d")

    assert "reseller/client-a spends 10 USD a day since" in plan.stdout
    assert "10 a day since" in status.stdout
    assert rows[0]["pace"]["source"] == "since"
    assert float(rows[0]["pace"]["usd_per_day"]) == pytest.approx(10, rel=0.01)
    assert "its lifetime cap, at 10 USD a day since" in " ".join(calendar.stdout.split())
    assert calendar.code == 2
    assert sorted(path.name for path in applied.root.iterdir()) == files


@pytest.mark.parametrize("command", ["plan", "status", "calendar"])
def test_a_state_of_an_hour_ago_tells_no_daily_rate(applied: Project, command: str) -> None:
    """Nor does one of last quarter; the message says which one does."""
    for days in (0.04, 90.0):
        remember(applied, days)
        done = applied.run(command, "--since", "then.json")
        assert (done.code, "name one from 1 to 30 days ago" in done.stderr) == (1, True)


def test_the_page_of_keys_is_one_file(applied: Project) -> None:
    """With the key, its owner, its caps and what is due."""
    page = applied.run("status", "--format", "html")
    assert page.code == 0
    assert page.stdout.startswith("<!DOCTYPE html>")
    for text in ("client-a", "billing", "of 100.00", "held", "rotate"):
        assert text in page.stdout
