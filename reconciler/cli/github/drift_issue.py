"""`reconciler github drift-issue`: one issue that says whether keys are as declared."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.github.options import FILE, login, sending
from reconciler.cli.terminal import explain
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

_LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:/-]{0,49}")


@click.command("drift-issue", short_help="Open, update or close the issue about drift.")
@click.argument("plan", type=FILE)
@click.option(
    "--label", metavar="NAME", default="reconciler-drift", show_default=True, help="By which it is found."
)
@login
@sending
def command(*, plan: Path, label: str, login: str, stack: str, token_variable: str) -> ExitCode:
    """Bring the issue about drift up to date with PLAN, which `drift --format json` wrote.

    There is one issue for each stack: opened when keys are not as declared, edited in place, opened again,
    and closed when every key is as declared.
    """
    from reconciler.cli.github.runner import connected, this_run
    from reconciler.github.marker import Marker
    from reconciler.github.pages import clean_issue, drift_issue
    from reconciler.github.sticky import close_drift, report_drift
    from reconciler.manifest.plan_file import read_plan

    marker = Marker(kind="drift", stack=stack)
    if not _LABEL.fullmatch(label):
        msg = "--label must be letters, digits, blanks and . _ : / - with no comma, at most 50 characters"
        raise UsageError(msg)
    run = this_run()
    if run.silent:
        return ExitCode.OK
    saved = read_plan(plan)
    if saved.scope.accounts or saved.scope.keys:
        # A part that is clean says nothing about the rest, and would close the issue.
        msg = "the plan is about a part of the declarations; make it without --account and --key"
        raise UsageError(msg)
    with connected(run.context, token_variable) as github:
        if saved.actions:
            body = drift_issue(saved, marker, run.origin)
            done = report_drift(github, body, marker=marker, login=login, label=label)
        else:
            body = clean_issue(marker, run.origin)
            done = close_drift(github, body, marker=marker, login=login, label=label)
    explain(f"issue about drift: {done}\n")
    return ExitCode.OK
