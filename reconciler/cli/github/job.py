"""`reconciler github job`: a whole job of a workflow, as the action runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from reconciler.cli.github.options import FILE, questioning
from reconciler.cli.session import pass_session
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.cli.github.options import Question
    from reconciler.cli.session import Session

NAMES = ("validate", "plan", "apply", "drift", "status", "verify", "rotation")


@click.command("job", short_help="Run a command and show on GitHub what came of it.")
@click.argument("name", type=click.Choice(NAMES), metavar="COMMAND")
@click.option("--expect-digest", "expect", metavar="DIGEST", help="For apply: refuse any plan but this one.")
@questioning
@click.option("--plan", type=FILE, help="For apply: a saved plan, in place of one of this moment.")
@click.option("--deadline", metavar="TIME", help="For apply: begin no further key after this long.")
@click.option("--within", metavar="TIME", help="For rotation: look this far ahead, like 7d.")
@click.option(
    "--comment",
    type=click.Choice(["always", "changes", "never"]),
    default="always",
    show_default=True,
    help="When plan comments, and whether drift keeps its issue.",
)
@pass_session
def command(
    session: Session,
    *,
    name: str,
    expect: str | None,
    question: Question,
    from_check: bool,
    plan: Path | None,
    deadline: str | None,
    within: str | None,
    comment: str,
) -> int:
    """Run COMMAND with what belongs to it: annotations, step summary, outputs, check run, comment or issue.

    COMMAND is validate, plan, apply, drift, status, verify or rotation. The exit code is that of the command;
    drift that was found is no failure of the job, and stands in the outputs as exit-code 2. Apply asks for
    --expect-digest or --expect-from-check: a job applies nothing that was not reviewed.
    """
    from reconciler.cli.github.jobs import Job, run_job
    from reconciler.github.check_record import check_name

    # A bad name is refused before anything is done, not when the first comment is written.
    check_name(question.stack)
    reviewed = expect is not None or from_check
    if reviewed != (name == "apply"):
        msg = "--expect-digest or --expect-from-check belongs to apply, and apply needs one of them"
        raise UsageError(msg)
    if name != "apply" and (plan is not None or deadline is not None):
        msg = "--plan and --deadline belong to apply; leave them out"
        raise UsageError(msg)
    if name != "rotation" and within is not None:
        msg = "--within belongs to rotation; leave it out"
        raise UsageError(msg)
    job = Job(
        session=session,
        question=question,
        expect=expect,
        from_check=from_check,
        plan=plan,
        deadline=deadline,
        within=within,
        comment=comment,
    )
    return run_job(job, name)
