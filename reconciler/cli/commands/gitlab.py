"""`reconciler gitlab`: what a pipeline shows on a merge request."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import click

from reconciler.cli.root import LazyGroup

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, str]] = {
    "report": "Write the counts and the digest of a plan as reports of a job.",
    "note": "Show a plan as the one note on the merge request.",
}
"""Short helps by name."""


class GitlabGroup(LazyGroup):
    """The commands under `reconciler gitlab`."""

    table: ClassVar[Mapping[str, str]] = COMMANDS
    package: ClassVar[str] = "reconciler.cli.gitlab"


@click.command("gitlab", cls=GitlabGroup, short_help="Show plans on merge requests of GitLab.")
def command() -> None:
    """Show on GitLab what was planned, from a pipeline."""
