"""A JSON file that this tool wrote and that somebody may have changed: read strictly, or refused."""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Never

from reconciler.core.strict_json import no_constant, unique_members
from reconciler.errors import UsageError
from reconciler.manifest.source_files import MEGABYTE, display_name, read_regular

MAX_BYTES: Final = 64 * MEGABYTE

_FORMAT: Final = re.compile(r"(0|[1-9][0-9]{0,3})\.[0-9]{1,4}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFile:
    """One sort of file.

    Attributes:
        path: of the file, at most 64 MiB.
        what: the sort in words with an article, like "a plan".
        format: the version that this release reads; another major number is refused.
        remedy: how to make a new one.
    """

    path: Path
    what: str
    format: str
    remedy: str

    @property
    def shown(self) -> str:
        """The file's name, fit to be shown."""
        return display_name(self.path)

    def read(self) -> dict[str, Any]:
        """Return the document.

        Raises:
            UsageError: when there is no readable document of this format in the file.
        """
        document = self._parsed(self._bytes())
        stated = document.get("format")
        if not isinstance(stated, str) or not _FORMAT.fullmatch(stated):
            self.refuse_form()
        if stated.split(".")[0] != self.format.split(".", maxsplit=1)[0]:
            why = f"has another {self.what.split()[-1]} format than {self.format}"
            self._refuse(f"{why}; use the release that made it", ", or ")
        return document

    def refuse_form(self) -> Never:
        """Refuse a document that is not of this sort."""
        self._refuse(f"does not have the form of {self.what}")

    def _refuse(self, why: str, link: str = "; ") -> Never:
        msg = f"{self.shown} {why}{link}{self.remedy}"
        raise UsageError(msg) from None

    def _bytes(self) -> bytes:
        try:
            return read_regular(Path(os.path.realpath(self.path, strict=True)), MAX_BYTES)
        except OSError as error:
            msg = f"{self.shown} cannot be read ({error.strerror}); check the path and its permissions"
            raise UsageError(msg) from None
        except ValueError as error:
            self._refuse(str(error))

    def _parsed(self, data: bytes) -> dict[str, Any]:
        try:
            text = data.decode("utf-8")
            # No number in these files has a fraction; amounts are text.
            document = json.loads(
                text, object_pairs_hook=unique_members, parse_constant=no_constant, parse_float=no_constant
            )
            # Half a surrogate pair is JSON, but no terminal and no digest can take it.
            json.dumps(document, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            self._refuse(f"is not the JSON of {self.what}")
        if not isinstance(document, dict):
            self.refuse_form()
        return document
