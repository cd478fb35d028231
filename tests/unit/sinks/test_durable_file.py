"""Files that are replaced as a whole."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks import _durable_file as durable_file
from reconciler.sinks import _open_directory as open_directory
from reconciler.sinks._durable_file import DurableFile
from reconciler.sinks._open_directory import OpenDirectory

OTHER_USER = 4242


def text(file: DurableFile) -> str | None:
    """Return the content as text."""
    content = file.read()
    return content.reveal() if content else None


@pytest.fixture
def file(tmp_path: Path) -> DurableFile:
    """A file that does not exist yet."""
    return DurableFile(tmp_path / "keys.env")


def test_a_missing_file_reads_as_none(file: DurableFile) -> None:
    """No file is not an empty file."""
    assert file.read() is None


def test_bytes_that_are_no_utf8_survive(file: DurableFile) -> None:
    """A file of somebody else comes back as it was, whatever its encoding."""
    file.path.write_bytes(b"caf\xe9=\xff\x00\n")
    content = file.read()
    assert content

    file.replace(content)

    assert file.path.read_bytes() == b"caf\xe9=\xff\x00\n"


def test_missing_directories_are_made_for_the_owner_only(tmp_path: Path) -> None:
    """A fresh clone needs no preparation, and what is made is closed to others."""
    file = DurableFile(tmp_path / "a" / "b" / "keys.env")

    file.probe()
    assert not (tmp_path / "a").exists()
    with file.locked():
        file.replace(Secret("x"))

    assert text(file) == "x"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a", tmp_path / "a" / "b")] == [
        0o700
    ] * 2


def test_the_owner_keeps_the_rights_that_a_umask_takes(tmp_path: Path) -> None:
    """Without them, the next run could not get at the directory, the lock or the file."""
    file = DurableFile(tmp_path / "new" / "keys.env")
    os.umask(0o777)
    with file.locked():
        file.replace(Secret("A=1\n"))

    found = {
        path.name: stat.S_IMODE(path.stat().st_mode)
        for path in (file.path.parent, *file.path.parent.iterdir())
    }
    assert found == {"new": 0o700, "keys.env": 0o600, "keys.env.lock": 0o600}


def test_a_directory_made_meanwhile_is_used(file: DurableFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runs that start together do not stumble over each other's directory."""
    nested = DurableFile(file.path.parent / "made" / "keys.env")
    real = Path.mkdir

    def late(self: Path, mode: int = 0o777) -> None:
        real(self, mode=mode)
        raise FileExistsError

    monkeypatch.setattr(Path, "mkdir", late)
    nested.replace(Secret("x"))

    assert text(nested) == "x"


def test_a_symbolic_link_is_refused(file: DurableFile, tmp_path: Path) -> None:
    """The place that a link points to is not written or read by surprise."""
    target = tmp_path / "elsewhere"
    target.write_text("kept", "utf-8")
    file.path.symlink_to(target)

    for call in (file.probe, lambda: file.replace(Secret("x")), file.read):
        with pytest.raises(SinkError, match="symbolic link"):
            call()
    assert target.read_text("utf-8") == "kept"


def test_a_linked_directory_is_followed(tmp_path: Path) -> None:
    """Directories are often links, as the temporary ones of macOS are."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    file = DurableFile(tmp_path / "link" / "keys.env")

    file.probe()
    file.replace(Secret("x"))

    assert (tmp_path / "real" / "keys.env").read_text("utf-8") == "x"


def test_what_is_no_regular_file_is_refused(file: DurableFile) -> None:
    """A named pipe is an error at once, not a wait without end."""
    os.mkfifo(file.path)

    for call in (file.probe, lambda: file.replace(Secret("x")), file.read):
        with pytest.raises(SinkRefusedError, match="not a regular file"):
            call()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777])
def test_a_directory_that_others_can_write_is_refused(file: DurableFile, mode: int) -> None:
    """Who can write in the directory can put another file in place of ours."""
    file.path.parent.chmod(mode)

    with pytest.raises(SinkRefusedError, match="chmod go-w"):
        file.probe()
    with pytest.raises(SinkRefusedError, match="chmod go-w"):
        file.replace(Secret("x"))


def test_a_sticky_directory_is_accepted(file: DurableFile) -> None:
    """In a directory such as /tmp, others cannot touch a file of ours."""
    file.path.parent.chmod(0o1777)

    file.probe()
    file.replace(Secret("x"))

    assert text(file) == "x"


@pytest.mark.parametrize("mode", [0o755, 0o1777])
def test_a_directory_of_another_user_is_refused(
    file: DurableFile, mode: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its owner can replace what is in it."""
    owner = file.path.parent.stat().st_uid
    file.path.parent.chmod(mode)
    if owner == 0:
        os.chown(file.path.parent, OTHER_USER + 1, -1)
    monkeypatch.setattr(open_directory, "_EFFECTIVE_USER", lambda: OTHER_USER)

    with pytest.raises(SinkRefusedError, match="belongs to another user"):
        file.probe()


def test_the_superuser_may_use_the_directory_of_another_user(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job container runs as root in a checkout of somebody else, and that is closed to third parties."""
    monkeypatch.setattr(open_directory, "_EFFECTIVE_USER", lambda: 0)
    if file.path.parent.stat().st_uid == 0:
        os.chown(file.path.parent, OTHER_USER, -1)

    file.probe()

    file.path.parent.chmod(0o1777)
    with pytest.raises(SinkRefusedError, match="other users"):
        file.probe()


def test_a_file_of_another_user_is_refused(file: DurableFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replacing it would take it away from its owner."""
    file.path.touch()
    real: Any = os.stat

    def foreign(path: object, **options: Any) -> os.stat_result:
        found: os.stat_result = real(path, **options)
        return os.stat_result([*found[:4], OTHER_USER, *found[5:]]) if options else found

    monkeypatch.setattr(os, "stat", foreign)

    with pytest.raises(SinkRefusedError, match="belongs to another user"):
        file.probe()


def test_a_path_through_a_file_is_refused(tmp_path: Path) -> None:
    """A wrong path is told apart from a missing one."""
    (tmp_path / "file").touch()

    with pytest.raises(SinkRefusedError, match="not a directory"):
        DurableFile(tmp_path / "file" / "keys.env").probe()


def test_an_error_without_a_remedy_of_its_own_is_told_as_it_is(file: DurableFile) -> None:
    """What the system says is passed on where nothing better is known."""
    with pytest.raises(SinkError, match="Is a directory"), durable_file._translated(file.path, "read"):
        raise IsADirectoryError(21, "Is a directory")


def test_what_a_killed_process_left_is_removed(file: DurableFile) -> None:
    """No plaintext stays behind in a temporary file, and files of others stay."""
    leftover = file.leftover
    leftover.write_text("secret", "utf-8")
    other = file.path.with_name("keys.env.mine.tmp")
    other.touch()

    with file.locked():
        file.replace(Secret("x"))

    assert not leftover.exists()
    assert other.exists()


def test_the_order_of_calls_survives_a_power_cut(file: DurableFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content is on the disk before the name is, and the name before the caller goes on."""
    seen = []

    def traced(name: str, real: Any) -> Any:
        def call(*arguments: Any, **options: Any) -> Any:
            kind = ""
            if name == "fsync":
                kind = " directory" if stat.S_ISDIR(os.fstat(arguments[0]).st_mode) else " file"
            seen.append(name + kind)
            return real(*arguments, **options)

        return call

    for name in ("fchmod", "write", "fsync", "replace"):
        monkeypatch.setattr(os, name, traced(name, getattr(os, name)))
    file.replace(Secret("x"))

    assert seen == ["fchmod", "write", "fsync file", "replace", "fsync directory"]


def test_a_file_that_is_gone_already_counts_as_removed(tmp_path: Path) -> None:
    """Another run may have swept the temporary file of a preflight."""
    with OpenDirectory.opened(tmp_path) as directory:
        directory.unlink("gone")


@pytest.mark.parametrize("damage", ["other content", None])
def test_a_file_that_does_not_read_back_is_unverified(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch, damage: str | None
) -> None:
    """A disk that lies is found out."""

    def read(_: int) -> Secret:
        if damage is None:
            raise OSError(5, "Input/output error")
        return Secret(damage)

    monkeypatch.setattr(open_directory, "content_of", read)

    with pytest.raises(SinkUnverifiedError, match="read back"):
        file.replace(Secret("x"))


def test_a_write_that_takes_only_a_part_is_continued(
    file: DurableFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system may write less than asked for."""
    real = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:3]))

    file.replace(Secret("0123456789"))

    assert text(file) == "0123456789"


def test_the_lock_keeps_others_out(file: DurableFile) -> None:
    """While one holds the lock another one waits, within a process too."""
    order = []

    def second() -> None:
        with file.locked():
            order.append("second")

    with file.locked():
        thread = threading.Thread(target=second)
        thread.start()
        thread.join(0.05)
        order.append("first")
    thread.join(10)

    assert order == ["first", "second"]


def test_a_lock_that_is_a_link_is_refused(file: DurableFile, tmp_path: Path) -> None:
    """The lock is a file of ours as well."""
    (tmp_path / "keys.env.lock").symlink_to("elsewhere")

    with pytest.raises(SinkError, match="symbolic link"), file.locked():
        pass
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_lock_that_cannot_be_taken_fails_the_probe(file: DurableFile, kind: str) -> None:
    """The preflight finds out, and not the delivery of a key that was minted already."""
    lock = file.path.with_name("keys.env.lock")
    if kind == "link":
        lock.symlink_to("elsewhere")
    else:
        os.mkfifo(lock)

    with pytest.raises(SinkRefusedError, match=r"keys.env.lock"):
        file.probe()


def test_a_system_without_locks_takes_no_secret(file: DurableFile, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the preflight refuses, before anything is minted, and so does a delivery."""
    monkeypatch.setattr(durable_file, "_fcntl", None)

    with pytest.raises(SinkRefusedError, match="locks and permissions of Linux or macOS"):
        file.probe()
    with pytest.raises(SinkRefusedError, match="deliver to a store"), file.locked():
        pass
    assert not file.path.exists()


class TestWithoutDirectoryDescriptors:
    """What is left where a directory cannot be opened and users have no numbers."""

    @pytest.fixture(autouse=True)
    def plain(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Take them away."""
        monkeypatch.setattr(open_directory, "_HAS_DIRECTORY_FD", False)
        monkeypatch.setattr(open_directory, "_EFFECTIVE_USER", None)
        monkeypatch.delattr(os, "fchmod")

    def test_files_are_replaced_all_the_same(self, file: DurableFile) -> None:
        """The replacement stays atomic."""
        file.probe()
        for content in ("one", "two"):
            with file.locked():
                file.replace(Secret(content))

        assert text(file) == "two"
        assert sorted(path.name for path in file.path.parent.iterdir()) == ["keys.env", "keys.env.lock"]
