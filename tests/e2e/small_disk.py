"""A tiny file system of its own in a folder, where this machine lets us mount one."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

_PAGE: Final = 4096
_FILLER: Final = ".filler"


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A mounted file system.

    Attributes:
        folder: where it is.
    """

    folder: Path

    def fill(self, *, left: int) -> None:
        """Leave so many pages free; a file of a few bytes takes one."""
        found = os.statvfs(self.folder)
        pages = found.f_bavail * found.f_frsize // _PAGE - left
        (self.folder / _FILLER).write_bytes(b"x" * (pages * _PAGE))

    def empty(self) -> None:
        """Make room again."""
        (self.folder / _FILLER).unlink()

    def protect(self) -> None:
        """Make it read-only, for root as well."""
        _mount("-o", "remount,ro", str(self.folder))

    def open_up(self) -> None:
        """Make it writable again."""
        _mount("-o", "remount,rw", str(self.folder))


@contextmanager
def small_disk(folder: Path, *, pages: int = 64) -> Iterator[SmallDisk]:
    """Mount one over a folder, which is made.

    Raises:
        subprocess.CalledProcessError: where that is not allowed.
        FileNotFoundError: where there is no `mount`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _mount("-t", "tmpfs", "-o", f"size={pages * _PAGE},mode=0700", "tmpfs", str(folder))
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, capture_output=True)


def can_mount() -> bool:
    """Tell whether this machine lets us."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            with small_disk(Path(folder) / "disk"):
                return True
        except (OSError, subprocess.CalledProcessError):
            return False


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
