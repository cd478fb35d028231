"""The version, as a constant: reading the package's metadata takes longer than all of `--version`."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
TOOL: Final = f"reconciler {VERSION}"
