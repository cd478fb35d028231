"""A place where secrets are delivered, as the application needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

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
    """

    name: str
    address: str
    origin: str
    takeover: bool = False


class Sink(Protocol):
    """One configured sink. Every method may raise `SinkError` and `CredentialsError`."""

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of those entries that hold a completely delivered secret."""

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Prove, as far as the sink allows, that every entry can be written; no secret is written for it.

        A store that shows a missing right only to a write may be given an empty entry (AWS, Google).

        Raises:
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Store a secret and its receipt; doing it again with the same arguments changes nothing."""

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Confirm that the entry holds this secret and this receipt, as strongly as the sink can.

        Raises:
            SinkUnverifiedError: when it does not.
        """

    def close(self) -> None:
        """Release what the sink holds open."""


@runtime_checkable
class ReadableSink(Protocol):
    """A sink that can show a secret again, to this process alone; most stores cannot, or must not."""

    def read(self, name: str) -> Secret | None:
        """Return what an entry holds, or None where there is nothing that can be told for sure.

        Args:
            name: of the entry.
        """
