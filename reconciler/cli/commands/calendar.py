"""`reconciler calendar`: what will happen to keys, and when."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.options import Duration, account_labels, formats, since
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.session import Session
    from reconciler.cli.terminal import Look
    from reconciler.core.calendar import Calendar

KINDS: Final = ("expiry", "rotation", "retirement", "deletion", "exhaustion", "allowance")


@click.command("calendar", short_help="Show what will happen to keys, and when.")
@formats("text", "markdown", "ics", "json")
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=90,
    show_default=True,
    help="How far ahead to look.",
)
@click.option(
    "--only", type=click.Choice(KINDS), multiple=True, help="Only what happens of this kind; repeatable."
)
@since
@click.option(
    "--fail-within", type=Duration(), help="Exit with 2 when something happens this soon, like 14d."
)
@account_labels
@pass_session
def command(
    session: Session,
    *,
    form: str,
    days: int,
    only: tuple[str, ...],
    since: Path | None,
    fail_within: timedelta | None,
    accounts: tuple[str, ...],
) -> ExitCode:
    """Show when keys end, are due for rotation, are retired or deleted, and use up their lifetime caps.

    Only GET requests are sent. What is overdue comes first and counts for --fail-within. With --format ics
    the result is a calendar file, whose events keep their identity when they move.
    """
    span = max(timedelta(days=days), fail_within or timedelta(0))
    calendar = _read(session, accounts, span, only=only, since=since)
    write_result(_shown(calendar, form, session.stdout))
    return ExitCode.CHANGES if fail_within and calendar.within(fail_within) else ExitCode.OK


def _read(
    session: Session,
    accounts: tuple[str, ...],
    ahead: timedelta,
    *,
    only: tuple[str, ...],
    since: Path | None,
) -> Calendar:
    from reconciler.app.calendar import read_calendar
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.options import scope_of
    from reconciler.cli.planning import baseline_of
    from reconciler.cli.progress import StderrProgress
    from reconciler.cli.signals import quit_at_once
    from reconciler.cli.wiring import collection_paused, load, opened
    from reconciler.core.calendar import Kind

    quit_at_once()
    clock = SystemClock()
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with collection_paused(), closing(progress):
        manifest = load(session)
        labels = scope_of(manifest.desired, accounts=accounts, keys=()).accounts
        labels = labels or tuple(manifest.desired.accounts)
        baseline = baseline_of(since, manifest.desired, labels, clock.now())
        with opened(manifest, labels, clock=clock, progress=progress, writable=False) as world:
            kinds = [Kind(name) for name in only]
            return read_calendar(world, ahead=ahead, baseline=baseline, only=kinds)


def _shown(calendar: Calendar, form: str, look: Look) -> str:
    from reconciler.render import calendar as pages

    if form == "text":
        return pages.render_text(calendar, width=look.width, color=look.color, ascii_only=look.ascii_only)
    return {"markdown": pages.render_markdown, "ics": pages.render_ics, "json": pages.render_json}[form](
        calendar
    )
