"""The kept inputs: valid samples, inputs that reached something new, and every crash that was ever found."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "corpus"
REACHED: Final = "reached"
"""What the names of inputs begin with that were kept for the lines they reach."""


def inputs_of(name: str, folder: Path = FOLDER) -> dict[str, bytes]:
    """Return the inputs of a target by the names of their files."""
    files = [path for path in (folder / name).glob("*") if path.is_file()]
    # What people wrote comes before what was found, and the small before the large.
    files.sort(key=lambda path: (path.name.startswith(REACHED), path.stat().st_size, path.name))
    return {path.name: path.read_bytes() for path in files}


def keep(name: str, data: bytes, *, kind: str, folder: Path = FOLDER) -> Path:
    """Write an input to the corpus of a target and return its file, which is named after its content.

    Args:
        name: of the target.
        data: the input.
        kind: `reached` or `crash`.
        folder: of all corpora.
    """
    path = folder / name / f"{kind}-{hashlib.sha256(data).hexdigest()[:12]}"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path
