"""The core path where the system has nothing of POSIX: plan, apply into a store, show it on GitHub.

This is no Windows: what Windows lacks is taken away from this system, which shows what is needed and no more.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Finished, Project
from tests.e2e.service_stores import GithubStore
from tests.e2e.workflow_runs import recorded
from tests.stores import github
from tests.stores.github_pulls import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

HEAD = "aaa" + "1" * 37
WINDOWS = """\
import asyncio, ctypes, email.message, http.client, os, pathlib, runpy, shutil, signal
import socket, ssl, subprocess, sys, tempfile, threading

# Libraries have ways of their own for Windows, so those that look at the system get to see it as it is.
import cryptography.hazmat.primitives.serialization, httpx, nacl.public, jwt

for name in ("fcntl", "grp", "pty", "pwd", "resource", "termios", "tty", "syslog", "posix"):
    sys.modules[name] = None
for name in [
    *(name for name in dir(os) if name.startswith(("O_NO", "O_DIR", "O_CLO", "O_SYNC", "O_DSYNC", "sched_"))),
    "chown", "fchmod", "fchown", "fork", "forkpty", "getegid", "geteuid", "getgid", "getpgid", "getpgrp",
    "getsid", "getuid", "killpg", "lchown", "login_tty", "mkfifo", "mknod", "nice", "openpty", "pathconf",
    "setpgid", "setsid", "setuid", "statvfs", "sync", "sysconf", "ttyname", "uname", "wait", "WIFEXITED",
]:
    if hasattr(os, name):
        delattr(os, name)
for name in ("SIGHUP", "SIGKILL", "SIGUSR1", "SIGALRM", "SIGPIPE", "pthread_sigmask", "setitimer", "alarm"):
    delattr(signal, name)
os.supports_dir_fd.clear()
real_open = os.open

def open_file(path, flags, mode=0o777, *, dir_fd=None):
    if dir_fd is not None or pathlib.Path(path).is_dir():
        raise PermissionError(13, "Permission denied")
    return real_open(path, flags, mode)

os.open = open_file
sys.argv[0] = "reconciler"
runpy.run_module("reconciler", run_name="__main__")
"""
SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller: {{provider: qcode-partner, base_url: "{base_url}", token: {{env: SANDBOX_TOKEN_ONE}}}}
sinks:
  app: {{type: github-actions, {options}}}
  local: {{type: dotenv, path: .secrets/keys.env}}
"""
KEYS = """\
version: 1
defaults: {{account: reseller, deliver: {{sink: {sink}}}}}
keys:
  client-a: {{limits: {{daily_usd: 10, total_usd: 100, concurrency: 5}}}}
"""


def run(project: Project, environment: Mapping[str, str], *arguments: str) -> Finished:
    """Run the command line on such a system."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WINDOWS, *arguments],
        cwd=project.root,
        env={**project.environment, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the simulated provider."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def store() -> Iterator[GithubStore]:
    """Serve the simulated secrets of a repository."""
    fake = github.GithubFake()
    with github.serving(fake.answer) as fake.url:
        yield GithubStore(fake=fake)


def checkout(root: Path, sandbox: SandboxServer, store: GithubStore, sink: str) -> Project:
    """Return a checkout whose one key goes into a sink."""
    settings = SETTINGS.format(base_url=sandbox.base_url, options=store.settings())
    return Project.create(
        root, sandbox.base_url, sandbox.tokens["one"], KEYS.format(sink=sink), settings=settings
    )


@pytest.mark.slow
def test_the_core_path(tmp_path: Path, sandbox: SandboxServer, store: GithubStore) -> None:
    """Validate, plan, apply with a report, and drift run, and the secret arrives in the store."""
    project = checkout(tmp_path, sandbox, store, "app")
    environment = store.environment()
    commands = [("validate",), ("plan", "-o", "plan.json"), ("apply", "plan.json", "--report", "report.json")]
    done = [run(project, environment, *arguments) for arguments in (*commands, ("drift",), ("status",))]

    assert [item.code for item in done] == [0] * 5, [item.stderr for item in done]
    assert {*store.values().values()} <= {*sandbox.operator.secrets()}
    assert store.values()
    assert (project.root / "report.json").is_file()


@pytest.mark.slow
def test_a_job_of_a_workflow(tmp_path: Path, sandbox: SandboxServer, store: GithubStore) -> None:
    """The plan is shown on the pull request from there as well."""
    project = checkout(tmp_path, sandbox, store, "app")
    with running() as fake:
        fake.opened(7, HEAD)
        job = recorded(project, fake, "pull_request", sha="f" * 40)
        done = run(project, {**job.environment(), **store.environment()}, "github", "job", "plan")

        assert done.code == 0, done.stderr
        assert len(fake.comments[7]) == len(fake.check_runs) == 1


@pytest.mark.slow
def test_files_with_secrets_are_refused(tmp_path: Path, sandbox: SandboxServer, store: GithubStore) -> None:
    """A file sink says that it needs POSIX, and no key is minted for it."""
    project = checkout(tmp_path, sandbox, store, "local")
    done = run(project, store.environment(), "apply", "--yes")

    assert done.code != 0
    assert "files with secrets need the locks and permissions of Linux or macOS" in done.stdout + done.stderr
    assert sandbox.operator.keys("one") == []
