"""The receipts beside a sink."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.model import Receipt
from reconciler.errors import SinkError
from reconciler.ports.sink import Entry
from reconciler.sinks._receipts import ReceiptsFile, Record, Stamp, refusal

if TYPE_CHECKING:
    from pathlib import Path

GOLDEN = """\
{
  "entries": {
    "A": {
      "delivered": {
        "address": "reseller/a",
        "attempt": 1,
        "delivered_at": "2026-11-20T12:00:00.000250Z",
        "fingerprint": "00112233445566ff",
        "generation": 2,
        "origin": "https://api.example",
        "remote_id": "42"
      },
      "pending": {
        "address": "reseller/a",
        "attempt": 1,
        "delivered_at": "2026-11-20T12:00:00.000250Z",
        "fingerprint": "ffffffffffffffff",
        "generation": 3,
        "origin": "https://api.example",
        "remote_id": "42"
      }
    }
  },
  "version": 1
}
"""

ORIGIN = "https://api.example"


def stamp(
    generation: int = 2,
    fingerprint: str = "00112233445566ff",
    *,
    address: str = "reseller/a",
    zone: timezone = UTC,
) -> Stamp:
    """Return a stamp."""
    at = datetime(2026, 11, 20, 12, 0, 0, 250, tzinfo=UTC).astimezone(zone)
    receipt = Receipt(
        origin=ORIGIN,
        address=address,
        remote_id="42",
        generation=generation,
        attempt=1,
        delivered_at=at,
    )
    return Stamp(receipt=receipt, fingerprint=fingerprint)


@pytest.fixture
def receipts(tmp_path: Path) -> ReceiptsFile:
    """A receipts file that does not exist yet."""
    return ReceiptsFile(tmp_path / "receipts.json")


def test_the_format_is_stable(receipts: ReceiptsFile) -> None:
    """Another release reads the very same bytes, whatever zone the clock has."""
    receipts.complete({}, "A", stamp(zone=timezone(timedelta(hours=5))))
    receipts.begin(receipts.load(), "A", stamp(3, "f" * 16))

    assert receipts.path.read_text("utf-8") == GOLDEN
    assert receipts.load() == {"A": Record(delivered=stamp(), pending=stamp(3, "f" * 16))}


def test_completing_clears_what_was_pending(receipts: ReceiptsFile) -> None:
    """After a delivery there is one receipt, and other entries keep theirs."""
    receipts.complete({}, "B", stamp())
    receipts.begin(receipts.load(), "A", stamp())
    receipts.complete(receipts.load(), "A", stamp(3))

    assert receipts.load() == {"A": Record(delivered=stamp(3)), "B": Record(delivered=stamp())}


def test_a_missing_file_has_no_receipts(receipts: ReceiptsFile) -> None:
    """The first run starts from nothing."""
    assert receipts.load() == {}


VALID: dict[str, Any] = json.loads(GOLDEN)


def damaged(**changes: object) -> str:
    """Return the golden file with members of its delivered receipt changed; None removes one."""
    document = copy.deepcopy(VALID)
    members = document["entries"]["A"]["delivered"]
    for name, value in changes.items():
        members[name] = value
        if value is None:
            del members[name]
    return json.dumps(document)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "null",
        "[]",
        "[" * 100_000,
        "{}",
        '{"version": 2, "entries": {}}',
        '{"version": 1, "entries": []}',
        '{"version": 1, "entries": {}, "more": 1}',
        '{"version": 1, "version": 1, "entries": {}}',
        '{"version": 1, "entries": {"A": []}}',
        '{"version": 1, "entries": {"A": {}}}',
        '{"version": 1, "entries": {"A": {"lost": {}}}}',
        '{"version": 1, "entries": {"A": {"pending": 1}}}',
        damaged(generation="2"),
        damaged(generation=True),
        damaged(attempt=0),
        damaged(origin=1),
        damaged(address=None),
        damaged(fingerprint="short"),
        damaged(delivered_at="yesterday"),
        damaged(delivered_at="2026-11-20T12:00:00"),
        damaged(delivered_at="0001-01-01T00:00:00+23:59"),
        damaged(extra="x"),
    ],
    ids=range(23),
)
def test_a_damaged_file_is_an_error_with_the_remedy(receipts: ReceiptsFile, content: str) -> None:
    """Whatever is wrong, it is never taken for "nothing was delivered"."""
    receipts.path.write_text(content, "utf-8")

    with pytest.raises(SinkError, match="restore the file from a backup"):
        receipts.load()


def test_custody_needs_the_value_that_was_delivered() -> None:
    """A receipt counts for its own secret only, and never while it is only pending."""
    record = Record(delivered=stamp(), pending=stamp(3, "f" * 16))

    assert record.custody("00112233445566ff") == stamp().receipt
    assert record.custody("f" * 16) is None
    assert Record(pending=stamp()).custody("00112233445566ff") is None


def test_custody_of_an_unseen_value_needs_a_completed_delivery() -> None:
    """Where the value cannot be looked at, one more attempt makes the old receipt doubtful."""
    assert Record(delivered=stamp()).custody_unseen() == stamp().receipt
    assert Record(delivered=stamp(), pending=stamp(3)).custody_unseen() is None
    assert Record(pending=stamp(3)).custody_unseen() is None


@pytest.mark.parametrize(
    ("record", "takeover", "origin", "reason"),
    [
        (None, False, ORIGIN, "did not write"),
        (None, True, ORIGIN, None),
        (Record(delivered=stamp()), False, ORIGIN, None),
        (Record(delivered=stamp()), False, "https://other.example", "reseller/a at https://api.example"),
        (Record(delivered=stamp(address="reseller/b")), False, ORIGIN, "reseller/b"),
        (Record(delivered=stamp(address="reseller/b")), True, ORIGIN, None),
        (Record(delivered=stamp(address="reseller/b"), pending=stamp()), False, ORIGIN, None),
        (Record(delivered=stamp(), pending=stamp(address="reseller/b")), False, ORIGIN, None),
        (Record(pending=stamp(address="reseller/b")), False, ORIGIN, "takeover"),
    ],
    ids=range(9),
)
def test_an_entry_belongs_to_the_keys_that_were_delivered_to_it(
    record: Record | None, *, takeover: bool, origin: str, reason: str | None
) -> None:
    """What was begun for a key may be finished for it; everything else is somebody else's."""
    found = refusal(Entry(name="A", address="reseller/a", origin=origin, takeover=takeover), record)

    assert (found is None) == (reason is None)
    assert (reason or "") in (found or "")
