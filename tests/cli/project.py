"""A directory with settings for a sandbox, and the real command line run in it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.canary.recording import RECORDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.server import SandboxServer

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "SANDBOX_ONE_TOKEN"  # the name of a variable, not its value
PATIENCE_SECONDS = 60
PRESS_AGAIN_SECONDS = 3
_LOG_IN = "import os, sys; os.login_tty(int(sys.argv[1])); os.execv(sys.argv[2], sys.argv[2:])"
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})

SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller:
    provider: qcode-partner
    base_url: {base_url}
    token: {{env: SANDBOX_ONE_TOKEN}}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
"""
KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """How a child process ended."""

    code: int
    stdout: str
    stderr: str


@dataclass(slots=True, kw_only=True)
class Project:
    """A manifest for one sandbox account."""

    root: Path
    sandbox: SandboxServer
    environment: dict[str, str]

    @classmethod
    def create(cls, root: Path, sandbox: SandboxServer, **keys: str) -> Project:
        """Write settings and one key file; without keys there is one called client-a."""
        environment = {**os.environ, TOKEN: sandbox.tokens["one"], "SANDBOX_TWO_TOKEN": sandbox.tokens["two"]}
        project = cls(root=root, sandbox=sandbox, environment=environment)
        project.settings()
        project.keys(**(keys or {"client-a": "daily_usd: 10, total_usd: 100, concurrency: 5"}))
        return project

    def settings(self, more: str = "") -> None:
        """Write the settings, with some more lines at the end."""
        text = SETTINGS.format(base_url=self.sandbox.base_url)
        (self.root / "reconciler.yaml").write_text(text + more)

    def keys(self, **limits: str) -> None:
        """Write the key file: limits by name, where `_` stands for `-`."""
        folder = self.root / "keys"
        folder.mkdir(exist_ok=True)
        lines = [f"  {name.replace('_', '-')}: {{limits: {{{text}}}}}\n" for name, text in limits.items()]
        (folder / "team.yaml").write_text(KEYS + "".join(lines))

    def start(self, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        """Start the command line without waiting for it."""
        return subprocess.Popen(
            [sys.executable, "-m", "reconciler", *arguments],
            cwd=self.root,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str) -> Finished:
        """Run the command line to its end."""
        with self.start(*arguments) as process:
            return self.finish(process)

    def shell(self, script: str) -> Finished:
        """Run a bash script in the project."""
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=self.root,
            env=self.environment,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def finish(self, process: subprocess.Popen[str]) -> Finished:
        """Wait for the end of a program."""
        stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
        return Finished(code=process.returncode, stdout=stdout or "", stderr=stderr)

    def on_terminal(self, *arguments: str, answer: str | None = None, **environment: str) -> tuple[int, str]:
        """Run the command line on a terminal, answer its question, and return exit code and screen."""
        terminal, far_end = os.openpty()
        # Not pty.fork: this process has threads, and a fork of those is unsafe.
        process = subprocess.Popen(
            [sys.executable, "-c", _LOG_IN, str(far_end), sys.executable, "-m", "reconciler", *arguments],
            cwd=self.root,
            env={**self.environment, "TERM": "xterm", "COLUMNS": "100", **environment},
            pass_fds=[far_end],
        )
        os.close(far_end)
        screen = b""

        def reply() -> None:
            if answer is not None and screen.endswith(b"[y/N]: "):
                os.write(terminal, answer.encode())

        for part in _output(terminal, reply):
            screen += part
            if part:
                reply()
        code = process.wait(PATIENCE_SECONDS)
        os.close(terminal)
        text = screen.decode()
        RECORDER.watch.hear("the terminal", text)
        return code, text

    def plan_file(self) -> dict[str, Any]:
        """Save a plan as plan.json and return it."""
        done = self.run("plan", "-o", "plan.json")
        assert done.code == 0, done.stderr
        return dict(json.loads((self.root / "plan.json").read_text()))

    def writes(self) -> list[str]:
        """Return what the sandbox was asked to change."""
        requests = self.sandbox.operator.requests()
        return [f"{entry.method} {entry.path}" for entry in requests if entry.method in WRITES]

    def live(self, name: str) -> list[KeyRow]:
        """Return the enabled rows of a remote name."""
        rows = self.sandbox.operator.keys("one")
        return [row for row in rows if row.enabled and name in (row.name, row.description)]

    def held(self) -> dict[str, str]:
        """Return what the dotenv sink holds."""
        path = self.root / ".secrets" / "keys.env"
        lines = path.read_text().splitlines() if path.exists() else []
        return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def default_signals() -> None:
    """Let children of this process see signals, although a shell may have started us in the background."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)


def _output(terminal: int, again: Callable[[], None]) -> Iterator[bytes]:
    # A key that is pressed in the moment before a program waits for it may be lost, so it is pressed again.
    # Linux ends the reading of a closed terminal with an error, not with an empty read.
    with suppress(OSError):
        while True:
            if not select.select([terminal], [], [], PRESS_AGAIN_SECONDS)[0]:
                again()
                continue
            if not (part := os.read(terminal, 65536)):
                return
            yield part
