"""The receipts file beside a sink: which incarnation each entry holds, and whose an entry is.

Two files cannot change in one step, so a put writes three times: the receipt as *pending*, the value,
the receipt as *delivered*. Whatever a crash leaves, nothing counts as delivered that is not there.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import UTC
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.instants import utc_instant
from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.core.strict_json import unique_members
from reconciler.errors import SinkError, SinkUnverifiedError
from reconciler.sinks._durable_file import DurableFile

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.ports.sink import Entry

VERSION: Final = 1
_FINGERPRINT: Final = re.compile(r"[0-9a-f]{16}")
_TEXTS: Final = ("origin", "address", "remote_id", "delivered_at", "fingerprint")
_FIELDS: Final = frozenset({*_TEXTS, "generation", "attempt"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """A receipt and the fingerprint of the secret that it was written for."""

    receipt: Receipt
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What is known of one entry.

    Attributes:
        delivered: the last delivery that was completed.
        pending: a delivery that began after it and was not completed.
    """

    delivered: Stamp | None = None
    pending: Stamp | None = None

    def custody(self, fingerprint: str) -> Receipt | None:
        """Return the receipt of a completed delivery whose secret is the one that is there now."""
        if self.delivered is None or self.delivered.fingerprint != fingerprint:
            return None
        return self.delivered.receipt

    def custody_unseen(self) -> Receipt | None:
        """Return the receipt of a completed delivery where the store does not show the value."""
        return self.delivered.receipt if self.delivered and not self.pending else None


def refusal(entry: Entry, record: Record | None) -> str | None:
    """Return why an entry that is occupied must not be overwritten, or None when it may be.

    An entry is ours to write when a delivery to it, completed or not, was for the same key of the
    same provider, or for a row that is the key's now: it may have been renamed or moved.

    Args:
        entry: what is to be written.
        record: what is known of it.
    """
    if entry.takeover:
        return None
    if record is None:
        return (
            f"entry {entry.name}: it holds a value that this tool did not write; "
            "choose another name, or declare `takeover: true` to overwrite it"
        )
    stamps = [stamp for stamp in (record.pending, record.delivered) if stamp]
    for stamp in stamps:
        receipt = stamp.receipt
        same = (receipt.address, receipt.origin) == (entry.address, entry.origin)
        if same or (receipt.origin, receipt.remote_id) in entry.rows:
            return None
    owner = stamps[0].receipt
    return (
        f"entry {entry.name}: it holds the secret of {owner.address} at {owner.origin}; "
        "choose another name, or declare `takeover: true` to overwrite it"
    )


@dataclass(frozen=True, slots=True)
class ReceiptsFile:
    """The sidecar file; it holds no secret, only 64 bits of the hash of each.

    Args:
        path: where it is.
    """

    path: Path

    @property
    def file(self) -> DurableFile:
        """The file as such, to be locked and probed."""
        return DurableFile(self.path)

    def load(self) -> Mapping[str, Record]:
        """Return the record of each entry.

        Raises:
            SinkError: when the file is damaged; that is never taken for "no receipts".
        """
        content = self.file.read()
        if content is None:
            return MappingProxyType({})
        try:
            return MappingProxyType(_parsed(content.reveal()))
        except _DamagedError as error:
            reason = str(error)
        except (ValueError, RecursionError):
            reason = "it is not JSON of the expected form"
        msg = (
            f"{self.path}: the receipts are damaged: {reason}; restore the file from a backup, or remove it "
            "and declare `takeover: true` for the entries that are to be overwritten"
        )
        raise SinkError(msg)

    def begin(self, records: Mapping[str, Record], name: str, stamp: Stamp) -> None:
        """Note a delivery that is about to be made; the caller holds the lock.

        Raises:
            SinkError: when it was not noted, so nothing may be delivered.
        """
        known = records.get(name)
        try:
            self._store(records, name, Record(delivered=known.delivered if known else None, pending=stamp))
        except SinkUnverifiedError as error:
            raise SinkError(str(error)) from None

    def complete(self, records: Mapping[str, Record], name: str, stamp: Stamp) -> None:
        """Note a delivery that was made; the caller still holds the lock.

        Raises:
            SinkUnverifiedError: when it was not noted, so the next run has to deliver again.
        """
        try:
            self._store(records, name, Record(delivered=stamp))
        except SinkError as error:
            raise SinkUnverifiedError(str(error)) from None

    def _store(self, records: Mapping[str, Record], name: str, record: Record) -> None:
        entries = {key: _wire(value) for key, value in {**records, name: record}.items()}
        text = json.dumps({"version": VERSION, "entries": entries}, indent=2, sort_keys=True)
        self.file.replace(Secret(text + "\n"))


def encoded(record: Record) -> str:
    """Return a record as one compact line of ASCII JSON, for stores that keep it beside the value."""
    return json.dumps(_wire(record), separators=(",", ":"), sort_keys=True)


def decoded(text: str) -> Record | None:
    """Return the record of a line that `encoded` made, or None when it is none."""
    try:
        return _record(json.loads(text, object_pairs_hook=unique_members))
    except (_DamagedError, ValueError, RecursionError):
        return None


class _DamagedError(Exception):
    """Raised inside this module for a file that is JSON and not ours."""


def _wire(record: Record) -> dict[str, object]:
    stamps = {"delivered": record.delivered, "pending": record.pending}
    return {state: _wire_stamp(stamp) for state, stamp in stamps.items() if stamp}


def _wire_stamp(stamp: Stamp) -> dict[str, object]:
    receipt = stamp.receipt
    return {
        "origin": receipt.origin,
        "address": receipt.address,
        "remote_id": receipt.remote_id,
        "generation": receipt.generation,
        "attempt": receipt.attempt,
        "delivered_at": receipt.delivered_at.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "fingerprint": stamp.fingerprint,
    }


def _parsed(text: str) -> dict[str, Record]:
    document = _object(json.loads(text, object_pairs_hook=unique_members), {"version", "entries"})
    if document["version"] != VERSION:
        msg = f"its version is not {VERSION}, so another release of this tool wrote it"
        raise _DamagedError(msg)
    entries = document["entries"]
    if not isinstance(entries, dict):
        msg = "`entries` is not an object"
        raise _DamagedError(msg)
    return {name: _record(value) for name, value in entries.items()}


def _record(value: object) -> Record:
    if not isinstance(value, dict) or not value or value.keys() - {"delivered", "pending"}:
        msg = "an entry has unexpected members"
        raise _DamagedError(msg)
    return Record(**{state: _stamp(stamp) for state, stamp in value.items()})


def _stamp(value: object) -> Stamp:
    members = _object(value, _FIELDS)
    generation, attempt, text = members["generation"], members["attempt"], members["delivered_at"]
    if any(type(members[name]) is not str for name in _TEXTS):
        msg = "a receipt has a member that is no text"
        raise _DamagedError(msg)
    if type(generation) is not int or type(attempt) is not int or generation < 1 or attempt < 1:
        msg = "a receipt has a generation or an attempt that is no positive number"
        raise _DamagedError(msg)
    if not _FINGERPRINT.fullmatch(members["fingerprint"]):
        msg = "a receipt has a fingerprint of the wrong form"
        raise _DamagedError(msg)
    receipt = Receipt(
        origin=members["origin"],
        address=members["address"],
        remote_id=members["remote_id"],
        generation=generation,
        attempt=attempt,
        delivered_at=utc_instant(text),
    )
    return Stamp(receipt=receipt, fingerprint=members["fingerprint"])


def _object(value: object, names: set[str] | frozenset[str]) -> dict[str, Any]:
    if not isinstance(value, dict) or value.keys() != names:
        msg = f"an object does not have exactly the members {', '.join(sorted(names))}"
        raise _DamagedError(msg)
    return value
