"""What the sinks that keep many secrets in one local file have in common."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from reconciler.errors import SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks._durable_file import DurableFile
from reconciler.sinks._git_exposure import exposure
from reconciler.sinks._receipts import ReceiptsFile, Record, Stamp, refusal
from reconciler.sinks._refusals import refuse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.sink import Entry


class Document(Protocol):
    """The parsed content of a file; nothing of it raises, as its frames hold plaintext."""

    def holds(self, name: str) -> bool:
        """Tell whether the file has an entry of this name, of whatever kind."""

    def problem(self, name: str) -> str | None:
        """Return why the entry of this name cannot be replaced, or None when it can."""

    def value(self, name: str) -> Secret | None:
        """Return the value of an entry; None where there is none that can be told for sure."""

    def with_value(self, name: str, secret: Secret) -> Secret:
        """Return the whole content with one entry changed or added, and nothing else touched."""


class FileFormat(Protocol):
    """How entries are laid out in a file."""

    def parse(self, content: Secret | None) -> Document | str:
        """Return the document, or what is wrong with it; None stands for a file that is not there."""

    def name_problem(self, name: str) -> str | None:
        """Return why an entry cannot have this name, or None when it can."""

    def secret_problem(self, secret: Secret) -> str | None:
        """Return why this secret cannot be written, or None when it can."""


class FileSink:
    """A local file with one entry a secret, and its receipts in `<path>.receipts.json`.

    Args:
        path: the file; it and its directory are made when they are missing.
        file_format: the layout of the file.
        allow_tracked: the file may lie where git would publish it.
    """

    def __init__(self, path: Path, file_format: FileFormat, *, allow_tracked: bool = False) -> None:
        self._file = DurableFile(path)
        self._receipts = ReceiptsFile(path.with_name(f"{path.name}.receipts.json"))
        self._format = file_format
        self._allow_tracked = allow_tracked

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of those entries whose value is the one that was delivered."""
        records = self._receipts.load()
        document = self._document()
        found = {}
        for name in names:
            record = records.get(name)
            receipt = record.custody(_fingerprint(document.value(name))) if record else None
            if receipt:
                found[name] = receipt
        return found

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse entries of others, files that git would publish, and directories that cannot be written."""
        self._file.probe()
        self._receipts.file.probe()
        if not self._allow_tracked:
            problem = exposure([self._file.path, self._receipts.path, self._file.leftover])
            if problem:
                raise SinkRefusedError(problem)
        refuse(self._problems(entries))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Write the receipt as pending, the value, and the receipt as delivered.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when the entry has its old value.
            SinkUnverifiedError: when the entry may have the new one.
        """
        problem = self._format.secret_problem(secret)
        if problem:
            msg = f"{self._file.path}: entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        with self._file.locked():
            records = self._receipts.load()
            document = self._document()
            record = records.get(entry.name)
            problem = self._problem(entry, record, document)
            if problem:
                raise SinkRefusedError(problem)
            known = record.custody(_fingerprint(document.value(entry.name))) if record else None
            entry.refuse_overtaken(known)
            if record == Record(delivered=stamp) and known == receipt:
                return
            self._receipts.begin(records, entry.name, stamp)
            self._file.replace(document.with_value(entry.name, secret))
            self._receipts.complete(records, entry.name, stamp)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Read both files again and compare."""
        try:
            record = self._receipts.load().get(entry.name)
            value = self._document().value(entry.name)
        except SinkError as error:
            raise SinkUnverifiedError(str(error)) from None
        held = record.custody_unseen() if record else None
        if held != receipt or not _same(value, secret):
            msg = f"{self._file.path}: entry {entry.name} is not what was delivered; run again"
            raise SinkUnverifiedError(msg)

    def read(self, name: str) -> Secret | None:
        """Return the value of an entry, to ask its provider about it."""
        return self._document().value(name)

    def close(self) -> None:
        """Release nothing: no file stays open between two calls."""

    def value_problem(self, secret: Secret) -> str | None:
        """Return why the format cannot hold a value, or None when it can."""
        return self._format.secret_problem(secret)

    def _document(self) -> Document:
        document = self._format.parse(self._file.read())
        if isinstance(document, str):
            msg = f"{self._file.path}: {document}"
            raise SinkError(msg)
        return document

    def _problems(self, entries: Sequence[Entry]) -> Iterator[str]:
        records, document = self._receipts.load(), self._document()
        owners: dict[str, str] = {}
        for entry in entries:
            if owners.setdefault(entry.name, entry.address) != entry.address:
                yield (
                    f"{self._file.path}: entry {entry.name}: both {owners[entry.name]} and {entry.address} "
                    "are delivered to it; give one of them another name"
                )
            problem = self._problem(entry, records.get(entry.name), document)
            if problem:
                yield problem

    def _problem(self, entry: Entry, record: Record | None, document: Document) -> str | None:
        problem = self._format.name_problem(entry.name)
        if problem is None and document.holds(entry.name):
            problem = document.problem(entry.name)
            if problem is None:
                problem = refusal(entry, record)
        return f"{self._file.path}: {problem}" if problem else None


def _fingerprint(value: Secret | None) -> str:
    with suppress(UnicodeEncodeError):  # bytes that are no text, so no secret of ours
        return value.fingerprint() if value else ""
    return ""


def _same(value: Secret | None, secret: Secret) -> bool:
    return value is not None and value.reveal() == secret.reveal()
