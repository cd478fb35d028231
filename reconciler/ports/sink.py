"""A place where secrets are delivered, as the application needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from reconciler.errors import SinkOvertakenError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a sink and whose it is.

    Attributes:
        name: the entry's name in the sink.
        address: the key that it is for, `account/name`.
        origin: the provider that mints the key.
        takeover: an entry that this tool did not write may be overwritten.
        rows: origin and id of the key's rows, by whatever name it had when one of them was delivered.
        seen: remote ids of this key that a put may overwrite; None where whoever puts has not looked.
        generation: of the key that is put; what is left of an earlier one may be overwritten, too.
    """

    name: str
    address: str
    origin: str
    takeover: bool = False
    rows: frozenset[tuple[str, str]] = frozenset()
    seen: frozenset[str] | None = None
    generation: int = 0

    def refuse_overtaken(self, held: Receipt | None) -> None:
        """Raise when the entry has got another id of this key since it was looked at.

        A sink calls it in its put, where nobody else can write between this and its own write, as far as it
        can tell.

        Args:
            held: the receipt of what is in custody there now.

        Raises:
            SinkOvertakenError: when it has.
        """
        if self.seen is None or held is None or held.remote_id in self.seen:
            return
        if held.generation < self.generation:
            return
        if (held.address, held.origin) == (self.address, self.origin):
            msg = f"entry {self.name}: another run delivered {held.remote_id} to it meanwhile; plan again"
            raise SinkOvertakenError(msg, remote_id=held.remote_id)


class Sink(Protocol):
    """One configured sink. Every method may raise `SinkError` and `CredentialsError`."""

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of those entries that hold a completely delivered secret."""

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Prove, as far as that goes without making anything, that every entry can be written.

        Raises:
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Store a secret and its receipt; doing it again with the same arguments changes nothing.

        Raises:
            SinkOvertakenError: when the entry holds another id of this key than `entry.seen` names.
        """

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Confirm that the entry holds this secret and this receipt, as strongly as the sink can.

        Raises:
            SinkUnverifiedError: when it does not.
        """

    def close(self) -> None:
        """Release what the sink holds open."""


@runtime_checkable
class ReservingSink(Protocol):
    """A sink whose store shows a missing right only where an entry is made (AWS, Google)."""

    def reserve(self, entries: Sequence[Entry]) -> None:
        """Make each entry that is missing, without a value, so that denials come before a key is minted.

        Raises:
            SinkRefusedError: for an entry that cannot be made or written.
        """


@runtime_checkable
class WriteOnlySink(Protocol):
    """A sink that may be unable to show receipts, so that no run can see what another one delivered."""

    @property
    def write_only(self) -> bool:
        """Whether it cannot."""


@runtime_checkable
class ReadableSink(Protocol):
    """A sink that can show a secret again, to this process alone; most stores cannot, or must not."""

    def read(self, name: str) -> Secret | None:
        """Return what an entry holds, or None where there is nothing that can be told for sure.

        Args:
            name: of the entry.
        """
