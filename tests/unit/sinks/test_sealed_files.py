"""Encrypted files that cannot be opened again: names, receipts, and who wrote what."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks.age_file import build
from tests.contract.age_reader import RECIPIENT
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, receipt

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sinks._sealed_files import SealedFileSink


@pytest.fixture
def sink(tmp_path: Path) -> SealedFileSink:
    """A sink over an empty directory."""
    return build({"directory": tmp_path / "keys", "recipients": (RECIPIENT,)})


@pytest.mark.parametrize("name", ["../A", "a/b", ".A", "-A", "A B", "Ä", "", "A" * 129, "A\n"])
def test_only_names_that_are_safe_everywhere_become_files(sink: SealedFileSink, name: str) -> None:
    """An entry cannot leave the directory, hide, or look like an option."""
    with pytest.raises(SinkRefusedError, match="it names a file"):
        sink.preflight([replace(ENTRY, name=name)])
    with pytest.raises(SinkRefusedError, match="it names a file"):
        sink.put(replace(ENTRY, name=name), Secret(OLD), receipt())
    assert sink.stat([name]) == {}


def test_entries_have_files_of_their_own(sink: SealedFileSink, tmp_path: Path) -> None:
    """Writing one entry touches no other, so two branches never conflict over one file."""
    sink.put(ENTRY, Secret(OLD), receipt())
    before = {path: path.read_bytes() for path in (tmp_path / "keys").glob(f"{NAME}.*")}
    other = replace(ENTRY, name="OTHER", address="reseller/other")
    sink.put(other, Secret(NEW), receipt(address=other.address))

    assert {path: path.read_bytes() for path in before} == before
    assert set(sink.stat([NAME, "OTHER"])) == {NAME, "OTHER"}


def test_verify_tells_another_secret(sink: SealedFileSink) -> None:
    """The receipt names the secret by its fingerprint, although the file cannot be opened."""
    sink.put(ENTRY, Secret(OLD), receipt())

    with pytest.raises(SinkUnverifiedError):
        sink.verify(ENTRY, Secret(NEW), receipt())


def test_the_digest_decides_between_two_deliveries(sink: SealedFileSink, tmp_path: Path) -> None:
    """With the former file put back, by `git checkout` say, the former receipt counts again."""
    sink.put(ENTRY, Secret(OLD), receipt())
    path = tmp_path / "keys" / f"{NAME}.age"
    former = path.read_bytes()
    sink.put(ENTRY, Secret(NEW), receipt(2))
    path.write_bytes(former)

    assert sink.stat([NAME]) == {NAME: receipt()}


@pytest.mark.parametrize("secret", [Secret(""), Secret("\udcff")], ids=["empty", "no text"])
def test_what_is_no_text_is_not_stored(sink: SealedFileSink, secret: Secret, tmp_path: Path) -> None:
    """Nothing is written."""
    with pytest.raises(SinkError, match="empty or no text"):
        sink.put(ENTRY, secret, receipt())
    assert not (tmp_path / "keys").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"deliveries": []},
        {"deliveries": [1]},
        {"deliveries": [{"sha256": "0" * 64}]},
        {"more": 1},
    ],
    ids=str,
)
def test_damaged_receipts_are_an_error(
    sink: SealedFileSink, tmp_path: Path, change: dict[str, object]
) -> None:
    """They are never taken for none, whatever is wrong with them."""
    sink.put(ENTRY, Secret(OLD), receipt())
    path = tmp_path / "keys" / f"{NAME}.age.receipts.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    with pytest.raises(SinkError, match="damaged"):
        sink.stat([NAME])


def test_a_digest_of_another_form_is_damage(sink: SealedFileSink, tmp_path: Path) -> None:
    """It could never fit a file."""
    sink.put(ENTRY, Secret(OLD), receipt())
    path = tmp_path / "keys" / f"{NAME}.age.receipts.json"
    document = json.loads(path.read_text())
    document["deliveries"][0]["sha256"] = "short"
    path.write_text(json.dumps(document))

    with pytest.raises(SinkError, match="damaged"):
        sink.stat([NAME])


def test_without_its_receipts_a_file_is_somebody_elses(sink: SealedFileSink, tmp_path: Path) -> None:
    """A file whose receipts were not committed is not overwritten either."""
    sink.put(ENTRY, Secret(OLD), receipt())
    (tmp_path / "keys" / f"{NAME}.age.receipts.json").unlink()

    with pytest.raises(SinkRefusedError, match="did not write"):
        sink.preflight([ENTRY])
