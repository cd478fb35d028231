"""Comparison with golden files: `UPDATE_GOLDEN=1` writes them instead, and a review reads the difference."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).parent


def assert_golden(name: str, text: str) -> None:
    """Compare text with the golden file of that name, byte for byte.

    Args:
        name: path of the file, inside the folder of the golden files.
        text: what the program wrote.
    """
    file = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN") == "1":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode())
    golden = file.read_bytes().decode() if file.exists() else ""
    assert text == golden, f"{name} differs from what is written now; UPDATE_GOLDEN=1 rewrites it"
