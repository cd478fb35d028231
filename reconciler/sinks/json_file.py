"""The `json` sink: one JSON object whose members are the secrets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.sinks._file_sink import FileSink
from reconciler.sinks._json_object import JsonFormat

if TYPE_CHECKING:
    from collections.abc import Mapping


def build(options: Mapping[str, object]) -> FileSink:
    """Return the sink that the options `path` and `allow_tracked` describe."""
    return FileSink(
        Path(str(options["path"])),
        JsonFormat(),
        allow_tracked=bool(options.get("allow_tracked", False)),
    )
