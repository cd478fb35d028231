"""`reconciler drift`: `plan` for schedules."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.options import formats, scoped
from reconciler.cli.planning import fresh_plan, shown
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import explain, write_result
from reconciler.core.sanitize import sanitize
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.core.plan import Action, Plan


@click.command("drift", short_help="Exit with 2 when keys are not as declared; reads only.")
@formats("text", "json", "markdown", "html")
@scoped
@pass_session
def command(session: Session, *, form: str, accounts: tuple[str, ...], keys: tuple[str, ...]) -> ExitCode:
    """Tell whether the keys are as declared.

    Only GET requests are sent. Exit code 0 means no drift, 2 drift; the plan on stdout is what would
    mend it, and stderr names each key and field.
    """
    plan = fresh_plan(session, accounts=accounts, keys=keys)
    write_result(shown(plan, form, session.stdout))
    explain("".join(f"{line}\n" for line in _summary(plan)))
    return ExitCode.CHANGES if plan.actions else ExitCode.OK


def _summary(plan: Plan) -> list[str]:
    if not plan.actions:
        return ["no drift"]
    return [f"drift: {sanitize(action.address)}: {sanitize(_what(action), 500)}" for action in plan.actions]


def _what(action: Action) -> str:
    names = ", ".join(change.name for change in action.changes) if action.before is not None else ""
    return names or action.reason.value
