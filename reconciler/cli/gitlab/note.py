"""`reconciler gitlab note`: the one note on a merge request that shows its plan."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Final

import click

from reconciler.cli.github.options import FILE, stack
from reconciler.cli.terminal import explain
from reconciler.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.gitlab.client import Gitlab
    from reconciler.gitlab.merge_request import Pipeline

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_URL: Final = re.compile(r"https://[A-Za-z0-9.:/_-]{1,500}")


@click.command("note", short_help="Show a plan as the one note on the merge request.")
@click.argument("plan", type=FILE)
@click.option(
    "--when",
    type=click.Choice(["always", "changes"]),
    default="always",
    show_default=True,
    help="With `changes`, a plan without any is no reason for a new note.",
)
@click.option(
    "--token-env",
    "token_variable",
    metavar="VARIABLE",
    default="RECONCILER_GITLAB_TOKEN",
    show_default=True,
    help="The variable that holds a project access token with the scope api.",
)
@stack
def command(*, plan: Path, when: str, token_variable: str, stack: str) -> ExitCode:
    """Show the saved PLAN as a note on the merge request of this pipeline.

    There is one note for each stack. It is edited in place, and only if this token wrote it. For a merge
    request of a fork nothing is sent.
    """
    from reconciler.github.marker import Marker
    from reconciler.gitlab.merge_request import plan_note, put_note
    from reconciler.manifest.plan_file import read_plan

    marker = Marker(kind="plan", stack=stack)
    source, target = (_number(f"CI_MERGE_REQUEST_{name}") for name in ("SOURCE_PROJECT_ID", "PROJECT_ID"))
    if source != target:
        explain("nothing is sent to GitLab: the merge request comes from a fork\n")
        return ExitCode.OK
    saved = read_plan(plan)
    body = plan_note(saved, marker, _pipeline())
    gitlab = _connected(token_variable, target)
    try:
        done = put_note(gitlab, body, marker=marker, create=when == "always" or bool(saved.actions))
    finally:
        gitlab.close()
    explain(f"note: {done}\n")
    return ExitCode.OK


def _connected(token_variable: str, project: int) -> Gitlab:
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.signals import quit_at_once
    from reconciler.cli.wiring import without_the_command_line_of_httpx
    from reconciler.core.model import SourceMark
    from reconciler.manifest.credentials import read_secret
    from reconciler.manifest.settings import SecretSource

    without_the_command_line_of_httpx()
    from reconciler.gitlab.client import Gitlab

    quit_at_once()
    mark = SourceMark(file="the token of GitLab", line=0, column=0)
    return Gitlab.connect(
        api_url=_given("CI_API_V4_URL"),
        token=read_secret(SecretSource(env=token_variable, mark=mark), os.environ),
        project=project,
        merge_request=_number("CI_MERGE_REQUEST_IID"),
        clock=SystemClock(),
    )


def _pipeline() -> Pipeline:
    from reconciler.gitlab.merge_request import Pipeline

    sha, url = _given("CI_COMMIT_SHA"), os.environ.get("CI_PIPELINE_URL", "")
    if not _COMMIT.fullmatch(sha):
        msg = "CI_COMMIT_SHA is no commit; leave it as the runner set it"
        raise UsageError(msg)
    return Pipeline(sha=sha, url=url if _URL.fullmatch(url) else "")


def _number(variable: str) -> int:
    text = _given(variable)
    if not _NUMBER.fullmatch(text):
        msg = f"{variable} is no number; leave it as the runner set it"
        raise UsageError(msg)
    return int(text)


def _given(variable: str) -> str:
    text = os.environ.get(variable, "")
    if not text:
        msg = f"{variable} is not set; run this in a pipeline for merge requests"
        raise UsageError(msg)
    return text
