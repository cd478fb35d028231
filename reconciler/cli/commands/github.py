"""`reconciler github`: what a workflow shows on GitHub, one command for each place."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import click

from reconciler.cli.root import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, str]] = {
    "job": "Run a command and show on GitHub what came of it.",
    "context": "Tell what the run is about, and whether it may plan.",
    "annotations": "Show problems beside the lines of the files.",
    "comment": "Show a plan as the one comment on the pull request.",
    "check": "Record a plan in a check run, for apply to compare with.",
    "summary": "Show a plan, a report or problems in the step summary.",
    "outputs": "Set the outputs of a step.",
    "rotation": "Propose the rotations that are due in a pull request.",
    "drift-issue": "Open, update or close the issue about drift.",
}
"""Short helps by name."""


class GithubGroup(LazyGroup):
    """The commands under `reconciler github`."""

    table: ClassVar[Mapping[str, str]] = COMMANDS
    package: ClassVar[str] = "reconciler.cli.github"


@click.command("github", cls=GithubGroup, short_help="Show plans on GitHub, and keep track of drift there.")
def command() -> None:
    """Show on GitHub what was planned and done, from a workflow.

    What the run is about comes from GITHUB_EVENT_NAME and GITHUB_EVENT_PATH. For pull requests of forks and
    of Dependabot no token is read and nothing is sent.
    """
