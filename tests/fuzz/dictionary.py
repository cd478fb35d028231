"""The pieces that inputs are made of, in `words/*.txt`: one a line, with the escapes of a Python literal."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.fuzz.target import CANARY

_FOLDER: Final = Path(__file__).parent / "words"


def dictionary(*names: str) -> tuple[bytes, ...]:
    """Return the pieces in some files, and the secret that no error may repeat."""
    lines = [line for name in names for line in (_FOLDER / f"{name}.txt").read_text("ascii").splitlines()]
    return (*(line.encode().decode("unicode_escape").encode("latin-1") for line in lines), CANARY.encode())
