"""`reconciler import`: declarations for the keys that an account has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import one_account
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import complain, explain, write_result
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.session import Session


@click.command("import", short_help="Write declarations for the keys that an account has.")
@one_account
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The key file to add to.  [default: keys/ACCOUNT.yaml beside the settings]",
)
@pass_session
def command(session: Session, *, account: str, output: Path | None) -> ExitCode:
    """Write declarations for what exists, so that a plan right after has nothing to do for it.

    Only GET requests are sent, and no secret is read or written. Keys that a file declares already are
    left alone, and so is everything else in the file. Keys of others are passed over.
    """
    from reconciler.cli.importing import run_import
    from reconciler.core.sanitize import redact

    result = run_import(session, account, output)
    write_result("".join(f"{redact(line, limit=1_000)}\n" for line in result.lines))
    explain("".join(f"{redact(line, limit=1_000)}\n" for line in result.road))
    for problem in result.problems:
        complain(problem)
    return ExitCode.ERROR if result.problems else ExitCode.OK
