"""`reconciler github check`: a check run that records what was planned."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.github.options import FILE, exit_code, sending
from reconciler.cli.terminal import explain
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path


@click.command("check", short_help="Record a plan in a check run, for apply to compare with.")
@click.argument("plan", type=FILE, required=False)
@exit_code
@sending
def command(*, plan: Path | None, code: int, stack: str, token_variable: str) -> ExitCode:
    """Record the saved PLAN in a check run of the commit that this run is about.

    `apply --expect-from-check` compares with it after the merge. The check run succeeds for a plan that may
    be approved as it stands, and fails for one that the safety limits refuse or that is too large to be seen
    whole, and after a command that failed: give its --exit-code, with or without PLAN.
    """
    from reconciler.cli.github.runner import connected, this_run
    from reconciler.github.check_record import Record, check_name
    from reconciler.github.pages import failed_check, failure_reason, plan_check
    from reconciler.manifest.plan_file import read_plan

    name = check_name(stack)
    run = this_run()
    if run.silent:
        return ExitCode.OK
    output: dict[str, str] = {}
    if failure_reason(code):
        # A plan file beside a failure may be anybody's.
        page, external = failed_check(code, run.origin), ""
    elif plan is not None:
        saved = read_plan(plan)
        page, record = plan_check(saved, run.origin), Record.of(saved)
        output, external = {"text": record.text()}, record.plan
    else:
        msg = "give a saved PLAN, or the --exit-code of the command that made none"
        raise UsageError(msg)
    with connected(run.context, token_variable) as github:
        github.add_check_run(
            name=name,
            head_sha=run.context.sha,
            status="completed",
            conclusion=page.conclusion,
            external_id=external,
            output={"title": page.title, "summary": page.summary, **output},
            **({"details_url": run.origin.run_url} if run.origin.run_url else {}),
        )
    explain(f"check run {name}: {page.conclusion}\n")
    return ExitCode.OK
