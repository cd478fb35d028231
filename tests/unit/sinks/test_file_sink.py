"""What the sinks with many secrets in one file have in common, beyond the contract of all sinks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError
from reconciler.ports.sink import Entry
from reconciler.sinks import dotenv, json_file
from tests.contract.sink_faults import ENTRY, NAME, OLD, receipt

if TYPE_CHECKING:
    from pathlib import Path


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """One round is enough to repair the declarations."""
    (tmp_path / "keys.env").write_text("TAKEN=x\n", "utf-8")
    entries = [
        Entry(name="TAKEN", address="reseller/a", origin="https://api.example"),
        Entry(name="not-a-name", address="reseller/b", origin="https://api.example"),
        Entry(name="BOTH", address="reseller/c", origin="https://api.example"),
        Entry(name="BOTH", address="reseller/d", origin="https://api.example"),
        Entry(name="FINE", address="reseller/e", origin="https://api.example"),
    ]

    with pytest.raises(SinkRefusedError) as caught:
        dotenv.build({"path": tmp_path / "keys.env"}).preflight(entries)

    problems = str(caught.value).splitlines()
    assert [problem.split(": ")[1] for problem in problems] == [
        "entry TAKEN",
        "entry 'not-a-name'",
        "entry BOTH",
    ]
    assert "reseller/c" in problems[2]
    assert "reseller/d" in problems[2]


def test_takeover_does_not_replace_what_is_no_secret(tmp_path: Path) -> None:
    """An object under the name is somebody's structure, not an old secret."""
    (tmp_path / "keys.json").write_text('{"CLIENT_A_KEY": {"a": 1}}', "utf-8")
    entry = replace(ENTRY, takeover=True)

    with pytest.raises(SinkRefusedError, match="no string"):
        json_file.build({"path": tmp_path / "keys.json"}).preflight([entry])


def test_a_value_that_is_no_text_is_in_nobodys_custody(tmp_path: Path) -> None:
    """Bytes that cannot be a secret of ours are no error either."""
    sink = dotenv.build({"path": tmp_path / "keys.env"})
    sink.put(ENTRY, Secret(OLD), receipt())
    (tmp_path / "keys.env").write_bytes(NAME.encode() + b"=\xff\n")

    assert sink.stat([NAME]) == {}


def test_an_entry_removed_by_hand_is_free(tmp_path: Path) -> None:
    """What is not there belongs to nobody, whatever the receipts remember."""
    sink = dotenv.build({"path": tmp_path / "keys.env"})
    sink.put(ENTRY, Secret(OLD), receipt())
    (tmp_path / "keys.env").unlink()

    assert sink.stat([NAME]) == {}
    sink.preflight([Entry(name=NAME, address="reseller/other", origin="https://api.example")])


def test_a_secret_that_the_format_cannot_hold_is_not_written(tmp_path: Path) -> None:
    """The refusal leaves nothing behind, not even a pending receipt."""
    with pytest.raises(SinkError, match="quoted: true"):
        dotenv.build({"path": tmp_path / "keys.env"}).put(ENTRY, Secret("two words"), receipt())

    assert list(tmp_path.iterdir()) == []
