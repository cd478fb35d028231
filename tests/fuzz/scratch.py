"""A directory for the files of one input, in which nothing waits for the disk."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield an empty directory; what is written there need not survive a power cut."""
    with TemporaryDirectory() as folder, patch("os.fsync", lambda _descriptor: None):
        yield Path(folder)
