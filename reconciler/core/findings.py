"""What a look at settings, accounts and sinks found, and how such a run ends."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.core.model import SourceMark
from reconciler.errors import ExitCode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.errors import Problem


class Level(StrEnum):
    """How bad a finding is; a note only informs."""

    OK = "ok"
    NOTE = "note"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: how bad it is.
        where: account, sink, setting or place in a file.
        what: in words; of a problem, with the remedy at its end.
        code: what a failure ends the run with.
        mark: the place, for a finding in a file; line 0 stands for the file as a whole.
        rule: which check found it, for programs that group findings; empty where there are none.
    """

    level: Level
    where: str
    what: str
    code: ExitCode = ExitCode.OK
    mark: SourceMark | None = None
    rule: str = ""


def ok(where: str, what: str) -> Finding:
    """Return a check that was passed."""
    return Finding(level=Level.OK, where=where, what=what)


def note(where: str, what: str) -> Finding:
    """Return something good to know."""
    return Finding(level=Level.NOTE, where=where, what=what)


def warn(where: str, what: str) -> Finding:
    """Return something that works and should not stay so."""
    return Finding(level=Level.WARN, where=where, what=what)


def fail(where: str, what: str, code: ExitCode = ExitCode.ERROR) -> Finding:
    """Return a check that was not passed."""
    return Finding(level=Level.FAIL, where=where, what=what, code=code)


def in_file(
    problem: Problem, rule: str, level: Level = Level.FAIL, *, code: ExitCode = ExitCode.INVALID
) -> Finding:
    """Return something at a place in a settings or key file.

    Args:
        problem: the place and the words.
        rule: which check found it.
        level: how bad it is; a failure is one of the declarations.
        code: what a failure ends the run with.
    """
    return Finding(
        level=level,
        where=str(problem).removesuffix(f": {problem.message}"),
        what=problem.message,
        code=code if level is Level.FAIL else ExitCode.OK,
        mark=SourceMark(file=problem.file, line=problem.line, column=problem.column),
        rule=rule,
    )


def exit_code(findings: Iterable[Finding]) -> ExitCode:
    """Return how the run ends: refused credentials outweigh every other failure."""
    codes = {finding.code for finding in findings if finding.level is Level.FAIL}
    if ExitCode.CREDENTIALS in codes:
        return ExitCode.CREDENTIALS
    return ExitCode.ERROR if codes else ExitCode.OK
