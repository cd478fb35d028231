"""Tests that show a secret on purpose, one channel each: pytest must fail every one, or the canary is dead.

pytest does not collect this file by itself; tests/e2e/test_canary.py runs it.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError
from reconciler.sandbox.server import SandboxServer
from tests.cli.project import Project

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.canary.watch import Watch

SECRET = os.environ.get("CANARY_TOKEN", "")

PATCHED_BUILD = """\
import base64, gzip, sys
from pathlib import Path
from reconciler.core.secret import Secret

real = Secret.__init__

def init(self, value):
    real(self, value)
    {act}

Secret.__init__ = init
"""

BUILDS = {
    "print": "print(value)",
    "stderr": "print('at', base64.b64encode(b'?' + value.encode()).decode(), file=sys.stderr)",
    "file": "Path('notes.txt').open('a').write(value[::-1])",
    "archive": "Path('notes.gz').open('ab').write(gzip.compress(value.encode()))",
    "faithful": "pass",
}


@pytest.mark.parametrize("build", BUILDS)
def test_build(tmp_path: Path, build: str) -> None:
    """A build of the program with one more statement, which every value passes."""
    patched = tmp_path / "patched"
    patched.mkdir()
    (patched / "sitecustomize.py").write_text(PATCHED_BUILD.format(act=BUILDS[build]))
    with SandboxServer() as sandbox:
        project = Project.create(tmp_path, sandbox)
        project.environment["PYTHONPATH"] = str(patched)
        assert project.run("apply", "--yes").code == 0


def _log(secret: str) -> None:
    logging.getLogger("some.library").debug("answer: %s", {"key": secret})


def _cause(secret: str) -> None:
    def refuse() -> None:
        try:
            int(secret)
        except ValueError:
            message = "hidden"
            raise SinkError(message) from None

    with pytest.raises(SinkError):
        refuse()


def _note(secret: str) -> None:
    error = SinkError("harmless")
    error.add_note(f"the value was {secret}")


IN_PROCESS: dict[str, Callable[[str], object]] = {
    "stdout": print,
    "fd": lambda secret: os.write(2, secret.encode()),
    "log": _log,
    "cause": _cause,
    "note": _note,
    "arguments": lambda secret: subprocess.run([sys.executable, "-c", "pass", secret], check=True),
    "faithful": Secret,
}


@pytest.mark.parametrize("way", IN_PROCESS)
def test_in_process(way: str) -> None:
    """Something in this process shows a value that was given to `Secret`."""
    Secret(SECRET)
    IN_PROCESS[way](SECRET)


def test_read_by_the_test(capsys: pytest.CaptureFixture[str]) -> None:
    """What a test has taken out of the capture is searched as well."""
    Secret(SECRET)
    print(SECRET)
    assert SECRET in capsys.readouterr().out


def test_name_of_file(tmp_path: Path) -> None:
    """A name shows as much as a content."""
    Secret(SECRET)
    (tmp_path / SECRET).touch()


def test_changed_file(tmp_path: Path) -> None:
    """A file of the test is exempt only while nobody has added to it."""
    Secret(SECRET)
    path = tmp_path / "keys.yaml"
    path.write_text("keys:\n")
    with path.open("a") as file:
        file.write(SECRET)


def test_own_file(tmp_path: Path) -> None:
    """What a test itself has put into a file is no leak."""
    Secret(SECRET)
    (tmp_path / "keys.yaml").write_text(SECRET)


def test_exempt_file(tmp_path: Path, canary: Watch) -> None:
    """What is said to hold secrets may hold them."""
    Secret(SECRET)
    canary.keeps(tmp_path / "store")
    with (tmp_path / "store").open("w") as file:
        file.write(SECRET)


@pytest.mark.parametrize("value", [SECRET])
def test_kept_name(value: str) -> None:
    """The names of tests are kept the names of tests for the next run."""
    Secret(value)


@pytest.mark.parametrize("value", [SECRET])
def test_kept_failure(value: str) -> None:
    """So it does with those that failed, and of a run on several processes with no others."""
    Secret(value)
    assert not value
