"""`reconciler github rotation`: one pull request with the rotations that are due."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.github.options import sending
from reconciler.cli.options import Duration
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import explain
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.cli.declaration_edits import FileEdit
    from reconciler.cli.session import Session


@click.command("rotation", short_help="Propose the rotations that are due in a pull request.")
@click.option("--within", type=Duration(), help="Look this far ahead, like 7d.")
@sending
@pass_session
def command(session: Session, *, within: timedelta | None, stack: str, token_variable: str) -> ExitCode:
    """Propose what `rotate --due` would change, on the branch reconciler-rotation, for a schedule.

    There is one pull request for each stack, which is brought up to date. The files here stay as they are.
    The token has to write contents and pull requests; with GITHUB_TOKEN, GitHub starts no workflow for the
    pull request, so give that of an App.
    """
    from reconciler.cli.commands.rotate import edits_of_due
    from reconciler.cli.github.runner import connected, this_run
    from reconciler.cli.wiring import load
    from reconciler.github.marker import Marker
    from reconciler.github.proposal import propose, rotation

    marker = Marker(kind="rotation", stack=stack)
    run = this_run()
    base = run.context.branch
    if base is None or run.context.event in {"pull_request", "merge_group"}:
        msg = "rotations are proposed for the branch of a schedule, a push or a dispatch; run it there"
        raise UsageError(msg)
    edits = edits_of_due(session, load(session), within or timedelta(0))
    if not edits:
        explain("no key is due for rotation\n")
        return ExitCode.OK
    files = {_in_repository(edit): edit.after for edit in edits}
    names = [address for edit in edits for address in edit.addresses]
    proposal = rotation(files, names, marker, run.origin)
    with connected(run.context, token_variable) as github:
        explain(f"{propose(github, proposal, base=base, sha=run.context.sha)}\n")
    return ExitCode.OK


def _in_repository(edit: FileEdit) -> str:
    root, path = Path(os.environ.get("GITHUB_WORKSPACE", "")).resolve(), Path(edit.file).resolve()
    if not os.environ.get("GITHUB_WORKSPACE") or not path.is_relative_to(root):
        msg = "the key files are not below GITHUB_WORKSPACE; check the repository out there"
        raise UsageError(msg)
    return path.relative_to(root).as_posix()
