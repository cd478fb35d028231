"""`reconciler apply`: do what was reviewed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.github.options import reviewed_by_check
from reconciler.cli.options import Duration, formats, scoped
from reconciler.cli.result_file import ResultFileError, write_result_file
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import complain, write_result
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from datetime import timedelta

    from reconciler.cli.applying import Review
    from reconciler.cli.github.options import Question
    from reconciler.cli.session import Session
    from reconciler.cli.terminal import Look
    from reconciler.core.plan import Plan
    from reconciler.core.report import Report

_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


@click.command("apply", short_help="Do what was reviewed.")
@click.argument("plan", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--expect-digest", "expect", metavar="DIGEST", help="Refuse any plan but this one.")
@reviewed_by_check
@click.option("--yes", is_flag=True, help="Apply what is planned now without asking.")
@click.option("--deadline", type=Duration(), help="Begin no further key after this long, like 20m; exit 7.")
@click.option(
    "--report",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write the report there as JSON, after a failure too.",
)
@formats("text", "json")
@scoped
@pass_session
def command(
    session: Session,
    *,
    plan: Path | None,
    expect: str | None,
    question: Question | None,
    yes: bool,
    deadline: timedelta | None,
    report: Path | None,
    form: str,
    accounts: tuple[str, ...],
    keys: tuple[str, ...],
) -> ExitCode:
    """Do what was reviewed: the saved PLAN, or the plan of this moment.

    Each action is held against the live key: one that is already as planned counts as done, one that has
    moved since the review is refused. SIGINT and SIGTERM let the key in hand finish. Running it again
    goes on where it stopped.
    """
    from reconciler.cli.applying import Request, run_apply

    if plan is not None and (accounts or keys):
        msg = "a saved plan has its own scope; leave out --account and --key, or make a new plan with them"
        raise UsageError(msg)
    if expect is not None and not _DIGEST.fullmatch(expect):
        msg = "--expect-digest is not a digest; copy the whole line that starts with sha256: from the plan"
        raise UsageError(msg)
    if expect is not None and question is not None:
        msg = "give --expect-digest or --expect-from-check; each says alone what was reviewed"
        raise UsageError(msg)
    if report is not None:
        _make_room(report)
    request = Request(
        saved=None if plan is None else _read(plan),
        expect=expect,
        review=None if question is None else _review(question),
        agreed=yes,
        deadline=deadline,
        accounts=accounts,
        keys=keys,
        form=form,
    )
    return _finish(run_apply(session, request), report, form, session.stdout)


def _review(question: Question) -> Review:
    from reconciler.cli.github.review import review_on_github

    return review_on_github(question)


def _read(path: Path) -> Plan:
    from reconciler.manifest.plan_file import read_plan

    return read_plan(path)


def _make_room(path: Path) -> None:
    """Take an older report away, so that nobody reads it as the one of a run that was refused.

    Raises:
        UsageError: when no report could be written there.
    """
    if not path.parent.is_dir():
        msg = f"{path.parent} is no directory; make it, or name another --report"
        raise UsageError(msg)
    if path.is_file():
        path.unlink()


def _finish(report: Report, path: Path | None, form: str, look: Look) -> ExitCode:
    """Write the report first; what goes wrong then never hides how the run ended."""
    from reconciler.render import json

    code = report.verdict[1]
    document = json.render_report(report)
    try:
        if path is not None:
            write_result_file(path, document)
    except ResultFileError as error:
        complain(str(error))
        code = code or ExitCode.ERROR
    try:
        write_result(document if form == "json" else _text(report, look))
    except OSError:
        complain("the report could not be written to stdout; free some space")
        code = code or ExitCode.ERROR
    return code


def _text(report: Report, look: Look) -> str:
    from reconciler.render.text import render_report

    if not report.outcomes:
        return "nothing to do: every key is as declared\n"
    return render_report(report, width=look.width, color=look.color, ascii_only=look.ascii_only)
