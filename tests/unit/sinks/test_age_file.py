"""The `age` sink, opened again by independent readers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyrage
import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError
from reconciler.sinks.age_file import build
from tests.canary.shown import leaked, shown
from tests.contract.age_reader import IDENTITY, RECIPIENT, open_age
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, receipt
from tests.unit.sinks.interop import age_readers

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sinks._sealed_files import SealedFileSink

# An SSH key pair that protects nothing; a comment follows in the file it came from.
SSH = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN"


def sink(directory: Path, *recipients: str) -> SealedFileSink:
    """Return a sink as the next run would make it."""
    return build({"directory": directory, "recipients": recipients or (RECIPIENT,)})


@pytest.mark.parametrize("reader", age_readers())
@pytest.mark.parametrize("secret", [OLD, "ü" * 70_000], ids=["short", "more than a chunk"])
def test_other_implementations_read_the_file(reader: str, secret: str, tmp_path: Path) -> None:
    """The file holds exactly the secret, without a newline, whoever opens it."""
    sink(tmp_path).put(ENTRY, Secret(secret), receipt())

    assert age_readers()[reader](tmp_path / f"{NAME}.age") == secret


def test_each_recipient_can_open_it(tmp_path: Path) -> None:
    """Every holder of a private key alone is enough."""
    others = [pyrage.x25519.Identity.generate() for _ in range(2)]
    sink(tmp_path, RECIPIENT, *(str(other.to_public()) for other in others)).put(
        ENTRY, Secret(OLD), receipt()
    )

    content = (tmp_path / f"{NAME}.age").read_bytes()
    assert open_age(content.decode(), IDENTITY).decode() == OLD
    assert [pyrage.decrypt(content, [other]).decode() for other in others] == [OLD, OLD]


def test_an_ssh_key_is_a_recipient(tmp_path: Path) -> None:
    """The comment of an SSH key is passed over."""
    sink(tmp_path, f"{SSH} me@laptop").preflight([ENTRY])
    sink(tmp_path, f"{SSH} me@laptop").put(ENTRY, Secret(OLD), receipt())

    assert b"BEGIN AGE" in (tmp_path / f"{NAME}.age").read_bytes()
    sink(tmp_path).verify(ENTRY, Secret(OLD), receipt())


@pytest.mark.parametrize("bad", [RECIPIENT[:-1] + "q", "ssh-ed25519 AAAA", "ssh-rsa AAAA"])
def test_a_recipient_that_is_none_is_refused_before_minting(bad: str, tmp_path: Path) -> None:
    """The checksum tells a key that was copied badly; nothing is written."""
    with pytest.raises(SinkRefusedError, match="number 2 is no public key"):
        sink(tmp_path, RECIPIENT, bad).preflight([ENTRY])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(SinkError, match="cannot encrypt") as caught:
        sink(tmp_path, bad).put(ENTRY, Secret(OLD), receipt())
    assert leaked(shown(caught.value), OLD) == []
    assert not (tmp_path / f"{NAME}.age").exists()


def test_nothing_in_the_directory_shows_the_secret(tmp_path: Path) -> None:
    """All of it may be committed."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    sink(tmp_path).put(ENTRY, Secret(NEW), receipt(2))

    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"{NAME}.age", f"{NAME}.age.receipts.json", ".reconciler.lock"}
    assert leaked("".join(path.read_text() for path in tmp_path.iterdir()), OLD, NEW) == []


def test_a_file_that_was_encrypted_again_elsewhere_is_not_in_custody(tmp_path: Path) -> None:
    """What this tool did not encrypt it cannot vouch for, until its digest is in the receipts."""
    sink(tmp_path).put(ENTRY, Secret(OLD), receipt())
    path = tmp_path / f"{NAME}.age"
    again = pyrage.encrypt(OLD.encode(), [pyrage.x25519.Recipient.from_str(RECIPIENT)], armored=True)
    path.write_bytes(again)

    assert sink(tmp_path).stat([NAME]) == {}
