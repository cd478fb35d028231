"""Plans and reports as files: whole or not at all, and readable for everybody, since no secret is in them."""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError
from reconciler.posix import sync_directory

if TYPE_CHECKING:
    from pathlib import Path


class ResultFileError(ReconcilerError):
    """Raised when a plan or report could not be written."""


def write_result_file(path: Path, text: str) -> None:
    """Replace a file in one step; readers see the old content or the new.

    Args:
        path: a regular file or none yet; the directory has to exist.
        text: the whole content.

    Raises:
        ResultFileError: with the reason; the old file is then still there.
    """
    if not path.is_file() and path.exists():
        # A pipe or a terminal, as in `-o /dev/stdout`, cannot be replaced, only written to.
        _write_through(path, text)
        return
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        _write_new(beside, text)
        beside.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise _failure(path, error) from None


def _write_new(path: Path, text: str) -> None:
    with open(path, "x", encoding="utf-8", newline="\n", opener=_readable) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _readable(path: str, flags: int) -> int:
    return os.open(path, flags, 0o644)


def _write_through(path: Path, text: str) -> None:
    try:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except OSError as error:
        raise _failure(path, error) from None


def _failure(path: Path, error: OSError) -> ResultFileError:
    reason = os.strerror(error.errno) if error.errno else type(error).__name__
    return ResultFileError(f"{path} could not be written ({reason}); name another file or free some space")
