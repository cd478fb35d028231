"""Small secret files that are replaced as a whole, so that a crash at any instant loses nothing."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.posix import fcntl as _fcntl
from reconciler.sinks._open_directory import (
    NO_FOLLOW,
    READ,
    OpenDirectory,
    content_of,
    make_directories,
    refuse_foreign,
    refuse_special,
    temporary_name,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

_LOCK: Final = os.O_RDWR | os.O_CREAT | NO_FOLLOW

_REMEDIES: Final = {
    errno.EACCES: "permission denied; run as the owner of the directory, or choose another path",
    errno.EPERM: "permission denied; run as the owner of the directory, or choose another path",
    errno.EROFS: "the file system is read-only; mount it writable, or choose another path",
    errno.ENOSPC: "no space is left on the device; free some and run again",
    errno.EDQUOT: "the disk quota is used up; free some space and run again",
    errno.EFBIG: "the file size limit is reached; raise it (ulimit -f) and run again",
    errno.ELOOP: "it is a symbolic link; name the real file instead",
    errno.ENOTDIR: "a part of the path is not a directory; correct the path",
    errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    errno.ENOLCK: "the file system cannot lock files; choose a local directory",
}


@dataclass(frozen=True, slots=True)
class DurableFile:
    """One file of ours that may hold secrets; its content travels as a `Secret`, byte for byte.

    Args:
        path: where it is; the directory may be a symbolic link, the file itself may not.
    """

    path: Path

    @property
    def leftover(self) -> Path:
        """A path of the form that a killed process may leave behind, with secrets in it."""
        return self.path.with_name(temporary_name(self.path.name))

    @property
    def _lock(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    @property
    def _directory(self) -> Path:
        return Path(os.path.realpath(self.path.parent))

    def read(self) -> Secret | None:
        """Return the content, or None when there is no file."""
        with _translated(self.path, "read"):
            try:
                descriptor = os.open(self._directory / self.path.name, READ)
            except FileNotFoundError:
                return None
            try:
                refuse_special(self.path, os.fstat(descriptor))
                return content_of(descriptor)
            finally:
                os.close(descriptor)

    def probe(self) -> None:
        """Prove that the file can be written, by making and removing another one beside it.

        Raises:
            SinkRefusedError: when it cannot, or when others could tamper with it.
        """
        try:
            _locks_for(self.path)
            with _translated(self.path, "write"):
                self._probe()
        except SinkRefusedError:
            raise
        except SinkError as error:
            raise SinkRefusedError(str(error)) from None

    def _probe(self) -> None:
        existing = self._directory
        while not existing.exists():
            existing = existing.parent
        with OpenDirectory.opened(existing) as directory:
            if existing == self._directory:
                directory.refuse_unsafe(self.path)
                self._probe_lock()
            temporary = temporary_name(self.path.name)
            directory.create(temporary, Secret("probe\n"))
            directory.unlink(temporary)

    def _probe_lock(self) -> None:
        """Refuse a lock that could not be taken later, when a secret is in hand."""
        if not os.path.lexists(self._directory / self._lock.name):
            return
        with _translated(self._lock, "lock"):
            descriptor = os.open(self._directory / self._lock.name, _LOCK & ~os.O_CREAT)
            try:
                refuse_special(self._lock, os.fstat(descriptor))
                refuse_foreign(self._lock, os.fstat(descriptor))
            finally:
                os.close(descriptor)

    def replace(self, content: Secret) -> None:
        """Put a new content in place of the old one; whatever happens, one of the two is there.

        The caller holds the lock. Directories that are missing are made for the owner only.

        Raises:
            SinkError: when the old content is still in place.
            SinkUnverifiedError: when the new one is, and does not read back or may not survive a power cut.
        """
        with _translated(self.path, "write"):
            make_directories(self._directory)
            with OpenDirectory.opened(self._directory) as directory:
                directory.refuse_unsafe(self.path)
                # The lock says that nobody else is writing.
                directory.sweep(self.path.name)
                temporary = temporary_name(self.path.name)
                directory.create(temporary, content)
                try:
                    directory.rename(temporary, self.path.name)
                except OSError:
                    directory.unlink(temporary)
                    raise
                if not directory.settled(self.path.name, content):
                    msg = f"{self.path}: the file does not read back as written; check the disk and run again"
                    raise SinkUnverifiedError(msg)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other processes of ours out, by an advisory lock on a file beside this one.

        The wait has no end of its own: the holders write small files, or run one program with a timeout.
        """
        fcntl = _locks_for(self.path)
        lock = self._lock
        with _translated(lock, "lock"):
            make_directories(self._directory)
            descriptor = os.open(self._directory / lock.name, _LOCK, 0o600)
        try:
            with _translated(lock, "lock"):
                refuse_special(lock, os.fstat(descriptor))
                refuse_foreign(lock, os.fstat(descriptor))
                if hasattr(os, "fchmod"):
                    os.fchmod(descriptor, 0o600)  # a strange umask may have taken the owner's own rights
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _locks_for(path: Path) -> ModuleType:
    """Return the module for locks.

    Raises:
        SinkRefusedError: on Windows, where a second run could overwrite what the first has just delivered.
    """
    if _fcntl is None:
        msg = (
            f"{path}: files with secrets need the locks and permissions of Linux or macOS, which this system "
            "lacks; run there, or deliver to a store, for example github-actions or vault"
        )
        raise SinkRefusedError(msg)
    return _fcntl


@contextmanager
def _translated(path: Path, verb: str) -> Iterator[None]:
    """Turn what the operating system raises into our error, in this one place."""
    try:
        yield
    except OSError as error:
        reason = _REMEDIES.get(error.errno or 0, f"{error.strerror}; repair it and run again")
        msg = f"{path}: cannot {verb} it: {reason}"
        raise SinkError(msg) from None
