"""`reconciler github comment`: the one comment on a pull request that shows its plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.github.options import FILE, login, sending
from reconciler.cli.terminal import explain
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command("comment", short_help="Show a plan as the one comment on the pull request.")
@click.argument("plan", type=FILE)
@click.option(
    "--when",
    type=click.Choice(["always", "changes"]),
    default="always",
    show_default=True,
    help="With `changes`, a plan without any is no reason for a new comment.",
)
@login
@sending
def command(*, plan: Path, when: str, login: str, stack: str, token_variable: str) -> ExitCode:
    """Show the saved PLAN as a comment on the pull request of this run.

    There is one comment for each stack. It is edited in place, and only if this token wrote it. In a merge
    queue nothing is written.
    """
    from reconciler.cli.github.runner import connected, this_run
    from reconciler.github.marker import Marker
    from reconciler.github.pages import plan_comment
    from reconciler.github.sticky import put_comment
    from reconciler.manifest.plan_file import read_plan

    marker = Marker(kind="plan", stack=stack)
    run = this_run()
    if run.context.event == "merge_group":
        explain("no comment: a merge queue has no pull request to itself\n")
        return ExitCode.OK
    if run.context.pull_request is None:
        msg = f"a run for {run.context.event} has no pull request to comment on; use it for pull_request"
        raise UsageError(msg)
    if run.silent:
        return ExitCode.OK
    saved = read_plan(plan)
    with connected(run.context, token_variable) as github:
        done = put_comment(
            github,
            run.context.pull_request,
            plan_comment(saved, marker, run.origin),
            marker=marker,
            login=login,
            create=when == "always" or bool(saved.actions),
        )
    explain(f"comment: {done}\n")
    return ExitCode.OK
