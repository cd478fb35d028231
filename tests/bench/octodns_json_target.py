"""A target for octoDNS whose actual records come from a JSON file, as they would from an API's answer.

octoDNS imports this by name, in its own environment.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

from octodns.provider.base import BaseProvider  # type: ignore[import-not-found]  # in the peer's environment
from octodns.record import Record  # type: ignore[import-not-found]


class JsonTarget(BaseProvider):  # type: ignore[misc]  # untyped
    """Reads records from a file, and never writes."""

    SUPPORTS = frozenset({"A"})
    SUPPORTS_GEO = False

    def __init__(self, id: str, path: str, **options: Any) -> None:  # noqa: A002  # octoDNS passes it by name
        self.log = logging.getLogger(id)
        super().__init__(id, **options)
        self._path = Path(path)

    def populate(self, zone: Any, target: bool = False, lenient: bool = False) -> bool:  # noqa: ARG002, FBT001, FBT002
        """Add the actual records to a zone; the signature is octoDNS's."""
        for name, data in json.loads(self._path.read_bytes()).items():
            zone.add_record(Record.new(zone, name, data, source=self, lenient=lenient))
        return True
