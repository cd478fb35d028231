"""`reconciler validate`: everything that can be known offline, every problem at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.options import formats
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode, ManifestError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.cli.session import Session
    from reconciler.core.findings import Finding
    from reconciler.core.model import DesiredState
    from reconciler.render.validation import Validation

RULES: Final = {
    "invalid": "Settings and key files must be valid",
    "missing-extra": "The packages that a declared sink needs must be installed",
    "allow-ended": "Safety limits that were raised for a while should not stay in the settings",
    "policy-require": "Every key must declare what the policy requires",
    "policy-max": "No declared limit may be above that of the policy",
    "policy-expires-within": "No declared end may be further ahead than the policy allows",
    "policy-owners": "The owner of a key should be one that the policy lists",
}
"""What `validate` checks, as programs that read SARIF list it."""


@click.command("validate", short_help="Check settings and key files, offline.")
@formats("text", "json", "junit", "sarif")
@pass_session
def command(session: Session, form: str) -> ExitCode:
    """Check settings and key files.

    Nothing is sent and no credential is read. Problems are written as file:line:column with the remedy,
    all of them at once, and the exit code is 3, or 5 where only the settings' policy is not met. Warnings
    leave it at 0.
    """
    found = _validation(session)
    write_result(_shown(found, form))
    return min((item.code for item in found.failures), default=ExitCode.OK)


def _validation(session: Session) -> Validation:
    from reconciler.cli.wiring import load, missing_extras
    from reconciler.render.validation import Validation

    try:
        manifest = load(session)
    except ManifestError as error:
        return Validation(findings=_found(error.problems, "invalid"))
    desired = manifest.desired
    lacking = _found(missing_extras(manifest.settings), "missing-extra")
    return Validation(
        findings=(*lacking, *_policy(desired), *_warnings(desired)),
        keys=len(desired.keys),
        files=len({key.mark.file for key in desired.keys}),
    )


def _found(problems: Iterable[Problem], rule: str) -> tuple[Finding, ...]:
    from reconciler.core.findings import in_file

    return tuple(in_file(problem, rule) for problem in problems)


def _policy(desired: DesiredState) -> list[Finding]:
    """Return what the policy refuses, and the keys that it has switched off."""
    from reconciler.cli.clock import SystemClock
    from reconciler.core.findings import Level, in_file
    from reconciler.core.plan import EVERYTHING
    from reconciler.core.policy import breaches, departures

    refused = [
        in_file(found.problem, found.rule, code=ExitCode.REFUSED)
        for found in breaches(desired, SystemClock().now(), EVERYTHING)
    ]
    left = [in_file(found.problem, found.rule, Level.WARN) for found in departures(desired, EVERYTHING)]
    return refused + left


def _warnings(desired: DesiredState) -> list[Finding]:
    from reconciler.cli.clock import SystemClock
    from reconciler.core.allowance import is_over, over_message
    from reconciler.core.findings import Level, in_file

    allow = desired.allow
    if allow is None or allow.mark is None or not is_over(allow, SystemClock().now()):
        return []
    mark = allow.mark
    problem = Problem(file=mark.file, line=mark.line, column=mark.column, message=over_message(allow))
    return [in_file(problem, "allow-ended", Level.WARN)]


def _shown(found: Validation, form: str) -> str:
    if form == "sarif":
        from reconciler.cli.version import VERSION
        from reconciler.render.sarif import render_sarif

        return render_sarif(found, rules=RULES, version=VERSION)
    if form == "junit":
        from reconciler.render.junit import render_junit

        return render_junit(found)
    from reconciler.render import validation

    return validation.render_json(found) if form == "json" else validation.render_text(found)
