"""`reconciler plan`: what an apply would do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import formats, scoped, since
from reconciler.cli.planning import planned, shown
from reconciler.cli.result_file import write_result_file
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import complain, explain, write_result
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.session import Session


@click.command("plan", short_help="Show what apply would do; reads only.")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save the plan for `apply`; no secret is in it.",
)
@click.option(
    "--save-observed",
    "observed",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Save what the plan rests on for `verify-plan`; no secret is in it.",
)
@formats("text", "json", "markdown", "html")
@since
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 when there is something to do.")
@scoped
@pass_session
def command(
    session: Session,
    *,
    output: Path | None,
    observed: Path | None,
    form: str,
    since: Path | None,
    detailed_exitcode: bool,
    accounts: tuple[str, ...],
    keys: tuple[str, ...],
) -> ExitCode:
    """Show what apply would do.

    Only GET requests are sent. The digest at the end stands for exactly this plan: hand it, or the file
    saved with -o, to `apply`. A plan that the settings' policy refuses is shown and ends with 5.
    """
    from reconciler.render import json

    found = planned(session, accounts=accounts, keys=keys, since=since)
    plan = found.plan
    if observed is not None:
        write_result_file(observed, json.render_observed(plan, found.desired, found.observed))
    if output is not None:
        write_result_file(output, json.render_plan(plan))
    write_result(shown(plan, form, session.stdout))
    if output is not None:
        explain(f"saved; apply exactly this with: reconciler apply {output}\n")
    for text in plan.meta.refused:
        complain(text)
    if plan.meta.refused:
        return ExitCode.REFUSED
    return ExitCode.CHANGES if detailed_exitcode and plan.actions else ExitCode.OK
