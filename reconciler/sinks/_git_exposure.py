"""Whether git would publish a file: it is tracked, or nothing keeps it from being added."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_TIMEOUT_SECONDS: Final = 30
_ENVIRONMENT: Final = ("PATH", "HOME", "XDG_CONFIG_HOME")
_NO_WORK_TREE: Final = (b"not a git repository", b"must be run in a work tree")


class _NoWorkTreeError(Exception):
    """Raised when the directory is in no work tree."""


class _UndecidedError(Exception):
    """Raised with the remedy when git does not say whether a file is exposed."""


def exposure(paths: Sequence[Path]) -> str | None:
    """Return how git would publish one of these paths, with the remedy, or None when it would not.

    Where git refuses to answer nothing is assumed, nor in a work tree without git, which may be that of a
    container's host.

    Args:
        paths: files of one directory, which need not exist; the names of all start with that of the first.
    """
    directory = paths[0].parent.resolve()
    # The parent is resolved, as git follows no symbolic link inside its work tree.
    files = [directory / path.name for path in paths]
    while not directory.exists():
        directory = directory.parent
    names = [f"./{os.path.relpath(file, directory)}" for file in files]
    pattern = f"add `{names[0][2:]}*` to {directory / '.gitignore'}, or set `allow_tracked: true`"
    try:
        if _git(directory, names, "--literal-pathspecs", "ls-files", "-z", "--", *names):
            return f"{paths[0]}: git tracks it or its receipts; run `git rm --cached` on them and {pattern}"
        if len(_git(directory, names, "check-ignore", "--no-index", "-z", "--stdin")) == len(names):
            return None
    except _NoWorkTreeError:
        return None
    except _UndecidedError as error:
        return f"{paths[0]}: git cannot tell whether it is ignored; {error}, or set `allow_tracked: true`"
    return f"{paths[0]}: git does not ignore it, its receipts and its temporary files; {pattern}"


def _git(directory: Path, names: Sequence[str], *arguments: str) -> list[bytes]:
    """Return the names that git prints for a question, asked about names on its standard input."""
    # A file system monitor is a program that the repository names, and none is needed here.
    command = ["git", "-c", "core.fsmonitor=false", *arguments]
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    undecided = _UndecidedError(f"run `git -C {directory} status` and follow its advice")
    try:
        done = subprocess.run(  # noqa: S603  # an argument list, and the names stand behind `--` or on stdin
            command,
            cwd=directory,
            env={**environment, "LC_ALL": "C"},
            input=b"".join(os.fsencode(name) + b"\0" for name in names),
            capture_output=True,
            check=False,
            timeout=_TIMEOUT_SECONDS,
        )
    except FileNotFoundError:
        raise _without_git(directory) from None
    except (OSError, subprocess.TimeoutExpired):
        raise undecided from None
    if done.returncode in {0, 1}:  # 1 is how check-ignore says "none"
        return [name for name in done.stdout.split(b"\0") if name]
    raise _NoWorkTreeError if any(text in done.stderr for text in _NO_WORK_TREE) else undecided


def _without_git(directory: Path) -> Exception:
    if any(os.path.lexists(place / ".git") for place in (directory, *directory.parents)):
        return _UndecidedError("install git")
    return _NoWorkTreeError()
