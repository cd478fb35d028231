"""`reconciler audit`: show what an audit trail holds, and whether it is whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import formats
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import complain, write_result
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from reconciler.audit.trail_file import ReadTrail
    from reconciler.cli.session import Session

_COLUMNS = ("at", "who", "event", "op", "address", "remote_id", "status")


@click.command("audit", short_help="Show an audit trail, and check that it is whole.")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--verify", is_flag=True, help="Only check it; show no records.")
@formats("text", "json")
@pass_session
def command(session: Session, *, file: Path | None, verify: bool, form: str) -> ExitCode:
    """Show the records of FILE, by default those of the settings' `audit`, oldest first.

    Every line carries its own length and checksum. Exit code 1 means that a line was changed or cut; what
    a killed run left behind is told and is no error.
    """
    from reconciler.audit.trail_file import read_trail

    found = read_trail(file or _declared(session))
    if not verify:
        write_result(json.dumps(found.records, indent=2) + "\n" if form == "json" else _table(found))
    for number in found.torn:
        complain(f"line {number}: torn by a run that was killed; nothing is wrong")
    for number in found.damaged:
        complain(f"line {number}: damaged; compare the file with its last copy")
    if verify:
        count = len(found.records)
        write_result(f"{count} whole, {len(found.torn)} torn, {len(found.damaged)} damaged\n")
    return ExitCode.ERROR if found.damaged else ExitCode.OK


def _declared(session: Session) -> Path:
    from reconciler.cli.wiring import load

    path = load(session).settings.custody.audit
    if path is None:
        msg = "the settings declare no `audit`; name the file"
        raise UsageError(msg)
    return path


def _table(found: ReadTrail) -> str:
    """Return one line a record, aligned; what is in the file is foreign text."""
    from reconciler.core.sanitize import sanitize

    rows = [[sanitize(cell) for cell in _cells(record)] for record in found.records]
    widths = [max(map(len, column)) for column in zip(_COLUMNS, *rows, strict=True)]
    lines = [_COLUMNS, *rows]
    return "".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() + "\n"
        for line in lines
    )


def _cells(record: dict[str, Any]) -> list[str]:
    who = record.get("who")
    found = who if isinstance(who, dict) else {}
    name = found.get("actor") or found.get("user") or ""
    run = f" {found['ci']} {found.get('run', '')}" if "ci" in found else ""
    shown = {**record, "who": f"{name}{run}"}
    return [str(shown.get(column) or "-") for column in _COLUMNS]
