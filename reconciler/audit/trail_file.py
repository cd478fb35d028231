"""An audit trail in a local file: appended under a lock, on the disk before the run goes on, never rewritten.

A process that is killed in the middle of a line leaves a torn tail. The next line says how many bytes of it
there are, so that a reader can tell what a crash left from what somebody damaged.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from reconciler.audit.line import from_line, to_line
from reconciler.errors import AuditError, SinkError
from reconciler.posix import fcntl as _fcntl
from reconciler.sinks._open_directory import (
    NO_FOLLOW,
    READ,
    OpenDirectory,
    make_directories,
    refuse_foreign,
    refuse_special,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from reconciler.ports.audit import AuditRecord

FORMAT: Final = 1
_APPEND: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | NO_FOLLOW
_BLOCK: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailFile:
    """Appends records to one file.

    Args:
        path: of the file; it and its directory are made for the owner only.
        who: what says on every line who did it.
        tool: name and version.
    """

    path: Path
    who: Mapping[str, str]
    tool: str

    def append(self, record: AuditRecord) -> None:
        """Add one record, so that it survives a crash once this returns.

        Raises:
            AuditError: when that cannot be promised.
        """
        body: dict[str, Any] = {
            "format": FORMAT,
            "at": record.at.isoformat(),
            "event": record.event,
            "who": dict(self.who),
            "tool": self.tool,
            **record.facts,
        }
        with _translated(self.path):
            fresh = not self.path.exists()
            make_directories(self.path.parent)
            with OpenDirectory.opened(self.path.parent.resolve()) as directory:
                directory.refuse_unsafe(self.path)
                self._append(body)
                if fresh:
                    directory.sync()

    def _append(self, body: dict[str, Any]) -> None:
        descriptor = os.open(self.path, _APPEND, 0o600)
        try:
            status = os.fstat(descriptor)
            refuse_special(self.path, status)
            refuse_foreign(self.path, status)
            if _fcntl is not None:
                _fcntl.flock(descriptor, _fcntl.LOCK_EX)
            tail = _tail(descriptor)
            if tail and from_line(tail) is None:
                body = {**body, "torn_before": len(tail)}
            left = memoryview((b"\n" if tail else b"") + to_line(body))
            while left:
                left = left[os.write(descriptor, left) :]
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@dataclass(slots=True, kw_only=True)
class ReadTrail:
    """What a trail holds.

    Attributes:
        records: those that are whole, in their order.
        torn: line numbers of what crashes left; nothing is wrong with them.
        damaged: line numbers of what somebody, or a broken disk, changed.
    """

    records: list[dict[str, Any]] = field(default_factory=list)
    torn: list[int] = field(default_factory=list)
    damaged: list[int] = field(default_factory=list)


def read_trail(path: Path) -> ReadTrail:
    """Return what a trail holds, whatever state it is in.

    Raises:
        AuditError: when the file cannot be read.
    """
    with _translated(path):
        descriptor = os.open(path, READ)
        with os.fdopen(descriptor, "rb") as file:
            refuse_special(path, os.fstat(descriptor))
            lines = file.read().split(b"\n")
    found = ReadTrail()
    unsure: tuple[int, int] | None = None
    for number, line in enumerate(lines, start=1):
        last = number == len(lines)
        if last and not line:
            break
        record = from_line(line)
        if unsure is not None:
            explained = record is not None and record.get("torn_before") == unsure[1]
            (found.torn if explained else found.damaged).append(unsure[0])
            unsure = None
        if record is not None:
            found.records.append(record)
        elif last:
            found.torn.append(number)
        else:
            unsure = (number, len(line))
    if unsure is not None:
        found.damaged.append(unsure[0])
    return found


def _tail(descriptor: int) -> bytes:
    """Return what stands behind the last line feed."""
    end = os.lseek(descriptor, 0, os.SEEK_END)
    tail = b""
    while end > 0 and b"\n" not in tail:
        size = min(_BLOCK, end)
        end -= size
        os.lseek(descriptor, end, os.SEEK_SET)
        tail = os.read(descriptor, size) + tail
    return tail.rpartition(b"\n")[2]


@contextmanager
def _translated(path: Path) -> Iterator[None]:
    """Turn what goes wrong into our error, in this one place."""
    try:
        yield
    except SinkError as error:
        msg = f"audit trail: {error}"
        raise AuditError(msg) from None
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        msg = (
            f"audit trail {path}: {reason}; make room or correct the path and its permissions, then run again"
        )
        raise AuditError(msg) from None
