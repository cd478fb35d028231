"""What the sinks have in common that keep one encrypted file a secret, and cannot open it themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.errors import SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks._durable_file import DurableFile
from reconciler.sinks._receipts import Record, Stamp, refusal
from reconciler.sinks._refusals import refuse
from reconciler.sinks._sealed_receipts import Sealed, SealedReceipts
from reconciler.sinks._text_value import text_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.sink import Entry

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_LOCK: Final = ".reconciler"


class Sealing(Protocol):
    """How one secret becomes the content of one file."""

    @property
    def suffix(self) -> str:
        """What the name of a file has behind the entry's name."""

    def problem(self) -> str | None:
        """Return why nothing can be encrypted, or None when it can."""

    def name_problem(self, name: str) -> str | None:
        """Return why an entry cannot have this name, or None when it can."""

    def seal(self, name: str, secret: Secret, receipt: Receipt) -> Secret:
        """Return the whole content of the file of an entry."""

    def digest(self, name: str, content: Secret) -> str | None:
        """Return the SHA-256 of the ciphertext in a content, None where there is none to be found."""


class SealedFileSink:
    """A directory with one encrypted file an entry, and the receipts in `<file>.receipts.json`.

    The entry's name and the suffix are the name of the file, so that two entries never share one.

    Args:
        directory: made when it is missing.
        sealing: the format of the files.
    """

    def __init__(self, directory: Path, sealing: Sealing) -> None:
        self._directory = directory
        self._sealing = sealing

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of those entries whose file is the one that was encrypted for them."""
        found = {name: self._held(name) for name in names if self._name_problem(name) is None}
        return {name: sealed.stamp.receipt for name, sealed in found.items() if sealed}

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse bad recipients and names, entries of others, and directories that cannot be written."""
        refuse(self._problems(entries))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Encrypt, note what the file will hold, and replace the file.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when nothing was stored.
            SinkUnverifiedError: when the new content is there and may not survive a power cut.
        """
        problem = self.value_problem(secret)
        if problem:
            msg = f"{self._directory}: entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        with DurableFile(self._directory / _LOCK).locked():
            problem = self._problem(entry)
            if problem:
                raise SinkRefusedError(problem)
            held = self._held(entry.name)
            entry.refuse_overtaken(held.stamp.receipt if held else None)
            if held is not None and held.stamp == stamp:
                return
            content = self._sealing.seal(entry.name, secret, receipt)
            sealed = Sealed(sha256=self._sealing.digest(entry.name, content) or "", stamp=stamp)
            self._receipts(entry.name).store([sealed, held] if held else [sealed])
            self._file(entry.name).replace(content)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the file with what was encrypted; without a private key that is as far as one can see."""
        try:
            held = self._held(entry.name)
        except SinkError as error:
            raise SinkUnverifiedError(str(error)) from None
        if held is None or held.stamp != Stamp(receipt=receipt, fingerprint=secret.fingerprint()):
            msg = f"{self._directory}: entry {entry.name} is not what was delivered; run again"
            raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Release nothing: no file stays open between two calls."""

    def value_problem(self, secret: Secret) -> str | None:
        """Return why a secret is no text, or None when it is."""
        return text_problem(secret)

    def _held(self, name: str) -> Sealed | None:
        """Return the delivery whose content the file has now."""
        deliveries = self._receipts(name).load()
        content = self._file(name).read() if deliveries else None
        if content is None:
            return None
        digest = self._sealing.digest(name, content)
        return next((sealed for sealed in deliveries if sealed.sha256 == digest), None)

    def _problems(self, entries: Sequence[Entry]) -> Iterator[str]:
        problem = self._sealing.problem()
        if problem:
            yield f"{self._directory}: {problem}"
        for entry in entries:
            problem = self._problem(entry)
            if problem:
                yield problem
            else:
                self._file(entry.name).probe()

    def _problem(self, entry: Entry) -> str | None:
        problem = self._name_problem(entry.name)
        if problem is None and self._file(entry.name).read() is not None:
            stamps = [sealed.stamp for sealed in self._receipts(entry.name).load()]
            record = Record(pending=stamps[0], delivered=stamps[-1]) if stamps else None
            problem = refusal(entry, record)
        return f"{self._directory}: {problem}" if problem else None

    def _name_problem(self, name: str) -> str | None:
        if not _NAME.fullmatch(name):
            return f"entry {name!r}: it names a file; use 1 to 128 letters, digits and _.- and no mark first"
        return self._sealing.name_problem(name)

    def _file(self, name: str) -> DurableFile:
        return DurableFile(self._directory / f"{name}{self._sealing.suffix}")

    def _receipts(self, name: str) -> SealedReceipts:
        return SealedReceipts(self._directory / f"{name}{self._sealing.suffix}.receipts.json")
