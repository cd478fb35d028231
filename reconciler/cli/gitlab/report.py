"""`reconciler gitlab report`: the counts of a plan as GitLab's widget takes them, and its digest."""

from __future__ import annotations

import json
from pathlib import Path

import click

from reconciler.cli.github.options import FILE
from reconciler.cli.result_file import write_result_file
from reconciler.errors import ExitCode


@click.command("report", short_help="Write the counts and the digest of a plan as reports of a job.")
@click.argument("plan", type=FILE)
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="For artifacts:reports:terraform.",
)
@click.option(
    "--dotenv",
    type=click.Path(dir_okay=False, path_type=Path),
    help="For artifacts:reports:dotenv; RECONCILER_DIGEST is the digest of the plan.",
)
def command(*, plan: Path, output: Path, dotenv: Path | None) -> ExitCode:
    """Write what the merge request's widget shows of PLAN, which `plan -o` saved.

    Created, updated and deleted are counted; whatever cuts somebody off counts as deleted. Nothing is sent.
    """
    from reconciler.core.plan_document import digest
    from reconciler.gitlab.merge_request import report_counts
    from reconciler.manifest.plan_file import read_plan

    saved = read_plan(plan)
    write_result_file(output, json.dumps(report_counts(saved)) + "\n")
    if dotenv is not None:
        write_result_file(dotenv, f"RECONCILER_DIGEST={digest(saved)}\n")
    return ExitCode.OK
