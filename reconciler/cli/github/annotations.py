"""`reconciler github annotations`: problems beside the lines of the files."""

from __future__ import annotations

import os
from pathlib import Path

import click

from reconciler.cli.github.options import FILE
from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode


@click.command("annotations", short_help="Show problems beside the lines of the files.")
@click.argument("findings", type=FILE)
def command(*, findings: Path) -> ExitCode:
    """Show the problems that `validate --format json` wrote into FINDINGS, each beside its line.

    GitHub shows ten of each level a step; the tenth says how many more there are, and the log lists them.
    Nothing is sent.
    """
    from reconciler.cli.github.runner import read_file
    from reconciler.github.findings import read_findings
    from reconciler.github.workflow_commands import annotation_lines

    found = read_findings(read_file(findings), folder=folder())
    write_result("".join(f"{line}\n" for line in annotation_lines(found.annotations)))
    return ExitCode.OK


def folder() -> str:
    """Return the working directory below the root of the repository; empty at the root or outside."""
    root, here = os.environ.get("GITHUB_WORKSPACE", ""), Path.cwd()
    if not root or not here.is_relative_to(Path(root).resolve()):
        return ""
    below = here.relative_to(Path(root).resolve()).as_posix()
    return "" if below == "." else below
