"""The canary can die: runs of pytest over tests that leak, each of which has to fail and to say where."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.canary.planted import planted
from tests.canary.recording import RECORDER

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]

LEAKING = "tests/canary/leaking.py"
LEAKS = {
    "test_build[print]": "stdout of python: plain",
    "test_build[stderr]": "stderr of python: base64",
    "test_build[file]": "file notes.txt: plain",
    "test_build[archive]": "file notes.gz: compressed",
    "test_in_process[stdout]": "Captured stdout call: plain",
    "test_in_process[fd]": "Captured stderr call: plain",
    "test_in_process[log]": "log of some.library: plain",
    "test_in_process[cause]": "an error: plain",
    "test_in_process[note]": "an error: plain",
    "test_in_process[arguments]": "arguments of a child process: plain",
    "test_read_by_the_test": "what the test has read: plain",
    "test_name_of_file": "names of files: plain",
    "test_changed_file": "file keys.yaml: plain",
}
HARMLESS = {"test_build[faithful]", "test_in_process[faithful]", "test_own_file", "test_exempt_file"}


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_every_leak_fails_its_test(tmp_path: Path, workers: int) -> None:
    """A build with one `print(secret)` fails, and so it is with each channel that shows one."""
    done = _run(tmp_path, f"-n{workers}", "-rA", "-k", "not kept")

    assert done.returncode == 1, done.stdout
    assert _failures(done.stdout) == LEAKS
    assert set(re.findall(r"^PASSED \S+::(\S+)", done.stdout, re.MULTILINE)) >= HARMLESS


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kept", "ended", "workers"),
    [("name", "1 passed", 0), ("failure", "1 failed", 0), ("failure", "1 failed", 1)],
)
def test_what_is_kept_for_the_next_run_is_searched_at_the_end(
    tmp_path: Path, kept: str, ended: str, workers: int
) -> None:
    """A name with a secret in it fails the run, even where no test has failed."""
    done = _run(tmp_path, f"-n{workers}", "-rN", "--tb=no", "-k", f"kept_{kept}")

    assert done.returncode == 1, done.stdout
    assert ended in done.stdout
    assert f"file v/cache/{'nodeids' if kept == 'name' else 'lastfailed'}: plain" in done.stdout


def _run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the leaking tests with a secret of this one, whose own canary hears what they say of it."""
    RECORDER.watch.keeps(folder)
    places = [f"--basetemp={folder}/base", f"-ocache_dir={folder}/cache"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--show-capture=no", *places, *arguments, LEAKING],
        cwd=ROOT,
        env={**os.environ, "CANARY_TOKEN": planted()},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def _failures(said: str) -> Mapping[str, str]:
    """Return what each failure at the end of a test complains about, by test."""
    parts = re.split(r"^_+ ERROR at teardown of (\S+) _+$", said, flags=re.MULTILINE)[1:]
    return {
        name: text.split("looked for):\n")[1].splitlines()[0]
        for name, text in zip(parts[::2], parts[1::2], strict=True)
    }
