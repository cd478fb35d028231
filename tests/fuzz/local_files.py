"""Local files that sinks, escrow and the audit trail read: others may have written or damaged them."""

from __future__ import annotations

import json
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pyrage

from reconciler.audit.line import to_line
from reconciler.audit.trail_file import TrailFile, read_trail
from reconciler.cli.commands.audit import _table
from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.errors import AuditError, CredentialsError, SinkError
from reconciler.ports.audit import AuditRecord
from reconciler.ports.sink import Entry
from reconciler.sinks import dotenv, json_file, sops_file
from reconciler.sinks._kubernetes_access import from_kubeconfig
from reconciler.sinks._receipts import decoded, encoded
from reconciler.sinks.escrow import AgeEscrow, file_name, open_sealed
from tests.fuzz.dictionary import dictionary
from tests.fuzz.inert import check_terminal
from tests.fuzz.scratch import scratch
from tests.fuzz.target import CANARY, Target
from tests.unit.core.worlds import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.ports.sink import Sink

_IDENTITY: Final = pyrage.x25519.Identity.from_str(
    "AGE-SECRET-KEY-1USWYPF5DNLGYW9PMGPQZZVR2YE7MKYNNG6GK0ECH5KM4UX20VCJSE8GNNU"
)
_CUT: Final = b"\n%%\n"
_NEW: Final = "sk-0123456789abcdef"
_RECEIPT: Final = Receipt(
    origin="https://api.example",
    address="acc/client-a",
    remote_id="7",
    generation=1,
    attempt=1,
    delivered_at=NOW,
)
_ENTRY: Final = Entry(name="CLIENT_A", address="acc/client-a", origin="https://api.example", takeover=True)
_OTHER: Final = "CLIENT_B"


def _sink(build: Callable[[Path], Sink], path: str, *, receipts: str) -> Callable[[bytes], None]:
    """Return the feed of a file sink; an input is the file, and behind a line `%%` its receipts."""

    def feed(data: bytes) -> None:
        content, _, noted = data.partition(_CUT)
        with scratch() as folder:
            file = Path(folder, path)
            file.write_bytes(content)
            file.chmod(0o600)
            if noted:
                Path(folder, receipts).write_bytes(noted)
            _use(build(Path(folder)), file)

    return feed


def _use(sink: Sink, file: Path) -> None:
    """Look, deliver, and see that what was delivered is there and the other entry is as it was."""
    before = file.read_bytes()
    other = sink.read(_OTHER) if hasattr(sink, "read") else None
    try:
        sink.stat([_ENTRY.name, _OTHER])
        sink.preflight([_ENTRY])
        sink.put(_ENTRY, Secret(_NEW), _RECEIPT)
    except SinkError:
        assert file.read_bytes() == before, "a file that was refused and changed"
        raise
    sink.verify(_ENTRY, Secret(_NEW), _RECEIPT)
    assert sink.stat([_ENTRY.name]) == {_ENTRY.name: _RECEIPT}
    if hasattr(sink, "read"):
        again = sink.read(_OTHER)
        assert (other and other.reveal()) == (again and again.reveal()), (
            "a delivery that changed another entry"
        )


def _dotenv(folder: Path) -> Sink:
    return dotenv.build({"path": folder / "keys.env", "allow_tracked": True})


def _json_sink(folder: Path) -> Sink:
    return json_file.build({"path": folder / "keys.json", "allow_tracked": True})


def _sops(folder: Path) -> Sink:
    recipients = (str(_IDENTITY.to_public()),)
    return sops_file.build({"directory": folder, "recipients": recipients})


def _receipt(data: bytes) -> None:
    """Read a receipt that a store keeps beside a value, and write it again."""
    record = decoded(data.decode("utf-8", "replace"))
    if record is not None:
        assert decoded(encoded(record)) == record, "a receipt that is read as another one"


def _escrow(data: bytes) -> None:
    """Open the input as an escrow file, as what one holds, and as an identity."""
    with scratch() as folder:
        path = Path(folder, "a.age")
        sealed = pyrage.encrypt(data, [_IDENTITY.to_public()], armored=True)
        for content, identity in ((sealed, str(_IDENTITY)), (data, str(_IDENTITY)), (sealed, data)):
            path.write_bytes(content)
            text = identity if isinstance(identity, str) else identity.decode("utf-8", "surrogateescape")
            _open(path, Secret(text))


def _open(path: Path, identity: Secret) -> None:
    try:
        found = open_sealed(path, identity)
    except SinkError as error:
        assert CANARY not in str(error)  # noqa: PT017  # the oracle is inside the feed
        return
    assert CANARY not in repr(found.secret)
    assert found.receipt.delivered_at.tzinfo is not None
    # What `recover` does next.
    found.secret.fingerprint()
    found.receipt.delivered_at.astimezone(UTC)
    encoded_again = file_name(found.receipt)
    assert encoded_again.isascii()


def _escrow_name(data: bytes) -> None:
    """Name the file of a key, and find it again among files that others have put there."""
    name, _, remote_id = data.decode("utf-8", "replace").partition("\n")
    receipt = Receipt(
        origin="https://api.example",
        address=f"acc/{name}",
        remote_id=remote_id,
        generation=1,
        attempt=1,
        delivered_at=NOW,
    )
    file = file_name(receipt)
    assert file.isascii()
    assert "/" not in file
    assert len(file) <= 255, "a name that no file system takes"
    with scratch() as folder:
        for other in {file, "x.age", f"{'0' * 16}.age", *_possible(name)}:
            Path(folder, other).touch()
        held = AgeEscrow(Path(folder), ()).held([(receipt.origin, receipt.remote_id), ("https://x", "1")])
    assert held == {(receipt.origin, receipt.remote_id): file}


def _possible(name: str) -> set[str]:
    clean = name.replace("/", "").replace("\x00", "")[:60]
    return {clean} - {"", ".", ".."}


def _trail(data: bytes) -> None:
    """Read a trail, add a line, and find it again; in a second reading checksums are right."""
    for content in (data, _checked(data)):
        with scratch() as folder:
            path = Path(folder, "audit.jsonl")
            path.write_bytes(content)
            path.chmod(0o600)
            before = read_trail(path)
            check_terminal(_table(before))
            TrailFile(path=path, who={"user": "a"}, tool="fuzz").append(
                AuditRecord(at=NOW, event="plan", facts={"digest": "sha256:0"})
            )
            after = read_trail(path)
            assert after.records[:-1] == before.records, "a record that an append changed"
            assert after.records[-1]["event"] == "plan", "a record that was not appended"
            assert after.damaged == before.damaged, "an append that looks like damage"


def _checked(data: bytes) -> bytes:
    lines = []
    for line in data.split(b"\n"):
        try:
            record = json.loads(line)["record"]
        except (ValueError, TypeError, KeyError, RecursionError):
            lines.append(line)
        else:
            lines.append(to_line(record).rstrip(b"\n") if isinstance(record, dict) else line)
    return b"\n".join(lines)


def _kubeconfig(data: bytes) -> None:
    with scratch() as folder:
        path = Path(folder, "config")
        path.write_bytes(data)
        access = from_kubeconfig(path)
        access.credentials()


TARGETS: Final = (
    Target(
        name="dotenv",
        feed=_sink(_dotenv, "keys.env", receipts="keys.env.receipts.json"),
        errors=(SinkError,),
        words=dictionary("dotenv", "receipts"),
        cut=_CUT,
    ),
    Target(
        name="json-sink",
        feed=_sink(_json_sink, "keys.json", receipts="keys.json.receipts.json"),
        errors=(SinkError,),
        words=dictionary("receipts"),
        cut=_CUT,
    ),
    Target(
        name="sops",
        feed=_sink(_sops, "CLIENT_A.sops.json", receipts="CLIENT_A.sops.json.receipts.json"),
        errors=(SinkError,),
        words=dictionary("receipts"),
        cut=_CUT,
    ),
    Target(name="receipt", feed=_receipt, errors=(), words=dictionary("receipts")),
    Target(
        name="escrow",
        feed=_escrow,
        errors=(),
        words=dictionary("escrow"),
    ),
    Target(name="escrow-name", feed=_escrow_name, errors=()),
    Target(
        name="audit-trail",
        feed=_trail,
        errors=(AuditError,),
        words=dictionary("audit-trail"),
    ),
    Target(
        name="kubeconfig",
        feed=_kubeconfig,
        errors=(SinkError, CredentialsError),
        words=dictionary("kubeconfig"),
    ),
)
