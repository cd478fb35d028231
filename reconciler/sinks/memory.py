"""A sink in memory: for tests and simulations, where every step can be made to fail."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.core.secret import Secret
from reconciler.errors import SinkRefusedError, SinkUnverifiedError
from reconciler.sinks._receipts import Record, Stamp, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.ports.sink import Entry


class Kind(StrEnum):
    """What the imitated store lets its writer see."""

    READABLE = "readable"
    RECEIPT_ONLY = "receipt-only"
    WRITE_ONLY = "write-only"


class Step(StrEnum):
    """A call, or one of the three writes of a put."""

    STAT = "stat"
    PREFLIGHT = "preflight"
    PUT = "put"
    PENDING = "pending"
    VALUE = "value"
    DELIVERED = "delivered"
    VERIFY = "verify"


def _nothing(step: Step) -> None:
    del step


@dataclass(slots=True, kw_only=True, eq=False)
class MemoryStore:
    """What outlives the process that a sink is part of.

    Attributes:
        values: the secrets by entry; one put here by hand stands for somebody else's.
        records: what the receipts say.
        denied: entries that may not be written.
    """

    values: dict[str, Secret] = field(default_factory=dict)
    records: dict[str, Record] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)

    def tear(self, name: str) -> None:
        """Cut a value in half, as a write that was interrupted in a store without atomic writes."""
        value = self.values[name].reveal()
        self.values[name] = Secret(value[: len(value) // 2])


class MemorySink:
    """A sink over a `MemoryStore`.

    Args:
        store: shared by the sinks that stand for successive runs.
        kind: whether values and receipts can be read back.
        before: called before each step takes effect; what it raises ends the call there.
        after: called after each step took effect; what it raises is a crash between two steps.
    """

    def __init__(
        self,
        store: MemoryStore | None = None,
        *,
        kind: Kind = Kind.READABLE,
        before: Callable[[Step], None] = _nothing,
        after: Callable[[Step], None] = _nothing,
    ) -> None:
        self.store = store or MemoryStore()
        self.kind = kind
        self.before = before
        self.after = after
        self.closed = False

    @property
    def write_only(self) -> bool:
        """Whether it shows no receipts."""
        return self.kind is Kind.WRITE_ONLY

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts; a store that cannot be read has none to show."""
        with self._step(Step.STAT):
            found = {name: self._custody(name) for name in names}
            return {name: receipt for name, receipt in found.items() if receipt}

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse denied entries, and those of others where they can be told."""
        with self._step(Step.PREFLIGHT):
            problems = [problem for entry in entries if (problem := self._problem(entry))]
            if problems:
                raise SinkRefusedError("\n".join(problems))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Write the receipt as pending, the value, and the receipt as delivered, each a step of its own."""
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        with self._step(Step.PUT):
            problem = self._problem(entry)
            if problem:
                raise SinkRefusedError(problem)
            entry.refuse_overtaken(self._custody(entry.name))
            record = self.store.records.get(entry.name, Record())
            with self._step(Step.PENDING):
                self.store.records[entry.name] = Record(delivered=record.delivered, pending=stamp)
            with self._step(Step.VALUE):
                self.store.values[entry.name] = secret
            with self._step(Step.DELIVERED):
                self.store.records[entry.name] = Record(delivered=stamp)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare what the kind of store shows; a store that shows nothing was at least written once."""
        with self._step(Step.VERIFY):
            value = self.store.values.get(entry.name)
            record = self.store.records.get(entry.name, Record())
            confirmed = value is not None
            if self.kind is not Kind.WRITE_ONLY:
                confirmed = confirmed and record.custody_unseen() == receipt
            if value and self.kind is Kind.READABLE:
                confirmed = confirmed and value.fingerprint() == secret.fingerprint()
            if not confirmed:
                msg = f"entry {entry.name} is not what was delivered; run again"
                raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Remember that it was called."""
        self.closed = True

    def _custody(self, name: str) -> Receipt | None:
        record = self.store.records.get(name)
        if record is None or self.kind is Kind.WRITE_ONLY:
            return None
        if self.kind is Kind.RECEIPT_ONLY:
            return record.custody_unseen()
        value = self.store.values.get(name)
        return record.custody(value.fingerprint()) if value else None

    def _problem(self, entry: Entry) -> str | None:
        if entry.name in self.store.denied:
            return f"entry {entry.name}: writing is denied; grant it"
        record = self.store.records.get(entry.name)
        occupied = record is not None if self.kind is Kind.RECEIPT_ONLY else entry.name in self.store.values
        if not occupied or self.kind is Kind.WRITE_ONLY:
            return None
        return refusal(entry, record)

    @contextmanager
    def _step(self, step: Step) -> Iterator[None]:
        self.before(step)
        yield
        self.after(step)
