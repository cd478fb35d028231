"""`reconciler status`: usage, caps, expiry and custody of every key in one table."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import account_labels, formats, since
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import complain, write_result
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.session import Session
    from reconciler.cli.terminal import Look
    from reconciler.core.status import StatusTable, Thresholds


@click.command("status", short_help="Show usage, caps, expiry and custody of every key.")
@formats("text", "json", "prometheus", "html")
@click.option(
    "--warn-percent",
    type=click.IntRange(1, 100),
    default=80,
    show_default=True,
    help="Warn from this share of a cap on.",
)
@click.option(
    "--warn-days",
    type=click.IntRange(0, 3650),
    default=14,
    show_default=True,
    help="Warn this many days before a key ends.",
)
@since
@click.option("--fail-on", type=click.Choice(["warn"]), help="Exit with 2 when there is a warning.")
@account_labels
@pass_session
def command(
    session: Session,
    *,
    form: str,
    warn_percent: int,
    warn_days: int,
    since: Path | None,
    fail_on: str | None,
    accounts: tuple[str, ...],
) -> ExitCode:
    """Show every key of every account: on or off, used and capped, its end, and whether its secret is held.

    Only GET requests are sent. An account that cannot be read is named, hides no other, and decides the
    exit code. Where an account has `usage_from`, what its keys used today comes from there.
    """
    from reconciler.core.status import Thresholds

    table = read(session, accounts, Thresholds(percent=warn_percent, days=warn_days), since=since)
    write_result(_shown(table, form, session.stdout))
    for unread in table.unread:
        complain(f"{unread.account}: {unread.message}")
    if table.unread:
        return max(unread.code for unread in table.unread)
    return ExitCode.CHANGES if fail_on and table.warned else ExitCode.OK


def read(
    session: Session, accounts: tuple[str, ...], thresholds: Thresholds, *, since: Path | None = None
) -> StatusTable:
    """Return the table of some accounts; none means all but those that only show usage of others."""
    from reconciler.app.status import read_status
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.options import scope_of
    from reconciler.cli.planning import baseline_of
    from reconciler.cli.progress import StderrProgress
    from reconciler.cli.signals import quit_at_once
    from reconciler.cli.usage_sources import sources_of
    from reconciler.cli.wiring import collection_paused, load, opened

    quit_at_once()
    clock = SystemClock()
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with collection_paused(), closing(progress):
        manifest = load(session)
        scope_of(manifest.desired, accounts=accounts, keys=())
        settings = manifest.settings.accounts
        read_from = {account.usage_from for account in settings.values()} - {None}
        known = manifest.desired.accounts
        labels = accounts or tuple(
            label for label in settings if label not in read_from or known[label].capabilities.mintable
        )
        baseline = baseline_of(since, manifest.desired, labels, clock.now())
        joined = {source for label in labels if (source := settings[label].usage_from)}
        needed = {*labels, *joined}
        with opened(manifest, needed, clock=clock, progress=progress, writable=False) as world:
            sources = sources_of(manifest.settings, world.providers)
            return read_status(world, set(labels), thresholds=thresholds, sources=sources, baseline=baseline)


def _shown(table: StatusTable, form: str, look: Look) -> str:
    from reconciler.render import status

    if form == "json":
        return status.render_json(table)
    if form == "prometheus":
        return status.render_prometheus(table)
    if form == "html":
        from reconciler.render.status_html import render_status

        return render_status(table)
    return status.render_text(table, width=look.width, color=look.color, ascii_only=look.ascii_only)
