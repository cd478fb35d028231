"""Changes of key files that a command makes for its user: the files, and the patch that a review sees."""

from __future__ import annotations

import os
import stat
from codecs import BOM_UTF8
from dataclasses import dataclass, replace
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.cli.result_file import write_result_file
from reconciler.errors import UsageError
from reconciler.manifest.key_file_editor import set_fields
from reconciler.manifest.source_text import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.core.model import DesiredKey, DesiredState


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEdit:
    """One key file before and after, and the keys whose declarations differ."""

    file: str
    before: str
    after: str
    addresses: tuple[str, ...]

    @property
    def patch(self) -> str:
        """The change as `git apply` takes it, here or in the directory above that both are in."""
        name = self.file.replace(f"..{os.sep}", "")
        lines = unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            f"a/{name}",
            f"b/{name}",
        )
        return "".join(
            line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
        )

    def write(self) -> None:
        """Replace the file in one step.

        Raises:
            ResultFileError: when it cannot be written; it is then as before.
        """
        path = Path(self.file)
        mode = stat.S_IMODE(path.stat().st_mode)
        write_result_file(path, self.after)
        path.chmod(mode)


def edits_of(changes: Sequence[tuple[DesiredKey, Mapping[str, int | bool | str]]]) -> list[FileEdit]:
    """Return the edits that set some fields of some keys, one for each file.

    Raises:
        ManifestError: when a file cannot be edited safely.
    """
    found: dict[str, FileEdit] = {}
    for key, fields in changes:
        # Git patches what a link leads to, never the link.
        file = os.path.relpath(os.path.realpath(key.mark.file))
        known = found.get(file)
        before = known.before if known else decode(Path(file).read_bytes(), file)
        after = set_fields(known.after if known else before, key.name, fields, file=file)
        addresses = (*(known.addresses if known else ()), key.address)
        found[file] = FileEdit(file=file, before=before, after=after, addresses=addresses)
    return [_as_stored(edit) for edit in found.values()]


def _as_stored(edit: FileEdit) -> FileEdit:
    """Return an edit with the byte order mark that its file begins with: editors keep it, Git compares it."""
    if not Path(edit.file).read_bytes().startswith(BOM_UTF8):
        return edit
    return replace(edit, before=f"\ufeff{edit.before}", after=f"\ufeff{edit.after}")


def keys_named(desired: DesiredState, names: Iterable[str]) -> list[DesiredKey]:
    """Return declared keys by name, or by address where two accounts have the same name.

    Raises:
        UsageError: when a name is that of no key, or of more than one.
    """
    found = []
    for name in dict.fromkeys(names):
        keys = [key for key in desired.keys if name in {key.name, key.address}]
        if len(keys) != 1:
            what = f"is declared for {len(keys)} accounts; write account/name" if keys else "is not declared"
            msg = f"{name!r} {what}"
            raise UsageError(msg if keys else f"{msg}; `reconciler status` lists the keys")
        found += keys
    return found
