"""Plan and report files: whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from reconciler.cli.result_file import ResultFileError, write_result_file


def test_a_new_file_follows_the_umask(tmp_path: Path) -> None:
    """0644 less the umask, UTF-8, and nothing beside it."""
    os.umask(0o027)

    write_result_file(tmp_path / "plan.json", "é\n")

    assert (tmp_path / "plan.json").read_bytes() == b"\xc3\xa9\n"
    assert stat.S_IMODE((tmp_path / "plan.json").stat().st_mode) == 0o640
    assert [item.name for item in tmp_path.iterdir()] == ["plan.json"]


def test_a_failure_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up while writing leaves the old content and no half file."""
    path = tmp_path / "plan.json"
    path.write_text("old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "quoted nowhere")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ResultFileError, match=r"No space left on device.*free some space"):
        write_result_file(path, "new")

    assert path.read_text() == "old"
    assert [item.name for item in tmp_path.iterdir()] == ["plan.json"]


def test_a_device_is_written_to_and_not_replaced() -> None:
    """`-o /dev/null` leaves the device where it is."""
    write_result_file(Path(os.devnull), "text")

    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_an_error_without_a_number_is_named_by_its_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the system says is translated, never repeated."""

    def broken(_: int) -> None:
        raise TimeoutError

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(ResultFileError, match="TimeoutError"):
        write_result_file(tmp_path / "plan.json", "new")
