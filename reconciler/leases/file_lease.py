"""A lease for runs on one machine: an advisory lock that the kernel gives back when its process ends."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from reconciler.errors import DeferredError, SinkError
from reconciler.posix import fcntl as _fcntl
from reconciler.sinks._open_directory import (
    NO_FOLLOW,
    OpenDirectory,
    make_directories,
    refuse_foreign,
    refuse_special,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_OPEN: Final = os.O_RDWR | os.O_CREAT | NO_FOLLOW


class FileLease:
    """One lock on one file, held from `acquire` to `release` or to the end of the process.

    Args:
        path: of the file; its directory is made for the owner only.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Lock the file.

        Raises:
            DeferredError: when another process has it.
            SinkError: when it cannot be locked at all.
        """
        if _fcntl is None:
            msg = f"lease {self._path}: this system has no file locks; use a lease of type s3"
            raise SinkError(msg)
        with _translated(self._path):
            make_directories(self._path.parent)
            with OpenDirectory.opened(self._path.parent.resolve()) as directory:
                directory.refuse_unsafe(self._path)
            descriptor = os.open(self._path, _OPEN, 0o600)
        try:
            with _translated(self._path):
                refuse_special(self._path, os.fstat(descriptor))
                refuse_foreign(self._path, os.fstat(descriptor))
                _fcntl.flock(descriptor, _fcntl.LOCK_EX | _fcntl.LOCK_NB)
        except BaseException:
            os.close(descriptor)
            raise
        self._descriptor = descriptor

    def check(self) -> None:
        """Make sure that the locked file is still the one at the path.

        Raises:
            DeferredError: when it was removed or replaced, so that another run could have locked the new one.
        """
        if self._descriptor is None or not self._is_there(os.fstat(self._descriptor)):
            msg = f"lease {self._path}: it is not held any more, so nothing is begun; run again"
            raise DeferredError(msg)

    def _is_there(self, held: os.stat_result) -> bool:
        try:
            found = self._path.stat(follow_symlinks=False)
        except OSError:
            return False
        return (held.st_dev, held.st_ino) == (found.st_dev, found.st_ino)

    def release(self) -> None:
        """Unlock the file; it stays, as removing it would let two runs lock two files."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    try:
        yield
    except BlockingIOError:
        msg = f"lease {path}: another run has it; run again when that one has ended"
        raise DeferredError(msg) from None
    except OSError as error:
        msg = f"lease {path}: it cannot be locked ({error.strerror}); correct the path and its permissions"
        raise SinkError(msg) from None
