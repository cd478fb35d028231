"""Receipts in AWS tags, which hold few characters and at most 256 of them."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import SinkError
from reconciler.sinks._receipts import decoded, encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.sinks._receipts import Record

_TAG: Final = "reconciler"
_LENGTH: Final = 256
MARK: Final[Mapping[str, str]] = {_TAG: "in use"}
"""The tag of everything that this tool writes to; it says nothing of a delivery."""


def tags_of(record: Record, field: str | None = None) -> dict[str, str]:
    """Return the tags that hold a record; those that a longer one left behind do no harm.

    Args:
        record: what is known of the entry.
        field: of the secret, where an entry is a part of one.
    """
    text = base64.urlsafe_b64encode(encoded(record).encode()).decode()
    room = _LENGTH - len("99.")
    pieces = [text[start : start + room] for start in range(0, len(text), room)]
    # The count goes with the first piece, so that nothing has to be untagged when a record gets shorter.
    values = [f"{len(pieces)}.{pieces[0]}", *pieces[1:]]
    return {**MARK, **{_name(field, number): value for number, value in enumerate(values)}}


def record_in(tags: Mapping[str, str], entry: str, field: str | None = None) -> Record | None:
    """Return the record that tags hold, or None where there is none.

    Args:
        tags: of the secret or parameter.
        entry: the name to show.
        field: of the secret, where the entry is a part of one.

    Raises:
        SinkError: when the tags are damaged; that is never taken for "no receipt".
    """
    first = tags.get(_name(field, 0))
    if first is None:
        return None
    count, _, piece = first.partition(".")
    numbers = range(1, int(count)) if count.isdecimal() else range(0)
    text = "".join([piece, *(tags.get(_name(field, number), "") for number in numbers)])
    try:
        record = decoded(base64.urlsafe_b64decode(text.encode()).decode())
    except (binascii.Error, ValueError):
        record = None
    if record is None:
        msg = (
            f"entry {entry}: the receipt in its tags `{_name(field, 0)}…` is damaged; restore or remove "
            "them, and declare `takeover: true`"
        )
        raise SinkError(msg)
    return record


def as_wire(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Return tags as the services take them."""
    return [{"Key": name, "Value": value} for name, value in tags.items()]


def from_wire(tags: Iterable[Mapping[str, Any]] | None) -> dict[str, str]:
    """Return tags as the services answer them."""
    return {str(tag["Key"]): str(tag["Value"]) for tag in tags or ()}


def _name(field: str | None, number: int) -> str:
    # A field has no slash or colon in its name, so no two fields share a tag.
    return f"{_TAG}/{field}:{number}" if field else f"{_TAG}:{number}"
