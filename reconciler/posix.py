"""What POSIX systems have and Windows lacks, so that everything else can be imported and run there."""

from __future__ import annotations

import os
import signal
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

try:
    fcntl: ModuleType | None = import_module("fcntl")
    """Advisory locks on files; None where there are none."""
except ImportError:
    fcntl = None

NO_FOLLOW: Final[int] = getattr(os, "O_NOFOLLOW", 0)
"""Flag of `os.open`: a symbolic link is an error; nothing where links are not followed by numbers."""

NO_WAIT: Final[int] = getattr(os, "O_NONBLOCK", 0)
"""Flag of `os.open`: opening a pipe that nobody writes to does not wait for ever."""

HAS_DIRECTORY_FD: Final = os.open in os.supports_dir_fd
"""Whether a directory can be opened, and files named from there."""

HANG_UP: Final[signal.Signals | None] = getattr(signal, "SIGHUP", None)
"""The signal of a lost terminal."""


def sync_directory(path: Path) -> None:
    """Make what was created and renamed in a directory survive a power cut, where directories can be opened.

    Raises:
        OSError: when it cannot be made sure.
    """
    if not HAS_DIRECTORY_FD:
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
