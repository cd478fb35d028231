"""`reconciler github summary`: the page that a run shows about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.github.options import FILE, exit_code, stack
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.github.runner import Runner
    from reconciler.github.summary import Parts


@click.command("summary", short_help="Show a plan, a report or problems in the step summary.")
@click.option("--plan", type=FILE, help="The saved plan.")
@click.option("--report", type=FILE, help="What `apply --report` wrote.")
@click.option("--findings", type=FILE, help="What `validate --format json` wrote.")
@exit_code
@stack
def command(
    *, plan: Path | None, report: Path | None, findings: Path | None, code: int, stack: str
) -> ExitCode:
    """Append to the file at GITHUB_STEP_SUMMARY, and keep it below the 1 MiB that GitHub takes.

    For a pull request of a fork it says that no plan was made. Nothing is sent.
    """
    from reconciler.cli.github.runner import appended_to, this_run
    from reconciler.github.summary import MOST_OF_SUMMARY, summary_page

    run = this_run()
    parts = _read(run, plan=plan, report=report, findings=findings)
    page = summary_page(parts, run.origin, stack=stack, exit_code=code, limit=MOST_OF_SUMMARY - _written())
    if not page:
        msg = "there is nothing to show; give --plan, --report, --findings or the --exit-code of what failed"
        raise UsageError(msg)
    appended_to("GITHUB_STEP_SUMMARY", page)
    return ExitCode.OK


def _written() -> int:
    """Return how many bytes the step has written before."""
    from reconciler.cli.github.runner import file_of

    path = file_of("GITHUB_STEP_SUMMARY")
    return path.stat().st_size if path.is_file() else 0


def _read(run: Runner, *, plan: Path | None, report: Path | None, findings: Path | None) -> Parts:
    from reconciler.cli.github.annotations import folder
    from reconciler.cli.github.runner import read_file
    from reconciler.github.findings import read_findings
    from reconciler.github.report_page import read_report
    from reconciler.github.summary import Parts
    from reconciler.manifest.plan_file import read_plan

    return Parts(
        plan=None if plan is None or run.context.restricted else read_plan(plan),
        report=None if report is None else read_report(read_file(report)),
        findings=None if findings is None else read_findings(read_file(findings), folder=folder()),
    )
