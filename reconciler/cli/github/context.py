"""`reconciler github context`: what a script asks before it goes on."""

from __future__ import annotations

import json
from typing import Final

import click

from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode

FIELDS: Final = ("event", "repository", "sha", "pull-request", "restricted")


@click.command("context", short_help="Tell what the run is about, and whether it may plan.")
@click.option("--field", type=click.Choice(FIELDS), help="Only the value of this one.")
def command(*, field: str | None) -> ExitCode:
    """Tell what this run is about, as JSON.

    `restricted` says why GitHub gives the run no secrets, and is empty for all others: a script plans only
    then. Nothing is sent.
    """
    from reconciler.cli.github.runner import this_run

    context = this_run().context
    number = "" if context.pull_request is None else str(context.pull_request)
    values = (context.event, context.repository, context.sha, number, context.restricted)
    found = dict(zip(FIELDS, values, strict=True))
    write_result(f"{found[field]}\n" if field else json.dumps(found, indent=2) + "\n")
    return ExitCode.OK
