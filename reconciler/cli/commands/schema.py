"""`reconciler schema`: the JSON Schemas of what is written and read."""

from __future__ import annotations

import json

import click

from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode


@click.command("schema", short_help="Print a JSON Schema for editors and other programs.")
@click.argument("name", type=click.Choice(["settings", "keys", "plan", "observed", "report"]))
def command(name: str) -> ExitCode:
    """Print the JSON Schema of the settings, a key file, a plan, what a plan rests on, or a report."""
    from reconciler.manifest.schema import schema
    from reconciler.providers.registry import OWN_FIELDS

    write_result(json.dumps(schema(name, OWN_FIELDS), indent=2) + "\n")
    return ExitCode.OK
