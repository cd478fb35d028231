"""`reconciler disable`: switch keys off at once, and say so in their files."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import formats
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import complain, explain, interactive, write_result
from reconciler.errors import ExitCode, ReconcilerError, StalePlanError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.cli.session import Session
    from reconciler.core.model import DesiredKey
    from reconciler.core.report import Report


@click.command("disable", short_help="Switch keys off at once.")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--print", "only_print", is_flag=True, help="Print the patch and leave the files as they are.")
@formats("text", "json")
@pass_session
def command(session: Session, *, names: tuple[str, ...], yes: bool, only_print: bool, form: str) -> ExitCode:
    """Switch the keys NAME off at their providers now, every live row of them, ahead of any review.

    Then `enabled: false` is written to their files and printed as a patch, so that the next apply leaves
    them off; commit it. The audit trail, where one is kept, says who did it.
    """
    from reconciler.cli.declaration_edits import edits_of, keys_named
    from reconciler.cli.wiring import load
    from reconciler.render import json

    manifest = load(session)
    keys = keys_named(manifest.desired, names)
    _agree(keys, yes=yes)
    report = _run(session, keys)
    write_result(json.render_report(report) if form == "json" else _text(report, session))
    try:
        edits = edits_of([(key, {"enabled": False}) for key in keys])
        explain("".join(edit.patch for edit in edits))
        if not only_print:
            for edit in edits:
                edit.write()
            explain(f"changed {', '.join(edit.file for edit in edits)}; next: commit it\n")
    except ReconcilerError as error:
        complain(f"{error}; the next apply would switch the keys on again")
        return report.verdict[1] or ExitCode.ERROR
    return report.verdict[1]


def _agree(keys: Sequence[DesiredKey], *, yes: bool) -> None:
    """Make sure that somebody means it.

    Raises:
        StalePlanError: when nobody said so.
    """
    if yes:
        return
    if not interactive():
        msg = "nobody is asked here; say --yes to switch the keys off"
        raise StalePlanError(msg)
    named = ", ".join(key.address for key in keys)
    if not click.confirm(f"Switch {named} off now?", default=False, err=True):
        msg = "not agreed, nothing was changed; run it again to go on"
        raise StalePlanError(msg)


def _run(session: Session, keys: Sequence[DesiredKey]) -> Report:
    from reconciler.app.control import RunControl
    from reconciler.app.emergency import disable_now
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.progress import StderrProgress
    from reconciler.cli.signals import drain
    from reconciler.cli.wiring import collection_paused, load, opened, salt_of

    clock = SystemClock()
    control = RunControl(clock=clock)
    drain(control, clock)
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    manifest = load(session)
    labels = {key.account for key in keys} | {key.moved_from[0] for key in keys if key.moved_from}
    with (
        collection_paused(),
        closing(progress),
        opened(manifest, labels, clock=clock, progress=progress, writable=True, delivers=False) as world,
    ):
        return disable_now(
            world,
            {key.address for key in keys},
            salt=salt_of(manifest.settings),
            control=control,
            progress=progress,
        )


def _text(report: Report, session: Session) -> str:
    from reconciler.render.text import render_report

    if not report.outcomes:
        return "nothing to do: every one of these keys is off\n"
    look = session.stdout
    return render_report(report, width=look.width, color=look.color, ascii_only=look.ascii_only)
