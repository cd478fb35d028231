"""Receipts in AWS tags: allowed characters, lengths, and what a shorter record leaves behind."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from reconciler.errors import SinkError
from reconciler.sinks._aws_receipts import as_wire, from_wire, record_in, tags_of
from reconciler.sinks._receipts import Record, Stamp
from tests.contract.sink_faults import receipt

ALLOWED = re.compile(r"[A-Za-z0-9 _.:/=+@-]{0,256}")
LONG = Stamp(receipt=replace(receipt(), address=f"reseller/{'ключ (β)' * 20}"), fingerprint="0" * 16)
SHORT = Stamp(receipt=receipt(), fingerprint="f" * 16)


@pytest.mark.parametrize("field", [None, "CLIENT_A"])
@pytest.mark.parametrize("record", [Record(delivered=SHORT), Record(delivered=LONG, pending=SHORT)])
def test_a_record_survives_the_tags(record: Record, field: str | None) -> None:
    """Whatever is in a receipt, the tags hold only what AWS takes and give the same record back."""
    tags = tags_of(record, field)

    assert all(ALLOWED.fullmatch(name) and ALLOWED.fullmatch(value) for name, value in tags.items())
    assert record_in(from_wire(as_wire(tags)), "entry", field) == record


def test_what_a_longer_record_left_behind_does_no_harm() -> None:
    """Completing a delivery overwrites tags and removes none."""
    tags = {**tags_of(Record(delivered=LONG, pending=LONG)), **tags_of(Record(delivered=SHORT))}

    assert record_in(tags, "entry") == Record(delivered=SHORT)


def test_fields_do_not_share_tags() -> None:
    """Two fields of one secret, and the secret itself, each have their own receipt."""
    tags = {**tags_of(Record(delivered=SHORT), "A"), **tags_of(Record(pending=SHORT), "B")}

    assert record_in(tags, "entry", "A") == Record(delivered=SHORT)
    assert record_in(tags, "entry", "B") == Record(pending=SHORT)
    assert record_in(tags, "entry") is None


@pytest.mark.parametrize("value", ["", "1.", "x.e30=", "2.e30=", "1.e30=", "1.!!!!", "1.gICA"])
def test_a_damaged_tag_is_an_error(value: str) -> None:
    """What cannot be understood is never taken for no receipt."""
    with pytest.raises(SinkError, match="takeover"):
        record_in({"reconciler:0": value}, "entry")
