"""Which key files the settings name."""

from __future__ import annotations

import os
from fnmatch import fnmatchcase
from itertools import islice
from typing import TYPE_CHECKING, Final

from reconciler.errors import Problem
from reconciler.manifest.places import is_glob
from reconciler.manifest.source_files import SourceFile, display_name
from reconciler.manifest.tree import MarkedList, locate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.manifest.tree import MarkedMapping

MAX_FILES: Final = 10_000


def find_key_files(settings: SourceFile, tree: MarkedMapping) -> tuple[list[SourceFile], list[Problem]]:
    """Return the files that the patterns name, each once, and what is wrong with the patterns.

    Args:
        settings: the settings file, which is never among the key files.
        tree: of the settings; patterns that are not well formed are passed over, validation names them.
    """
    patterns = tree.get("keys")
    found: dict[str, SourceFile] = {}
    problems = []
    for position, pattern in enumerate(patterns if isinstance(patterns, MarkedList) else ()):
        if is_glob(pattern):
            try:
                found |= _matched(settings, pattern)
            except _PatternError as error:
                line, column = locate(tree, ("keys", position))
                message = f"this pattern {error}"
                problems.append(Problem(file=settings.shown, line=line, column=column, message=message))
    return sorted(found.values(), key=lambda file: file.path), problems


class _PatternError(Exception):
    """Raised for a pattern that does not lead to files."""


def _matched(settings: SourceFile, pattern: str) -> dict[str, SourceFile]:
    """Return what one pattern names by real path, so that a file and a link to it count once."""
    paths = matching_files(settings.path.parent, pattern)
    try:
        named = {os.path.realpath(path): path for path in islice(paths, MAX_FILES + 1)}
    except OSError as error:
        msg = f"leads to a directory that cannot be read ({error.strerror}); check its permissions"
        raise _PatternError(msg) from None
    if len(named) > MAX_FILES:
        msg = f"matches more than {MAX_FILES} files; join some, or narrow it"
        raise _PatternError(msg)
    named.pop(os.path.realpath(settings.path), None)
    if not named:
        msg = "matches no file; correct it, or write for example keys/*.yaml"
        raise _PatternError(msg)
    return {real: SourceFile(path=path, shown=display_name(path)) for real, path in named.items()}


def matching_files(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield the files that a pattern names, sorted within each directory.

    `**` stands for any number of directories and does not follow links to directories, so there are no
    loops. What starts with a dot is matched only by a part that starts with a dot.

    Args:
        folder: where the pattern starts.
        pattern: parts of a path with `*`, `?` and `[…]`, divided by `/`.

    Raises:
        OSError: for a directory that cannot be read: files missed in silence would look undeclared.
    """
    parts = pattern.split("/")
    kept = [part for before, part in zip(["", *parts], parts, strict=False) if (before, part) != ("**", "**")]
    return _walk(folder, tuple(kept))


def _walk(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    head, rest = parts[0], parts[1:]
    with os.scandir(folder) as found:
        entries = sorted(found, key=lambda entry: entry.name)
    if head == "**":
        yield from _walk(folder, rest)
    for entry in entries:
        if entry.name.startswith(".") and not head.startswith("."):
            continue
        path = folder / entry.name
        if head == "**":
            if entry.is_dir(follow_symlinks=False):
                yield from _walk(path, parts)
        elif not fnmatchcase(entry.name, head):
            continue
        elif not rest:
            if not entry.is_dir():
                yield path
        elif entry.is_dir():
            yield from _walk(path, rest)
