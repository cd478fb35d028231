"""A directory held open, so that what happens in it cannot be redirected, and who may be trusted with it."""

from __future__ import annotations

import os
import re
import secrets
import stat
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from reconciler import posix
from reconciler.core.secret import Secret
from reconciler.errors import SinkRefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NO_FOLLOW: Final = posix.NO_FOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
READ: Final = os.O_RDONLY | posix.NO_WAIT | NO_FOLLOW
_CREATE: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | NO_FOLLOW
_DIRECTORY: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | NO_FOLLOW
# Windows has neither directory descriptors nor user numbers.
_HAS_DIRECTORY_FD: Final = posix.HAS_DIRECTORY_FD
_EFFECTIVE_USER: Final = getattr(os, "geteuid", None)


class OpenDirectory:
    """What is done in one directory, by its descriptor where the system has such.

    Args:
        path: of the directory, without symbolic links.
        descriptor: None where the system has none for directories.
    """

    def __init__(self, path: Path, descriptor: int | None) -> None:
        self._path = path
        self._descriptor = descriptor

    @classmethod
    @contextmanager
    def opened(cls, path: Path) -> Iterator[OpenDirectory]:
        """Open a directory, where the system can."""
        if not _HAS_DIRECTORY_FD:
            yield cls(path, None)
            return
        descriptor = os.open(path, _DIRECTORY)
        try:
            yield cls(path, descriptor)
        finally:
            os.close(descriptor)

    def refuse_unsafe(self, file: Path) -> None:
        """Raise when the directory or the file in it is in the hands of others."""
        status = os.stat(self._place)  # noqa: PTH116  # a descriptor, where there is one
        _refuse_shared(file.parent, status)
        try:
            status = os.stat(self._name(file.name), dir_fd=self._descriptor, follow_symlinks=False)
        except FileNotFoundError:
            return
        refuse_special(file, status)
        refuse_foreign(file, status)

    def create(self, name: str, content: Secret) -> None:
        """Write a new file to the disk, readable by its owner only from the first instant."""
        descriptor = os.open(self._name(name), _CREATE, 0o600, dir_fd=self._descriptor)
        try:
            try:
                _write(descriptor, content)
            finally:
                os.close(descriptor)
        except OSError:
            self.unlink(name)
            raise

    def rename(self, old: str, new: str) -> None:
        """Move a file over another one in a single step."""
        # os.replace, as os.rename refuses to overwrite on Windows
        os.replace(self._name(old), self._name(new), src_dir_fd=self._descriptor, dst_dir_fd=self._descriptor)

    def sync(self) -> None:
        """Make what was created and renamed survive a power cut, where directories can be synced."""
        if self._descriptor is not None:
            os.fsync(self._descriptor)

    def settled(self, name: str, content: Secret) -> bool:
        """Tell whether a file is on the disk for good and has exactly this content."""
        try:
            self.sync()
            descriptor = os.open(self._name(name), READ, dir_fd=self._descriptor)
        except OSError:
            return False
        try:
            return content_of(descriptor).reveal() == content.reveal()
        except OSError:
            return False
        finally:
            os.close(descriptor)

    def sweep(self, name: str) -> None:
        """Remove what killed processes left of a file; nobody else may be writing it now."""
        form = re.compile(re.escape(name) + r"\.[0-9a-f]{16}\.tmp")
        for entry in os.listdir(self._place):  # noqa: PTH208  # likewise
            if form.fullmatch(entry):
                self.unlink(entry)

    def unlink(self, name: str) -> None:
        """Remove a file; one that is gone already is fine."""
        try:
            os.unlink(self._name(name), dir_fd=self._descriptor)
        except FileNotFoundError:
            return

    @property
    def _place(self) -> Path | int:
        return self._path if self._descriptor is None else self._descriptor

    def _name(self, name: str) -> str:
        return str(self._path / name) if self._descriptor is None else name


def temporary_name(name: str) -> str:
    """Return a new name for a file that will become `name`, or be removed."""
    # It starts with the file's name so that `name*` in .gitignore covers it too.
    return f"{name}.{secrets.token_hex(8)}.tmp"


def content_of(descriptor: int) -> Secret:
    """Return what an open file holds; bytes that are no UTF-8 survive the way there and back."""
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        return Secret(file.read().decode("utf-8", "surrogateescape"))


def _write(descriptor: int, content: Secret) -> None:
    if hasattr(os, "fchmod"):
        os.fchmod(descriptor, 0o600)  # a strange umask may have taken the owner's own rights
    # A memoryview does not show its bytes where a traceback prints local variables.
    left = memoryview(content.reveal().encode("utf-8", "surrogateescape"))
    while left:
        left = left[os.write(descriptor, left) :]
    os.fsync(descriptor)


def make_directories(directory: Path) -> None:
    """Make a directory and what is missing above it, for the owner only, to stay after a power cut."""
    if directory.exists():
        return
    make_directories(directory.parent)
    try:
        directory.mkdir(mode=0o700)
    except FileExistsError:
        return
    directory.chmod(0o700)  # a strange umask may have taken the owner's own rights
    with OpenDirectory.opened(directory.parent) as parent:
        parent.sync()


def _refuse_shared(directory: Path, status: os.stat_result) -> None:
    """Raise unless only the owner can make, rename and remove files in a directory.

    In a directory with the sticky bit (such as /tmp) others can add files, and not touch ours.
    """
    if _EFFECTIVE_USER is None:
        return
    user = _EFFECTIVE_USER()
    trusted = status.st_uid in {0, user}
    if not trusted and user != 0:
        msg = f"{directory}: the directory belongs to another user; choose one of your own"
        raise SinkRefusedError(msg)
    shared = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    if shared and not (status.st_mode & stat.S_ISVTX and trusted):
        msg = f"{directory}: other users can write to the directory; run `chmod go-w` on it or choose another"
        raise SinkRefusedError(msg)


def refuse_special(path: Path, status: os.stat_result) -> None:
    """Raise unless it is a regular file."""
    if stat.S_ISLNK(status.st_mode):
        msg = f"{path}: it is a symbolic link; name the real file instead"
        raise SinkRefusedError(msg)
    if not stat.S_ISREG(status.st_mode):
        msg = f"{path}: it is not a regular file; choose another path"
        raise SinkRefusedError(msg)


def refuse_foreign(path: Path, status: os.stat_result) -> None:
    """Raise unless the file is our own."""
    if _EFFECTIVE_USER is not None and status.st_uid != _EFFECTIVE_USER():
        msg = f"{path}: the file belongs to another user; change its owner or remove it"
        raise SinkRefusedError(msg)
