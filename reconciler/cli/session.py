"""The global options of one run."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from reconciler.cli.terminal import Look

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What every command is told.

    Attributes:
        config: the settings file.
        no_color: colours are not wanted.
    """

    config: Path
    no_color: bool = False

    @property
    def stdout(self) -> Look:
        """How text is shown on stdout."""
        return Look.of(sys.stdout, no_color=self.no_color)

    @property
    def stderr(self) -> Look:
        """How text is shown on stderr."""
        return Look.of(sys.stderr, no_color=self.no_color)


pass_session = click.make_pass_decorator(Session)
