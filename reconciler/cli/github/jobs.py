"""The jobs of a workflow: one command after the other, in the one process that gets the signals."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.cli.failures import exit_code_of
from reconciler.cli.github.runner import file_of, this_run
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from reconciler.cli.github.options import Question
    from reconciler.cli.github.runner import Runner
    from reconciler.cli.session import Session

_UNMERGED: Final = frozenset({"pull_request", "merge_group"})


def _folder() -> Path:
    # Never the checkout: a pull request could bring a plan.json along.
    return Path(tempfile.mkdtemp(prefix="reconciler-", dir=os.environ.get("RUNNER_TEMP") or None))


@dataclass(slots=True, kw_only=True)
class Job:
    """One job: what it was asked, and how it goes.

    Attributes:
        session: the global options.
        question: stack, token and login, for every command that takes them.
        expect: the digest that an apply has to have.
        from_check: whether the digest is taken from a check run.
        plan: a saved plan to apply.
        deadline: of an apply, as given.
        within: of a rotation, as given.
        comment: `always`, `changes` or `never`.
        run: what the job is about.
        folder: where its files are.
        shown: the exit code of the first command that could not show something.
    """

    session: Session
    question: Question
    expect: str | None
    from_check: bool
    plan: Path | None
    deadline: str | None
    within: str | None
    comment: str
    run: Runner = field(default_factory=this_run)
    folder: Path = field(default_factory=_folder)
    shown: int = 0

    @property
    def stack(self) -> tuple[str, str]:
        """The option of that name."""
        return ("--stack", self.question.stack)

    @property
    def sending(self) -> tuple[str, ...]:
        """The options of commands that send something to GitHub."""
        return (*self.stack, "--token-env", self.question.token_variable)

    def step(self, name: str, *arguments: str, to: Path | None = None) -> int:
        """Run a command, with its result in a file where one is named; return its exit code."""
        if to is None:
            return exit_code_of(lambda: self._main(name, arguments))
        with to.open("w", encoding="utf-8", newline="\n") as file:
            return exit_code_of(lambda: self._into(file, name, arguments))

    def show(self, name: str, *arguments: str) -> None:
        """Run a command of `reconciler github`; the job fails when it does."""
        self.shown = self.step("github", name, *arguments) or self.shown

    def finish(self, code: int, *parts: str, plan: Path | None = None) -> None:
        """Write the step summary, where there is something to say, and the outputs."""
        shown = ("--plan", str(plan)) if plan else ()
        page: tuple[str, ...] = ()
        if parts or shown or code:
            before = len(_summary())
            self.show("summary", *parts, *shown, *self.stack, "--exit-code", str(code))
            copy = self.folder / "summary.md"
            copy.write_bytes(_summary()[before:])
            page = ("--summary-path", str(copy))
        self.show("outputs", *shown, *page, "--exit-code", str(code))

    def _into(self, file: TextIO, name: str, arguments: tuple[str, ...]) -> int:
        with redirect_stdout(file):
            code = self._main(name, arguments)
            sys.stdout.flush()
        return code

    def _main(self, name: str, arguments: tuple[str, ...]) -> int:
        from reconciler.cli.root import root

        command = root.get_command(root.make_context("reconciler", [name], resilient_parsing=True), name)
        if command is None:
            msg = f"there is no command {name}"
            raise UsageError(msg)
        # Past the root, which would set up the log anew.
        code = command.main(
            list(arguments), prog_name=f"reconciler {name}", standalone_mode=False, obj=self.session
        )
        return int(code or 0)


def run_job(job: Job, name: str) -> int:
    """Run a job and return its exit code: that of its command, or of what could not be shown after it."""
    code = _JOBS[name](job)
    return code or job.shown


def _validate(job: Job) -> int:
    findings = job.folder / "findings.json"
    code = _validated(job, findings)
    job.finish(code, "--findings", str(findings))
    return code


def _validated(job: Job, findings: Path) -> int:
    code = job.step("validate", "--format", "json", to=findings)
    job.show("annotations", str(findings))
    return code


def _plan(job: Job) -> int:
    findings, plan = job.folder / "findings.json", job.folder / "plan.json"
    code = _validated(job, findings)
    restricted = bool(job.run.context.restricted)
    if code == ExitCode.OK and not restricted:
        code = job.step("plan", "--output", str(plan), to=job.folder / "plan.txt")
    made = plan if code == ExitCode.OK and not restricted else None
    job.finish(code, "--findings", str(findings), plan=made)
    if job.run.context.event in _UNMERGED:
        job.show("check", *([str(made)] if made else []), *job.sending, "--exit-code", str(code))
        if made and job.comment != "never":
            login = ("--login", job.question.login)
            job.show("comment", str(made), "--when", job.comment, *login, *job.sending)
    return code


def _apply(job: Job) -> int:
    if job.run.context.event in _UNMERGED:
        msg = f"apply is not for {job.run.context.event}: run it for a push, after the merge"
        raise UsageError(msg)
    report = job.folder / "report.json"
    asked = [str(job.plan)] if job.plan else []
    asked += ["--deadline", job.deadline] if job.deadline else []
    asked += ["--expect-digest", job.expect] if job.expect else []
    if job.from_check:
        question = job.question
        asked += ["--expect-from-check", "--check-app", str(question.app_id), "--login", question.login]
        asked += job.sending
    code = job.step("apply", *asked, "--report", str(report))
    job.finish(code, *(["--report", str(report)] if report.is_file() else []))
    return code


def _drift(job: Job) -> int:
    plan = job.folder / "plan.json"
    code = job.step("drift", "--format", "json", to=plan)
    # With any other code nothing is known, and the issue stays as it is.
    known = code in {ExitCode.OK, ExitCode.CHANGES}
    job.finish(code, plan=plan if known else None)
    if known and job.comment != "never":
        job.show("drift-issue", str(plan), "--login", job.question.login, *job.sending)
    return ExitCode.OK if known else code


def _status(job: Job) -> int:
    return _told_in_the_log(job, "status")


def _verify(job: Job) -> int:
    return _told_in_the_log(job, "verify")


def _rotation(job: Job) -> int:
    ahead = ("--within", job.within) if job.within else ()
    return _told_in_the_log(job, "github", "rotation", *ahead, *job.sending)


def _told_in_the_log(job: Job, name: str, *arguments: str) -> int:
    code = job.step(name, *arguments)
    job.show("outputs", "--exit-code", str(code))
    return code


def _summary() -> bytes:
    path = file_of("GITHUB_STEP_SUMMARY")
    return path.read_bytes() if path.is_file() else b""


_JOBS: Final[Mapping[str, Callable[[Job], int]]] = {
    "validate": _validate,
    "plan": _plan,
    "apply": _apply,
    "drift": _drift,
    "status": _status,
    "verify": _verify,
    "rotation": _rotation,
}
