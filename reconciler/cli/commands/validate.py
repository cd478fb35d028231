"""`reconciler validate`: everything that can be known offline, every problem at once."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import formats
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode, ManifestError

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.core.model import DesiredState
    from reconciler.errors import Problem


@click.command("validate", short_help="Check settings and key files, offline.")
@formats("text", "json")
@pass_session
def command(session: Session, form: str) -> ExitCode:
    """Check settings and key files.

    Nothing is sent and no credential is read. Problems are written as file:line:column with the remedy,
    all of them at once, and the exit code is 3.
    """
    from reconciler.cli.wiring import load, missing_extras

    try:
        manifest = load(session)
    except ManifestError as error:
        problems = error.problems
    else:
        problems = tuple(missing_extras(manifest.settings))
        if not problems:
            write_result(_success(manifest.desired, form))
            return ExitCode.OK
    write_result(_problems(problems, form))
    return ExitCode.INVALID


def _problems(problems: tuple[Problem, ...], form: str) -> str:
    if form == "json":
        return _dump({"valid": False, "problems": [asdict(problem) for problem in problems]})
    from reconciler.render.text import render_problems

    return render_problems(problems)


def _success(desired: DesiredState, form: str) -> str:
    files = {key.mark.file for key in desired.keys}
    if form == "json":
        return _dump({"valid": True, "problems": [], "keys": len(desired.keys), "files": len(files)})
    verb = "is" if len(desired.keys) == 1 else "are"
    return f"{_counted(len(desired.keys), 'key')} in {_counted(len(files), 'file')} {verb} valid\n"


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _dump(document: object) -> str:
    return json.dumps(document, indent=2) + "\n"
