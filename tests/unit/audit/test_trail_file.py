"""The audit trail on a real disk: what survives, what is told apart, and what is refused."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.audit.line import to_line
from reconciler.audit.trail_file import TrailFile, read_trail
from reconciler.errors import AuditError
from reconciler.ports.audit import AuditRecord

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[3]
WRITER = """
import itertools, sys
from datetime import UTC, datetime
from pathlib import Path
from reconciler.audit.trail_file import TrailFile
from reconciler.ports.audit import AuditRecord
trail = TrailFile(path=Path(sys.argv[1]), who={"user": "writer"}, tool="t")
for number in itertools.count():
    trail.append(AuditRecord(event="ended", at=datetime.now(UTC), facts={"number": number, "x": "y" * 3000}))
    if number == 0:
        print("begun", flush=True)
"""


def record(number: int = 1) -> AuditRecord:
    """Return something that happened."""
    return AuditRecord(event="ended", at=NOW, facts={"number": number})


def trail(path: Path) -> TrailFile:
    """Return a trail of one person."""
    return TrailFile(path=path, who={"user": "ada"}, tool="reconciler test")


def numbers(path: Path) -> list[int]:
    """Return the numbers of the whole records."""
    return [item["number"] for item in read_trail(path).records]


def test_records_are_appended_for_the_owner_only(tmp_path: Path) -> None:
    """Directory and file are made private, and every line says who, when and what."""
    path = tmp_path / "log" / "audit.jsonl"
    trail(path).append(record(1))
    trail(path).append(record(2))
    assert numbers(path) == [1, 2]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    first = json.loads(path.read_text().splitlines()[0])["record"]
    assert (first["who"], first["at"], first["event"]) == ({"user": "ada"}, NOW.isoformat(), "ended")


@pytest.mark.parametrize("cut", [1, 40, 100, -1])
def test_a_torn_tail_is_left_behind_and_explained(tmp_path: Path, cut: int) -> None:
    """What a crash left is not taken for damage, and a whole record without its line feed counts."""
    path = tmp_path / "audit.jsonl"
    trail(path).append(record(1))
    line = to_line({"number": 2})
    with path.open("ab") as file:
        file.write(line[:cut])
    torn = cut != -1
    assert numbers(path) == ([1] if torn else [1, 2])
    assert read_trail(path).torn == ([2] if torn else [])
    trail(path).append(record(3))
    found = read_trail(path)
    assert [item["number"] for item in found.records] == ([1, 3] if torn else [1, 2, 3])
    assert (found.torn, found.damaged) == ([2] if torn else [], [])


def test_a_tail_longer_than_a_block_is_found(tmp_path: Path) -> None:
    """The search for the last line feed goes back as far as it has to."""
    path = tmp_path / "audit.jsonl"
    trail(path).append(record(1))
    with path.open("ab") as file:
        file.write(b"x" * 200_000)
    trail(path).append(record(2))
    assert numbers(path) == [1, 2]
    assert read_trail(path).torn == [2]


def test_a_torn_middle_is_damage(tmp_path: Path) -> None:
    """A changed, a cut and a removed piece are told by their lines, and the rest is still read."""
    path = tmp_path / "audit.jsonl"
    for number in range(4):
        trail(path).append(record(number))
    lines = path.read_bytes().splitlines(keepends=True)
    lines[1] = lines[1].replace(b'"number":1', b'"number":7')
    path.write_bytes(b"".join(lines[:3]) + b"\n" + lines[3])
    found = read_trail(path)
    assert [item["number"] for item in found.records] == [0, 2, 3]
    assert (found.torn, found.damaged) == ([], [2, 4])


def test_damage_at_the_end_is_not_a_torn_tail(tmp_path: Path) -> None:
    """A last line that has its end was written whole, so somebody changed it."""
    path = tmp_path / "audit.jsonl"
    trail(path).append(record(1))
    path.write_bytes(path.read_bytes().replace(b"ada", b"eve"))
    assert read_trail(path).damaged == [1]


@pytest.mark.slow
def test_sigkill_loses_no_record_that_was_confirmed(tmp_path: Path) -> None:
    """Killed again and again in the middle of its work, the trail stays whole and goes on."""
    path = tmp_path / "audit.jsonl"
    for kill in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGKILL)
        found = read_trail(path)
        assert found.damaged == []
        assert sum(item["number"] == 0 for item in found.records) == kill + 1


def test_writers_at_the_same_time_do_not_mix_their_lines(tmp_path: Path) -> None:
    """The lock is taken for every record."""
    path = tmp_path / "audit.jsonl"

    def write(start: int) -> None:
        for number in range(start, start + 20):
            trail(path).append(record(number))

    threads = [threading.Thread(target=write, args=(start,)) for start in (0, 100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read_trail(path)
    assert (len(found.records), found.torn, found.damaged) == (60, [], [])


def test_links_directories_and_open_directories_are_refused(tmp_path: Path) -> None:
    """Evidence goes to a file of ours that nobody else can replace."""
    (tmp_path / "target").touch()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o777)
    for path in (tmp_path / "link", tmp_path, shared / "audit.jsonl"):
        with pytest.raises(AuditError, match="audit trail"):
            trail(path).append(record())
    assert (tmp_path / "target").read_text() == ""


def test_a_full_disk_is_an_error_and_leaves_a_tail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a record may be there; the next one explains it."""
    path = tmp_path / "audit.jsonl"
    trail(path).append(record(1))
    real = os.write
    calls: list[int] = []

    def full(descriptor: int, data: memoryview) -> int:
        calls.append(descriptor)
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[:30])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(AuditError, match="No space left"):
        trail(path).append(record(2))
    monkeypatch.undo()
    trail(path).append(record(3))
    assert numbers(path) == [1, 3]
    assert read_trail(path).torn == [2]


def test_a_record_is_on_the_disk_before_the_run_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing fsync is a failing record."""

    def failing(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(AuditError, match="Input/output error"):
        trail(tmp_path / "audit.jsonl").append(record())


def test_a_file_that_is_not_there_cannot_be_read(tmp_path: Path) -> None:
    """It is told, not shown as empty; an empty one has no records."""
    with pytest.raises(AuditError, match="No such file"):
        read_trail(tmp_path / "audit.jsonl")
    (tmp_path / "audit.jsonl").touch()
    assert read_trail(tmp_path / "audit.jsonl").records == []


def test_systems_without_file_locks_append_without_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows has none; the trail is kept all the same."""
    monkeypatch.setattr("reconciler.audit.trail_file._fcntl", None)
    trail(tmp_path / "audit.jsonl").append(record())
    assert numbers(tmp_path / "audit.jsonl") == [1]
