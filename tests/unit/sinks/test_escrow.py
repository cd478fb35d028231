"""The escrow on a real disk, opened by the tool, by a second reader of the format, and by nobody else."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pyrage
import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError
from reconciler.sinks._age import seal
from reconciler.sinks.escrow import AgeEscrow, file_name, open_sealed
from tests.canary.shown import leaked
from tests.contract.age_reader import IDENTITY, RECIPIENT, open_age
from tests.contract.sink_faults import NEW, receipt

if TYPE_CHECKING:
    from pathlib import Path

SECRET = Secret(NEW)
MINE = Secret(f"# created: today\n\n{IDENTITY}\n")


@pytest.fixture
def escrow(tmp_path: Path) -> AgeEscrow:
    """Return an escrow that has not been used."""
    return AgeEscrow(tmp_path / "escrow", [RECIPIENT])


def test_what_is_sealed_can_be_opened_with_the_identity(escrow: AgeEscrow, tmp_path: Path) -> None:
    """Secret and receipt come back, and the file is private."""
    sealed = receipt()
    name = escrow.seal(SECRET, sealed)
    path = tmp_path / "escrow" / name
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    found = open_sealed(path, MINE)
    assert found.secret.fingerprint() == SECRET.fingerprint()
    assert found.receipt == sealed
    assert json.loads(open_age(path.read_text()))["secret"] == NEW


def test_nothing_of_the_secret_is_on_the_disk(escrow: AgeEscrow, tmp_path: Path) -> None:
    """Not in the content, and not in a name."""
    escrow.preflight()
    escrow.seal(SECRET, receipt())
    for path in tmp_path.rglob("*"):
        assert not leaked(path.name, NEW)
        if path.is_file():
            assert not leaked(path.read_text("utf-8", "replace"), NEW)


def test_sealing_again_replaces_the_file_of_the_key(escrow: AgeEscrow, tmp_path: Path) -> None:
    """One file a key, another file for another key, and no rubbish beside them."""
    first = escrow.seal(SECRET, receipt())
    assert escrow.seal(Secret("sk-another-one"), receipt()) == first
    other = escrow.seal(SECRET, replace(receipt(), remote_id="other"))
    assert sorted(path.name for path in (tmp_path / "escrow").glob("*.age")) == sorted([first, other])
    assert not list((tmp_path / "escrow").glob("*.tmp"))
    assert open_sealed(tmp_path / "escrow" / first, MINE).secret.fingerprint() != SECRET.fingerprint()


def test_it_knows_which_keys_it_holds(escrow: AgeEscrow) -> None:
    """By origin and id, without opening anything; files of others do not matter."""
    sealed = receipt()
    assert escrow.held([(sealed.origin, sealed.remote_id)]) == {}
    name = escrow.seal(SECRET, sealed)
    asked = [
        (sealed.origin, sealed.remote_id),
        ("https://elsewhere.example", sealed.remote_id),
        (sealed.origin, "other"),
    ]
    assert escrow.held(asked) == {asked[0]: name}


@pytest.mark.parametrize(
    ("address", "remote_id"), [("a/../../x", "../../etc/passwd"), ("a/b", "\x1b[31m"), ("a/b", "x" * 500)]
)
def test_an_id_from_a_provider_cannot_leave_the_directory(
    escrow: AgeEscrow, tmp_path: Path, address: str, remote_id: str
) -> None:
    """It is foreign text, and it becomes part of a file name."""
    name = escrow.seal(SECRET, replace(receipt(), address=address, remote_id=remote_id))
    assert (tmp_path / "escrow" / name).is_file()
    assert name == file_name(replace(receipt(), address=address, remote_id=remote_id))
    assert len(name) < 120
    assert name.isprintable()


class TestPreflight:
    """Everything that would stop a seal is found before a mint."""

    def test_a_good_escrow_passes_and_leaves_no_file(self, escrow: AgeEscrow, tmp_path: Path) -> None:
        """The dummy is thrown away."""
        escrow.preflight()
        assert not list(tmp_path.rglob("*.age"))

    def test_a_recipient_that_is_none(self, tmp_path: Path) -> None:
        """One wrong character is enough."""
        with pytest.raises(SinkRefusedError, match="escrow: `recipients`: number 2"):
            AgeEscrow(tmp_path, [RECIPIENT, RECIPIENT[:-1] + "q"]).preflight()

    def test_a_place_that_cannot_be_written(self, tmp_path: Path) -> None:
        """A directory that others can write, and a file in its place."""
        shared = tmp_path / "shared"
        shared.mkdir()
        shared.chmod(0o777)
        (tmp_path / "file").touch()
        for place in (shared, tmp_path / "file" / "escrow"):
            with pytest.raises(SinkRefusedError, match="escrow: "):
                AgeEscrow(place, [RECIPIENT]).preflight()


class TestOpening:
    """What cannot be opened says why, and shows nothing."""

    def test_a_missing_file(self, tmp_path: Path) -> None:
        """The path is wrong."""
        with pytest.raises(SinkError, match="no such file"):
            open_sealed(tmp_path / "nothing.age", MINE)

    @pytest.mark.parametrize("content", ["", "x", "-----BEGIN AGE ENCRYPTED FILE-----\nAAAA\n"])
    def test_a_file_that_is_not_encrypted(self, tmp_path: Path, content: str) -> None:
        """Another sort of file."""
        (tmp_path / "x.age").write_text(content)
        with pytest.raises(SinkError, match="does not open it"):
            open_sealed(tmp_path / "x.age", MINE)

    def test_another_identity(self, escrow: AgeEscrow, tmp_path: Path) -> None:
        """The key of somebody else."""
        name = escrow.seal(SECRET, receipt())
        other = Secret(str(pyrage.x25519.Identity.generate()))
        with pytest.raises(SinkError, match="does not open it") as caught:
            open_sealed(tmp_path / "escrow" / name, other)
        assert not leaked(str(caught.value), NEW)

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "nothing",
            IDENTITY[:-1],
            "\udcff",
            "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n",
            "-----BEGIN OPENSSH PRIVATE KEY-----\n\u00e9\n",
        ],
    )
    def test_an_identity_file_without_an_identity(self, escrow: AgeEscrow, tmp_path: Path, text: str) -> None:
        """It is not repeated in the error."""
        name = escrow.seal(SECRET, receipt())
        with pytest.raises(SinkError, match="no age identity") as caught:
            open_sealed(tmp_path / "escrow" / name, Secret(text))
        assert "AGE-SECRET" not in str(caught.value).replace("AGE-SECRET-KEY-1…", "")

    @pytest.mark.parametrize(
        "content",
        [
            "not JSON",
            "[]",
            "{}",
            "[" * 100_000,
            {"format": "another"},
            {"generation": "1"},
            {"attempt": True},
            {"secret": 7},
            {"sealed_at": "yesterday"},
            {"sealed_at": "2026-11-20T12:00:00"},
            {"sealed_at": "9999-12-31T23:59:59-23:59"},
            {"secret": "\ud800"},
        ],
        ids=lambda content: str(content)[:20],
    )
    def test_something_else_that_was_encrypted_for_us(
        self, tmp_path: Path, content: str | dict[str, object]
    ) -> None:
        """An age file of the user's own, or of another version."""
        good = {
            "format": "reconciler escrow 1",
            "origin": "https://api.example",
            "address": "a/b",
            "remote_id": "k1",
            "generation": 1,
            "attempt": 1,
            "sealed_at": "2026-11-20T12:00:00+00:00",
            "secret": NEW,
        }
        text = content if isinstance(content, str) else json.dumps({**good, **content})
        (tmp_path / "x.age").write_text(seal(Secret(text), [RECIPIENT]).reveal())
        with pytest.raises(SinkError, match="no escrow file of this tool") as caught:
            open_sealed(tmp_path / "x.age", MINE)
        assert not leaked(str(caught.value), NEW)


def test_an_ssh_key_opens_what_was_sealed_for_it(tmp_path: Path) -> None:
    """Without a passphrase, as age takes it."""
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415  # one use
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    text = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption()
    )
    name = AgeEscrow(tmp_path / "escrow", [f"{public.decode()} ada@example"]).seal(SECRET, receipt())
    assert open_sealed(tmp_path / "escrow" / name, Secret(text.decode())).receipt == receipt()


def test_a_directory_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """It is never taken for an empty one, which would mint past a sealed secret."""
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="cannot be read"):
        AgeEscrow(tmp_path / "file", [RECIPIENT]).held([("o", "1")])
