"""The receipts beside an encrypted file: which deliveries its content may be, told apart by their digests.

The file cannot be opened here, so a receipt names the SHA-256 of what was encrypted for it. It is written
first: whichever content a crash leaves, the digest tells whose it is, and nothing else counts.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkUnverifiedError
from reconciler.sinks._durable_file import DurableFile
from reconciler.sinks._receipts import Record, decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from reconciler.sinks._receipts import Stamp

VERSION: Final = 1
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_MOST: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """One delivery into an encrypted file.

    Attributes:
        sha256: of the ciphertext, in hex.
        stamp: what was delivered.
    """

    sha256: str
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class SealedReceipts:
    """The file with the deliveries, the last one first; it holds no secret.

    Args:
        path: where it is.
    """

    path: Path

    def load(self) -> tuple[Sealed, ...]:
        """Return the deliveries, none where there is no file.

        Raises:
            SinkError: when the file is damaged; that is never taken for "no receipts".
        """
        content = DurableFile(self.path).read()
        if content is None:
            return ()
        found = _parsed(content.reveal())
        if found is None:
            msg = (
                f"{self.path}: the receipts are damaged; restore the file from git, or remove it and declare "
                "`takeover: true` for the entry if it is to be overwritten"
            )
            raise SinkError(msg)
        return found

    def store(self, deliveries: Sequence[Sealed]) -> None:
        """Note a delivery that is about to be made, before the one that is there now.

        Raises:
            SinkError: when it was not noted, so nothing may be delivered.
        """
        documents = [
            {"sha256": sealed.sha256, **json.loads(encoded(Record(delivered=sealed.stamp)))}
            for sealed in deliveries
        ]
        text = json.dumps({"version": VERSION, "deliveries": documents}, indent=2, sort_keys=True)
        try:
            DurableFile(self.path).replace(Secret(text + "\n"))
        except SinkUnverifiedError as error:
            raise SinkError(str(error)) from None


def _parsed(text: str) -> tuple[Sealed, ...] | None:
    try:
        document = json.loads(text)
        if document.keys() != {"version", "deliveries"} or document["version"] != VERSION:
            return None
        found = [_delivery(item) for item in document["deliveries"]]
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None
    known = tuple(sealed for sealed in found if sealed is not None)
    return known if len(known) == len(found) and 1 <= len(found) <= _MOST else None


def _delivery(item: dict[str, Any]) -> Sealed | None:
    record = decoded(json.dumps({name: value for name, value in item.items() if name != "sha256"}))
    if record is None or record.delivered is None or record.pending or not _DIGEST.fullmatch(item["sha256"]):
        return None
    return Sealed(sha256=item["sha256"], stamp=record.delivered)
