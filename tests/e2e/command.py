"""The real command line as a child process, in a directory with settings for a sandbox."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TOKEN_VARIABLE = "SANDBOX_TOKEN_ONE"  # the name of a variable, not its value

SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller:
    provider: qcode-partner
    base_url: {base_url}
    token: {{env: {variable}}}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a child process ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A directory with a manifest, and the command line run in it."""

    root: Path
    environment: Mapping[str, str]

    @classmethod
    def create(
        cls, root: Path, base_url: str, token: str, keys: str, *, settings: str | None = None
    ) -> Project:
        """Write settings for one sandbox account, of the partner API unless given, and one key file."""
        (root / "keys").mkdir(parents=True)
        text = SETTINGS.format(base_url=base_url, variable=TOKEN_VARIABLE) if settings is None else settings
        (root / "reconciler.yaml").write_text(text)
        (root / "keys" / "team.yaml").write_text(keys)
        return cls(root=root, environment={**os.environ, TOKEN_VARIABLE: token})

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command line without waiting for it."""
        return subprocess.Popen(  # our own interpreter and package
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.root,
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> Finished:
        """Run the command line to its end."""
        with self.start(*arguments) as process:
            stdout, stderr = process.communicate(timeout=60)
        return Finished(code=process.returncode, stdout=stdout, stderr=stderr)

    def secrets(self) -> dict[str, str]:
        """Return what the dotenv sink holds."""
        path = self.root / ".secrets" / "keys.env"
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
