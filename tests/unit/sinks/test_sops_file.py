"""The `sops` sink, opened again by independent readers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pyrage
import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkRefusedError
from reconciler.sinks.sops_file import build
from tests.canary.shown import leaked
from tests.contract.age_reader import RECIPIENT, open_sops
from tests.contract.sink_faults import ENTRY, NAME, OLD, receipt
from tests.unit.sinks.interop import sops_readers

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sinks._sealed_files import SealedFileSink


def sink(directory: Path, *recipients: str) -> SealedFileSink:
    """Return a sink as the next run would make it."""
    return build({"directory": directory, "recipients": recipients or (RECIPIENT,)})


@pytest.mark.parametrize("reader", sops_readers())
@pytest.mark.parametrize("secret", [OLD, 'Bearer "ü"\n\\{}'], ids=["plain", "odd"])
def test_other_implementations_read_the_file(reader: str, secret: str, tmp_path: Path) -> None:
    """The value under the entry's name is exactly the secret."""
    sink(tmp_path).put(ENTRY, Secret(secret), receipt())

    assert sops_readers()[reader](tmp_path / f"{NAME}.sops.json") == secret


def test_the_file_is_of_the_documented_form(tmp_path: Path) -> None:
    """One value, and the metadata that SOPS asks for; the time is that of the delivery."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())

    text = (tmp_path / f"{NAME}.sops.json").read_text()
    document = json.loads(text)
    assert list(document) == [NAME, "sops"]
    assert set(document["sops"]) == {"age", "lastmodified", "mac", "unencrypted_suffix", "version"}
    assert document["sops"]["lastmodified"] == "2026-11-20T12:00:01Z"
    assert [item["recipient"] for item in document["sops"]["age"]] == [RECIPIENT]
    assert leaked(text, OLD) == []


@pytest.mark.parametrize("content", ['{"%s": "\\ud800"}', '{"%s": 7}', "[]", "{", "[" * 100_000])
def test_a_file_of_another_form_is_not_what_was_delivered(content: str, tmp_path: Path) -> None:
    """Somebody else wrote it, and no receipt counts for it."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    (tmp_path / f"{NAME}.sops.json").write_text(content.replace("%s", NAME))

    assert sink(tmp_path).stat([NAME]) == {}


def test_a_changed_file_is_noticed_by_its_readers(tmp_path: Path) -> None:
    """The MAC is bound to the time, and the value to its name."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    document = json.loads((tmp_path / f"{NAME}.sops.json").read_text())
    moved = {"OTHER": document[NAME], "sops": document["sops"]}
    later = {**document, "sops": {**document["sops"], "lastmodified": "2027-01-01T00:00:00Z"}}

    for changed in (moved, later):
        with pytest.raises(Exception, match=r"^$"):  # a tag that does not fit has no message
            open_sops(json.dumps(changed))


def test_each_recipient_gets_the_data_key(tmp_path: Path) -> None:
    """Every holder of a private key opens the same 32 bytes."""
    other = pyrage.x25519.Identity.generate()
    sink(tmp_path, RECIPIENT, str(other.to_public())).put(ENTRY, Secret(OLD), receipt())

    text = (tmp_path / f"{NAME}.sops.json").read_text()
    sealed = json.loads(text)["sops"]["age"][1]["enc"]
    assert len(pyrage.decrypt(sealed.encode(), [other])) == 32
    assert open_sops(text) == {NAME: OLD}


def test_a_change_of_recipients_keeps_custody(tmp_path: Path) -> None:
    """`sops updatekeys` writes other metadata around the same encrypted value."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    path = tmp_path / f"{NAME}.sops.json"
    document = json.loads(path.read_text())
    document["sops"]["age"] *= 2
    path.write_text(json.dumps(document))

    assert sink(tmp_path).stat([NAME]) == {NAME: receipt()}


def test_another_value_ends_custody(tmp_path: Path) -> None:
    """`sops set` and `sops rotate` encrypt anew, and what is inside is not known here."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    path = tmp_path / f"{NAME}.sops.json"
    document = json.loads(path.read_text())
    path.write_text(json.dumps({**document, NAME: document["sops"]["mac"]}))

    assert sink(tmp_path).stat([NAME]) == {}


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"CLIENT_A_KEY": 1}', "cut {"])
def test_a_file_of_another_form_is_not_in_custody(content: str, tmp_path: Path) -> None:
    """Whatever was put in place of the file, it is no delivery, and the next one replaces it."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    (tmp_path / f"{NAME}.sops.json").write_text(content)

    assert sink(tmp_path).stat([NAME]) == {}
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    assert sink(tmp_path).stat([NAME]) == {NAME: receipt()}


@pytest.mark.parametrize("name", ["sops", "KEY_unencrypted"])
def test_names_that_sops_keeps_in_the_clear_are_refused(name: str, tmp_path: Path) -> None:
    """A reader would take the ciphertext for the value."""
    with pytest.raises(SinkRefusedError, match="does not encrypt"):
        sink(tmp_path).preflight([replace(ENTRY, name=name)])
