"""`reconciler doctor`: what would fail, before it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import account_labels, formats
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import write_result

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.errors import ExitCode


@click.command("doctor", short_help="Check credentials, accounts and sinks before they fail.")
@formats("text", "json")
@click.option(
    "--probe", is_flag=True, help="Make one throw-away key of one account, to measure; disabled after."
)
@account_labels
@pass_session
def command(session: Session, *, form: str, probe: bool, accounts: tuple[str, ...]) -> ExitCode:
    """Check that credentials are accepted, hosts answer, lists are complete and sinks can be written.

    Only GET requests are sent, unless --probe is given: that makes one key with the smallest limits,
    measures what the provider does not document, and disables the key. Exit code 9 means that credentials
    are missing or refused, 1 that something else failed.
    """
    from reconciler.cli.examining import examine
    from reconciler.core.findings import exit_code
    from reconciler.render import findings

    found, interrupted = examine(session, accounts=accounts, probes=probe)
    look = session.stdout
    write_result(
        findings.render_json(found)
        if form == "json"
        else findings.render_text(found, width=look.width, color=look.color, ascii_only=look.ascii_only)
    )
    return interrupted or exit_code(found)
