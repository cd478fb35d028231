"""One line of an audit trail: JSON that carries its own length and checksum."""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE: Final = re.compile(rb'\{"sha256":"([0-9a-f]{64})","length":([1-9][0-9]{0,8}),"record":(\{.*\})\}')


def to_line(record: Mapping[str, Any]) -> bytes:
    """Return a record as one line of ASCII JSON, which `jq .record` reads.

    The length counts the bytes of the value of `record` as they stand there, and the checksum is over them.
    """
    text = json.dumps(record, separators=(",", ":")).encode("ascii")
    checksum = hashlib.sha256(text).hexdigest().encode("ascii")
    return b'{"sha256":"%b","length":%d,"record":%b}\n' % (checksum, len(text), text)


def from_line(line: bytes) -> dict[str, Any] | None:
    """Return the record of a line without its line feed, or None when it is damaged."""
    found = _LINE.fullmatch(line)
    if found is None:
        return None
    checksum, length, text = found.groups()
    if len(text) != int(length) or hashlib.sha256(text).hexdigest().encode("ascii") != checksum:
        return None
    try:
        record = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None
