"""A forked program behaves as one in a fresh interpreter does."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project
from tests.e2e.program_forks import Forks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.program_forks import ForkedProgram

KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a: {limits: {daily_usd: 5, total_usd: 100, concurrency: 5}}
"""
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def forks() -> Iterator[Forks]:
    """One loaded program for all tests here."""
    with Forks() as opened:
        yield opened


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve a vendor."""
    with SandboxServer() as served:
        yield served


@pytest.fixture
def project(sandbox: SandboxServer, tmp_path: Path) -> Project:
    """Declare one key."""
    return Project.create(tmp_path / "project", sandbox.base_url, sandbox.tokens["one"], KEYS)


def start(forks: Forks, project: Project, *arguments: str) -> ForkedProgram:
    """Start the command line in a project."""
    return forks.start(*arguments, cwd=project.root, env=project.environment)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--version",),
        ("--help",),
        ("plan", "--detailed-exitcode"),
        ("plan", "--format", "json"),
        ("apply",),
        ("plan", "--no-such-option"),
        ("no-such-command",),
        ("--config", "missing.yaml", "plan"),
        ("-vv", "validate"),
    ],
    ids=" ".join,
)
def test_exit_status_and_output_are_those_of_a_fresh_process(
    forks: Forks, project: Project, arguments: tuple[str, ...]
) -> None:
    """Byte for byte, whatever the command says."""
    fresh = project.run(*arguments)
    with start(forks, project, *arguments) as process:
        stdout, stderr = process.communicate(PATIENCE_SECONDS)

    assert (process.wait(), without_times(stdout), stderr) == (
        fresh.code,
        without_times(fresh.stdout),
        fresh.stderr,
    )


def without_times(text: str) -> str:
    """Leave out the lines that no two runs have in common."""
    return "\n".join(line for line in text.splitlines() if "_at" not in line)


def test_an_apply_does_its_work(forks: Forks, sandbox: SandboxServer, project: Project) -> None:
    """The key is live, its secret is in a private file, and a second run has nothing to do."""
    for said in ("done", "nothing to do"):
        with start(forks, project, "apply", "--yes") as process:
            stdout, stderr = process.communicate(PATIENCE_SECONDS)
        assert (process.returncode, said in stdout) == (0, True), stderr

    assert list(project.secrets().values()) == sandbox.operator.secrets()
    assert stat.S_IMODE((project.root / ".secrets" / "keys.env").stat().st_mode) == 0o600


def test_each_program_has_its_own_directory_and_environment(
    forks: Forks, project: Project, tmp_path: Path
) -> None:
    """Nothing of one program reaches the next one."""
    with start(forks, project, "plan", "--detailed-exitcode") as process:
        assert process.wait(PATIENCE_SECONDS) == 2
    with forks.start("plan", cwd=tmp_path, env=project.environment) as process:
        _, stderr = process.communicate(PATIENCE_SECONDS)
    assert "reconciler.yaml" in stderr
    without = {name: value for name, value in project.environment.items() if name in {"PATH", "LANG"}}
    with forks.start("plan", cwd=project.root, env=without) as process:
        _, stderr = process.communicate(PATIENCE_SECONDS)
    assert "SANDBOX_TOKEN_ONE" in stderr


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (signal.SIGKILL, -signal.SIGKILL),
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 143),
        (signal.SIGQUIT, -signal.SIGQUIT),
        (signal.SIGUSR1, -signal.SIGUSR1),
    ],
)
def test_signals_do_what_they_do_to_a_fresh_process(
    forks: Forks, sandbox: SandboxServer, project: Project, number: signal.Signals, code: int
) -> None:
    """Those that the program handles end it its way, all others the system's way."""
    sandbox.operator.add_fault("hold", method="GET", path="/keys", event="body")
    with start(forks, project, "plan") as process:
        assert sandbox.operator.holds(wait_seconds=PATIENCE_SECONDS)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(PATIENCE_SECONDS) == code
        sandbox.operator.release()
        assert process.poll() == code
        process.send_signal(signal.SIGKILL)


def test_a_wait_that_is_too_long_is_told(forks: Forks, sandbox: SandboxServer, project: Project) -> None:
    """As `subprocess` does it."""
    sandbox.operator.add_fault("hold", method="GET", path="/keys", event="body")
    with start(forks, project, "plan") as process:
        assert sandbox.operator.holds(wait_seconds=PATIENCE_SECONDS)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0)
        sandbox.operator.release()
        assert process.wait(PATIENCE_SECONDS) == 0


def test_programs_run_beside_each_other(forks: Forks, sandbox: SandboxServer, project: Project) -> None:
    """The first may end last, and nobody's status is taken for another's."""
    sandbox.operator.add_fault("hold", method="GET", path="/keys", event="body")
    with start(forks, project, "plan") as slow:
        assert sandbox.operator.holds(wait_seconds=PATIENCE_SECONDS)
        with start(forks, project, "plan", "--detailed-exitcode") as fast:
            assert fast.wait(PATIENCE_SECONDS) == 2
        assert slow.poll() is None
        sandbox.operator.release()
        assert slow.wait(PATIENCE_SECONDS) == 0


def test_programs_end_with_the_process_that_forked_them(sandbox: SandboxServer, project: Project) -> None:
    """A test that fails leaves nothing running."""
    sandbox.operator.add_fault("hold", method="GET", path="/keys", event="body")
    with Forks() as own:
        process = start(own, project, "plan")
        assert sandbox.operator.holds(wait_seconds=PATIENCE_SECONDS)
        assert os.getpgid(process.pid)
    with process:
        assert process.wait(PATIENCE_SECONDS) == -signal.SIGKILL
    sandbox.operator.release()
