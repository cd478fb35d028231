"""The whole program on a disk that is full, broken, or read-only, at each of its writes."""

from __future__ import annotations

import errno
import json
import re
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import pytest

from reconciler.audit.trail_file import read_trail
from reconciler.core.secret import Secret
from reconciler.sinks.escrow import open_sealed
from tests.contract.age_reader import IDENTITY, RECIPIENT
from tests.e2e.hostile_scene import scene
from tests.e2e.process_faults import FailingDisk, no_larger_files
from tests.e2e.small_disk import can_mount, small_disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.e2e.forked import Ended
    from tests.e2e.hostile_scene import Scene

STANDING_BY = f"escrow: {{path: .escrow, recipients: [{RECIPIENT}]}}\naudit: {{path: audit.jsonl}}\n"
APPLY = ("apply", "plan.json", "--report", "report.json")
REMEDY = re.compile(r"free some|make room|name another|repair it|check the disk|mount it writable|run again")
# An apply of one key changes files about 43 times: trail, probes, lock, receipts, value, report.
MOST_CHANGES = 46
PAGES = range(5) if can_mount() else ()


@pytest.fixture(params=range(1, MOST_CHANGES, 3))
def full(request: pytest.FixtureRequest) -> FailingDisk:
    """A disk that is full from some change on."""
    return FailingDisk(number=errno.ENOSPC, first=request.param, lasts=True)


@pytest.fixture(params=range(2, MOST_CHANGES, 3))
def broken(request: pytest.FixtureRequest) -> FailingDisk:
    """A disk of which one sector cannot be written."""
    return FailingDisk(number=errno.EIO, first=request.param, lasts=False)


def test_a_disk_that_is_full(tmp_path: Path, full: FailingDisk) -> None:
    """Wherever it happens: nothing half written, no secret lost, and the next run has one live key."""
    with prepared(tmp_path) as stage:
        assert_told(stage.run(*APPLY, fault=full), "[Nn]o space (is )?left")
        assert_recovers(stage)


def test_a_disk_that_fails_once(tmp_path: Path, broken: FailingDisk) -> None:
    """The same where another file can still be written: a secret in hand goes to the escrow."""
    with prepared(tmp_path) as stage:
        assert_told(stage.run(*APPLY, fault=broken), "Input/output error|does not read back")
        assert_recovers(stage)


@pytest.mark.parametrize("pages", PAGES)
def test_a_small_disk_that_fills_up(tmp_path: Path, pages: int) -> None:
    """The same on a real one with everything on it: trail, sink, receipts, escrow, and report."""
    with small_disk(tmp_path / "checkout") as disk, prepared(disk.folder) as stage:
        disk.fill(left=pages)
        ended = stage.run(*APPLY)
        disk.empty()

        assert_told(ended, "[Nn]o space (is )?left")
        assert_recovers(stage)


@pytest.mark.parametrize("pages", PAGES)
def test_a_sink_of_its_own_that_fills_up(tmp_path: Path, pages: int) -> None:
    """With an escrow elsewhere, no minted key is ever disabled for it."""
    with small_disk(tmp_path / ".secrets") as disk, prepared(tmp_path) as stage:
        disk.fill(left=pages)
        ended = stage.run(*APPLY)
        disk.empty()

        assert_told(ended, "[Nn]o space (is )?left")
        assert all(row.enabled for row in stage.sandbox.operator.keys("one"))
        assert_recovers(stage)


@pytest.mark.parametrize("real", [False, *([True] if PAGES else [])])
def test_a_read_only_sink_is_found_before_anything_is_minted(tmp_path: Path, *, real: bool) -> None:
    """Root included: the preflight says so, and the provider is asked for nothing."""
    fault = None if real else FailingDisk(number=errno.EROFS, first=1, lasts=True)
    with mounted(tmp_path / ".secrets", real=real) as protect, scene(tmp_path) as stage:
        protect()
        ended = stage.run("apply", "--yes", fault=fault)

        assert ended.code == 1
        assert "the file system is read-only; mount it writable, or choose another path" in " ".join(
            ended.stdout.split()
        )
        assert stage.writes() == []


@pytest.mark.parametrize("report", [False, True], ids=["plan", "report"])
def test_a_result_file_that_grows_too_large(tmp_path: Path, *, report: bool) -> None:
    """The kernel's limit on file sizes stops it: the older file stays, exit code 1, and the work is done."""
    with scene(tmp_path) as stage:
        (tmp_path / "plan.json").write_text("older")
        words = ("apply", "--yes", "--report", "report.json") if report else ("plan", "-o", "plan.json")
        ended = stage.run(*words, fault=partial(no_larger_files, 700))

        assert ended.code == 1
        assert re.search(
            "could not be written .File too large.; name another file or free some space", ended.stderr
        )
        assert (tmp_path / "plan.json").read_text() == "older"
        assert not (tmp_path / "report.json").exists()
        stage.assert_one_live_key()
        assert len(stage.sandbox.operator.keys("one")) == 1


@contextmanager
def mounted(folder: Path, *, real: bool) -> Iterator[Callable[[], object]]:
    """Put a small disk over a folder where that is wanted, and return what makes it read-only."""
    if not real:
        yield lambda: None
        return
    with small_disk(folder) as disk:
        yield disk.protect


@contextmanager
def prepared(root: Path) -> Iterator[Scene]:
    """Open a scene with escrow and trail, where a plan was saved."""
    with scene(root, settings=STANDING_BY) as stage:
        assert stage.run("plan", "-o", "plan.json").code == 0
        yield stage


def assert_told(ended: Ended, reason: str) -> None:
    """Success, or an exit code of the table with what happened and what to do."""
    told = " ".join((ended.stdout + ended.stderr).split())
    assert ended.code in {0, 1, 8}, told
    if ended.code:
        assert re.search(reason, told)
        assert REMEDY.search(told)


def assert_recovers(stage: Scene) -> None:
    """Every file is whole; then what is in escrow comes out, an apply finishes, and nothing is left to do."""
    root = stage.project.root
    assert_whole(stage)
    (root / "identity.txt").write_text(IDENTITY)
    (root / "identity.txt").chmod(0o600)
    for file in sorted(root.glob(".escrow/*.age")):
        recovered = stage.run("recover", file.name, "--identity", "identity.txt", "--remove")
        assert recovered.code == 0, recovered.stderr
    stage.assert_one_live_key()
    assert stage.run("plan", "--detailed-exitcode").code == 0
    assert len(stage.sandbox.operator.keys("one")) <= 2


def assert_whole(stage: Scene) -> None:
    """No file is one half of something, and each minted secret is kept, sealed, or of a key that is off."""
    root, held = stage.project.root, set(stage.project.secrets().values())
    for path in (*root.glob("*.json"), *root.glob(".secrets/*.json")):
        json.loads(path.read_text("utf-8"))
    if (root / "audit.jsonl").exists():
        assert read_trail(root / "audit.jsonl").damaged == []
    sealed = {
        open_sealed(path, Secret(IDENTITY)).secret.reveal() for path in sorted(root.glob(".escrow/*.age"))
    }
    rows = {row.id: row for row in stage.sandbox.operator.keys("one")}
    minted = {item["secret"]: item["key_id"] for item in stage.sandbox.store.keys.secrets()}
    assert held | sealed <= minted.keys()
    for secret, key_id in minted.items():
        assert secret in held | sealed or not rows[key_id].enabled
    assert list(root.rglob("*.tmp")) == []
    private = [*root.glob(".secrets/*"), *root.glob(".escrow/*"), *root.glob("audit.jsonl")]
    assert [path for path in private if path.name != ".filler" and path.stat().st_mode & 0o077] == []
