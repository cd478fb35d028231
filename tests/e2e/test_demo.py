"""The demo from the outside: what a newcomer sees in the first minute."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


def _demo(temporary: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "reconciler", "demo", *arguments],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.slow
def test_the_demo_tells_its_story_and_cleans_up(tmp_path: Path) -> None:
    """Every step is told and ticked off, within a quarter of a minute, and nothing stays behind."""
    begin = time.monotonic()

    done = _demo(tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    assert "Everything went as told" in done.stdout
    for fact in (
        "the provider saw no write",
        "both secrets are in the sink",
        "the second apply wrote nothing",
        "exit code 2",
        "client-a is back at 10 USD a day",
        "there is exactly one live client-c",
        "none of the 3 secrets is anywhere",
    ):
        assert f"✓ {fact}" in done.stdout
    assert list(tmp_path.iterdir()) == []
    assert time.monotonic() - begin < 60, "a newcomer has gone"


@pytest.mark.slow
def test_the_demo_can_be_looked_at(tmp_path: Path) -> None:
    """`--keep` leaves the files, and the story has shown no secret of the sink among them."""
    done = _demo(tmp_path, "--keep")

    (folder,) = tmp_path.iterdir()
    held = (folder / ".secrets" / "keys.env").read_text()
    secrets = [line.split("=", 1)[1] for line in held.splitlines() if line and not line.startswith("#")]
    assert done.returncode == 0
    assert str(folder) in done.stdout
    assert len(secrets) == 3
    assert not [secret for secret in secrets if secret in done.stdout]
