"""Where the demo plays: a scratch directory, real commands, and facts that are checked aloud."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from reconciler.cli.terminal import write_result
from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_PATIENCE_SECONDS = 60


class StoryError(ReconcilerError):
    """Raised when a step of the demo does not go as told."""


@dataclass(slots=True, kw_only=True)
class Stage:
    """Runs and narrates.

    Args:
        folder: the scratch directory, in which every command runs.
        environment: of the commands.
    """

    folder: Path
    environment: Mapping[str, str]
    _step: int = 0
    _heard: list[str] = field(default_factory=list)

    @property
    def heard(self) -> str:
        """Everything that the commands have written so far."""
        return "".join(self._heard)

    def step(self, title: str, text: str) -> None:
        """Begin a step of the story."""
        self._step += 1
        write_result(f"\n{self._step}. {title}\n   {text}\n")

    def show(self, name: str) -> None:
        """Show a file."""
        self._indented(f"── {name}\n{(self.folder / name).read_text('utf-8')}")

    def note(self, text: str) -> None:
        """Show some lines."""
        self._indented(text)

    def run(self, *arguments: str, expect: int = 0) -> str:
        """Run the real command line, show it with its output, and return that.

        Raises:
            StoryError: when it ends with another exit code.
        """
        write_result(f"\n   $ reconciler {' '.join(arguments)}\n")
        done = subprocess.run(  # noqa: S603  # our own interpreter and package
            [sys.executable, "-m", "reconciler", "--no-color", *arguments],
            cwd=self.folder,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
        self._heard.append(done.stdout)
        self._indented(done.stdout)
        self.check(fact=done.returncode == expect, text=f"exit code {expect}")
        return done.stdout

    def check(self, *, fact: bool, text: str) -> None:
        """Tick a fact off.

        Raises:
            StoryError: when it is none.
        """
        if not fact:
            msg = f"the demo did not go as told: {text!r} does not hold; please report it"
            raise StoryError(msg)
        write_result(f"   ✓ {text}\n")

    def _indented(self, text: str) -> None:
        write_result("".join(f"   │ {line}".rstrip() + "\n" for line in text.rstrip("\n").splitlines()))
