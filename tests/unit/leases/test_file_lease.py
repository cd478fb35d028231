"""A lease on one machine: one process has it, and the kernel takes it back."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reconciler.errors import DeferredError, SinkError
from reconciler.leases.file_lease import FileLease

ROOT = Path(__file__).resolve().parents[3]
HOLDER = """
import sys
from pathlib import Path
from reconciler.leases.file_lease import FileLease
FileLease(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_one_run_at_a_time(tmp_path: Path) -> None:
    """A second one is told to come back, and gets the lease once it was released."""
    path = tmp_path / "leases" / "apply"
    first, second = FileLease(path), FileLease(path)
    first.acquire()
    first.check()
    with pytest.raises(DeferredError, match="another run has it"):
        second.acquire()
    with pytest.raises(DeferredError, match="not held"):
        second.check()
    first.release()
    first.release()
    second.acquire()
    second.check()
    second.release()
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    """No stale lease is left behind by SIGKILL, and it keeps others out until then."""
    path = tmp_path / "apply"
    lease = FileLease(path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(DeferredError):
            lease.acquire()
        process.send_signal(signal.SIGKILL)
    lease.acquire()
    lease.release()


@pytest.mark.parametrize("replaced", [False, True])
def test_a_lease_whose_file_was_taken_away_is_lost(tmp_path: Path, *, replaced: bool) -> None:
    """Another run could hold the lock on the new file, so nothing is begun any more."""
    path = tmp_path / "apply"
    lease, other = FileLease(path), FileLease(path)
    lease.acquire()
    path.unlink()
    if replaced:
        other.acquire()
    with pytest.raises(DeferredError, match="nothing is begun"):
        lease.check()
    lease.release()
    other.release()


def test_links_and_open_directories_are_refused(tmp_path: Path) -> None:
    """Nobody else decides which file is locked."""
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for path in (tmp_path / "link", shared / "apply", tmp_path, tmp_path / "target" / "apply"):
        with pytest.raises(SinkError):
            FileLease(path).acquire()


def test_systems_without_file_locks_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease that is none would be worse than an error."""
    monkeypatch.setattr("reconciler.leases.file_lease._fcntl", None)
    with pytest.raises(SinkError, match="use a lease of type s3"):
        FileLease(tmp_path / "apply").acquire()
