"""A line of an audit trail: JSON for any program, with a checksum that notices every change."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.audit.line import from_line, to_line

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
LINE = to_line({"event": "ended", "who": {"actor": "octocat"}, "note": "ä\n\u2028"})


@given(st.dictionaries(st.text(), JSON))
def test_every_record_comes_back(record: dict[str, object]) -> None:
    """One line of plain JSON, whatever is in the record."""
    line = to_line(record)
    assert line.count(b"\n") == 1
    assert json.loads(line)["record"] == record
    assert from_line(line[:-1]) == record


@pytest.mark.parametrize("position", range(len(LINE) - 1))
def test_every_changed_byte_is_noticed(position: int) -> None:
    """Also in the checksum, the length, and the frame."""
    changed = bytearray(LINE[:-1])
    changed[position] ^= 1
    assert from_line(bytes(changed)) is None


@pytest.mark.parametrize("length", range(len(LINE) - 1))
def test_every_cut_is_noticed(length: int) -> None:
    """A line that was not written to its end is none."""
    assert from_line(LINE[:length]) is None


def test_a_frame_around_something_else_is_no_line() -> None:
    """The checksum may be right and the content still none of ours."""
    good = to_line({"a": 1})
    assert from_line(good[:-1].replace(b'{"a":1}', b'["a",1]')) is None
    deep = b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    import hashlib  # noqa: PLC0415  # one use

    checksum = hashlib.sha256(deep).hexdigest().encode()
    assert from_line(b'{"sha256":"%b","length":%d,"record":%b}' % (checksum, len(deep), deep)) is None
