"""`reconciler verify-plan`: does a saved plan follow from what it rests on?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import formats
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.core.plan import Plan

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command("verify-plan", short_help="Derive a saved plan again, offline.")
@click.argument("plan", type=_FILE)
@click.option("--observed", required=True, type=_FILE, help="What `plan --save-observed` wrote.")
@formats("text", "json")
@pass_session
def command(session: Session, *, plan: Path, observed: Path, form: str) -> ExitCode:
    """Derive the saved PLAN again, offline.

    Settings, key files and the observed state are all that is read: no request is sent and no credential
    is needed. Exit code 0 means that the very same plan follows, 4 that another one does; what differs is
    on stdout.
    """
    from reconciler.core.plan_document import digest
    from reconciler.render import comparison

    reviewed, derived = _plans(session, plan, observed)
    if form == "json":
        write_result(comparison.render_json(reviewed, derived))
    else:
        look = session.stdout
        write_result(
            comparison.render_text(
                reviewed, derived, width=look.width, color=look.color, ascii_only=look.ascii_only
            )
        )
    return ExitCode.OK if digest(reviewed) == digest(derived) else ExitCode.STALE


def _plans(session: Session, saved: Path, observed: Path) -> tuple[Plan, Plan]:
    """Return the saved plan, and the one that follows from settings, key files and the observed state."""
    from reconciler.cli.wiring import load
    from reconciler.core.diff import diff
    from reconciler.manifest.observed_file import read_observed
    from reconciler.manifest.plan_file import read_plan

    plan = read_plan(saved)
    desired = load(session).desired
    seen = read_observed(observed, desired)
    return plan, diff(desired, seen.state, now=seen.at, tool=seen.tool, scope=plan.scope)
