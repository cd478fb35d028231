"""The bytes of the files of a manifest: only regular files of bounded size inside the settings' directory."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from reconciler.errors import ManifestError, Problem
from reconciler.posix import NO_FOLLOW, NO_WAIT

MEGABYTE: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """One file: where it is, and the name that problems show."""

    path: Path
    shown: str


def display_name(path: Path) -> str:
    """Return a path fit to be shown: a file's name may hold anything, terminal commands included."""
    return "".join(character if character.isprintable() else "?" for character in str(path))


def read_inside(source: SourceFile, root: Path, *, most_mb: int) -> bytes:
    """Return the bytes of a file.

    Args:
        source: the file.
        root: the real path of the directory that it must be in, links followed.
        most_mb: largest size, in MiB.

    Raises:
        ManifestError: for a file outside, one that is no regular file, is too large or cannot be read.
    """
    try:
        real = Path(os.path.realpath(source.path, strict=True))
        if not real.is_relative_to(root):
            raise _problem(source, "leads out of the settings' directory; move the file inside")
        return read_regular(real, most_mb * MEGABYTE)
    except OSError as error:
        raise _problem(
            source, f"cannot be read ({error.strerror}); check the path and its permissions"
        ) from None
    except ValueError as error:
        raise _problem(source, f"{error}; use plain files of at most `max_file_mb` MiB (settings)") from None


def read_regular(path: Path, most: int, *, private: bool = False) -> bytes:
    """Return the bytes of a regular file of at most `most` bytes; `private` refuses one that all can read.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it is something else than a file, larger, or not private.
    """
    with open(path, "rb", opener=_opened) as file:
        mode = os.fstat(file.fileno()).st_mode
        if not stat.S_ISREG(mode):
            msg = "is not a regular file"
            raise ValueError(msg)
        if private and mode & stat.S_IROTH:
            msg = "can be read by everyone: run chmod 600 on it"
            raise ValueError(msg)
        data = file.read(most + 1)
    if len(data) > most:
        msg = f"is larger than {f'{most // MEGABYTE} MiB' if most >= MEGABYTE else f'{most} bytes'}"
        raise ValueError(msg)
    return data


def _opened(path: str, flags: int) -> int:
    return os.open(path, flags | NO_WAIT | NO_FOLLOW)


def _problem(source: SourceFile, message: str) -> ManifestError:
    return ManifestError([Problem(file=source.shown, line=1, column=1, message=f"the file {message}")])
