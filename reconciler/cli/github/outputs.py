"""`reconciler github outputs`: what a later step or job reads of a plan."""

from __future__ import annotations

from pathlib import Path

import click

from reconciler.cli.github.options import FILE, exit_code
from reconciler.errors import ExitCode


@click.command("outputs", short_help="Set the outputs of a step.")
@click.option("--plan", type=FILE, help="The saved plan.")
@exit_code
@click.option("--summary-path", type=click.Path(path_type=Path), help="Passed on as the output of that name.")
def command(*, plan: Path | None, code: int, summary_path: Path | None) -> ExitCode:
    """Append the outputs of a step to the file at GITHUB_OUTPUT.

    They are has-changes, creates, updates, disables, deletes, rotations, blocked, digest, plan-path,
    summary-path, exit-code and failure-reason. Without a plan the counts and the digest are empty.
    """
    from reconciler.cli.github.runner import appended_to
    from reconciler.github.outputs import output_values
    from reconciler.github.workflow_commands import output_text
    from reconciler.manifest.plan_file import read_plan

    saved = None if plan is None else read_plan(plan)
    values = output_values(
        saved, plan_path=str(plan or ""), summary_path=str(summary_path or ""), exit_code=code
    )
    appended_to("GITHUB_OUTPUT", output_text(values))
    return ExitCode.OK
