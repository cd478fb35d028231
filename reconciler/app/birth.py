"""How a key is born: secret first, then life. Every step can be the last one of a killed run."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.app.outcomes import from_error, unverified
from reconciler.app.preflight import entry_of
from reconciler.app.row_writes import settle
from reconciler.core.fields import ENABLED
from reconciler.core.identity import Incarnation
from reconciler.core.model import Receipt
from reconciler.core.report import Outcome, Status
from reconciler.core.resolution import is_unborn, is_unusable, overtaken
from reconciler.errors import (
    ReconcilerError,
    SecretLostError,
    SinkError,
    SinkOvertakenError,
    SinkUnverifiedError,
    StalePlanError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.app.minting import Held, Mint
    from reconciler.core.fields import Spec
    from reconciler.core.model import Delivery, DesiredKey, ObservedKey
    from reconciler.core.plan import Action
    from reconciler.core.resolution import Resolution
    from reconciler.core.secret import Secret
    from reconciler.ports.escrow import Escrow
    from reconciler.ports.lease import Lease
    from reconciler.ports.sink import Sink


@dataclass(slots=True, kw_only=True, eq=False)
class Birth:
    """One key on its way from nothing, or from a half-born row, to its declared spec.

        mint or recover → deliver to every sink, verify → patch to the declared spec → read back

    Args:
        action: the reviewed create, rotate or deliver.
        key: as declared.
        mint: of its account.
        sinks: by name.
        receipts: what the entries held when the run began.
        rows: origin and id of every row of the key.
        escrow: for a secret that no sink takes.
        lease: asked for before a create and before an activation.
        error: what ended the birth early, once it has run.
    """

    action: Action
    key: DesiredKey
    mint: Mint
    sinks: Mapping[str, Sink]
    receipts: Mapping[Delivery, Receipt]
    rows: frozenset[tuple[str, str]]
    escrow: Escrow | None = None
    lease: Lease | None = None
    error: ReconcilerError | None = None
    _receipts: list[tuple[str, Receipt]] = field(default_factory=list)
    _written: bool = False
    _replaces: bool = False
    _warnings: tuple[str, ...] = ()
    _id: str | None = None

    def run(self, found: Resolution) -> Outcome:
        """Carry the birth on from where the rows show it to be."""
        self._replaces = bool(found.predecessors)
        try:
            for orphan in found.orphans:
                self.mint.condemn(orphan.key)
            after = self.action.after
            # A provider may make keys that are off, and a key may be delivered after it was condemned.
            wanted = {} if after is None else {ENABLED: True, **after}
            if found.current is not None and found.in_custody:
                return self._activate(found.current.key, wanted)
            return self._activate(self._deliver_first(found), wanted)
        except ReconcilerError as error:
            self.error = error
            return from_error(
                self.action,
                error,
                remote_id=self._id,
                receipts=tuple(self._receipts),
                warnings=self._warnings,
            )

    def _deliver_first(self, found: Resolution) -> ObservedKey:
        """Put the key's secret into custody, minting the next attempt when one was lost."""
        incarnation = Incarnation(
            name=self.key.name, generation=self.key.lifecycle.generation, attempt=found.last_attempt + 1
        )
        try:
            if found.current is None:
                return self._deliver(incarnation, self._minted(incarnation))
            incarnation = found.current.incarnation
            return self._deliver(incarnation, self.mint.recover(incarnation, found.current.key))
        except SecretLostError as error:
            self._condemn(incarnation, error, found)
        incarnation = incarnation.next_attempt()
        try:
            return self._deliver(incarnation, self._minted(incarnation))
        except SecretLostError as error:
            self._condemn(incarnation, error, None)
            msg = f"{error}; it is disabled, and the provider may not hand out secrets at all"
            raise SecretLostError(msg, key_id=error.key_id) from None

    def _minted(self, incarnation: Incarnation) -> Held:
        self._still_ours()
        return self.mint.mint(incarnation)

    def _still_ours(self) -> None:
        """Make sure, as late as possible, that no other run may act by now."""
        if self.lease is not None:
            self.lease.check()

    def _condemn(self, incarnation: Incarnation, error: SecretLostError, found: Resolution | None) -> None:
        """Disable a row whose secret is lost, unless somebody might be using it."""
        row = found.current.key if found and found.current else None
        if found is not None and row is not None and not (found.unborn and is_unusable(row)):
            msg = f"{error}; it may be in use, so raise `generation` to replace it or `adopt` it"
            raise SinkUnverifiedError(msg) from None
        if row is not None:
            self.mint.condemn(row)
        self.mint.condemn_lost(incarnation, error)

    def _deliver(self, incarnation: Incarnation, held: Held) -> ObservedKey:
        """Write the secret to every sink; the key is rolled back only while no sink has taken it."""
        self._id, self._warnings = held.key.id, held.warnings
        receipt = Receipt(
            origin=self.mint.account.origin,
            address=self.key.address,
            remote_id=held.key.id,
            generation=incarnation.generation,
            attempt=incarnation.attempt,
            delivered_at=self.mint.clock.now(),
        )
        self._still_free(held, receipt)
        for twin in held.twins:
            self.mint.condemn(twin)
        for delivery in self.key.deliver:
            handed = replace(receipt, delivered_at=self.mint.clock.now())
            try:
                self._put(delivery, held.secret, handed)
            except SinkOvertakenError as error:
                if self._written:
                    raise self._undelivered(held, receipt, delivery, error) from None
                raise self._yield_to(error.remote_id, held.key, delivery) from None
            except ReconcilerError as error:
                self._written = self._written or isinstance(error, SinkUnverifiedError)
                raise self._undelivered(held, receipt, delivery, error) from None
            self._receipts.append((f"{delivery.sink}/{delivery.name}", handed))
        return held.key

    def _put(self, delivery: Delivery, secret: Secret, receipt: Receipt) -> None:
        """Write one entry, provided that it still holds what it held when the run began."""
        known = self.receipts.get(delivery)
        seen = {receipt.remote_id, known.remote_id} if known else {receipt.remote_id}
        entry = entry_of(delivery, self.key.address, receipt.origin, rows=self.rows)
        entry = replace(entry, seen=frozenset(seen), generation=receipt.generation)
        self.sinks[delivery.sink].put(entry, secret, receipt)
        self._written = True
        self.sinks[delivery.sink].verify(entry, secret, receipt)

    def _still_free(self, held: Held, receipt: Receipt) -> None:
        """Make sure that no other run has delivered another key to one of the entries meanwhile.

        Raises:
            StalePlanError: when one has; the row in hand is disabled.
        """
        for delivery in self.key.deliver:
            try:
                now = self.sinks[delivery.sink].stat([delivery.name]).get(delivery.name)
            except ReconcilerError as error:
                raise self._undelivered(held, receipt, delivery, error) from None
            other = overtaken(self.receipts.get(delivery), now, self.key, self.mint.account.origin)
            if other is not None and other != held.key.id:
                raise self._yield_to(other, held.key, delivery)

    def _yield_to(self, other: str, row: ObservedKey, delivery: Delivery) -> StalePlanError:
        """Disable the row in hand, as another run has delivered its own, and return what to say."""
        self.mint.condemn(row)
        if (self.action.after or {}).get(ENABLED) is not False:
            self.mint.pardon(other)
        return StalePlanError(
            f"another run delivered {other} to {delivery.sink}/{delivery.name} meanwhile, "
            f"so {row.id} is disabled; plan again, and let one run finish before the next begins"
        )

    def _undelivered(
        self, held: Held, receipt: Receipt, delivery: Delivery, error: ReconcilerError
    ) -> SinkError:
        """Return the custody error of a failed delivery, once what can be saved of it is."""
        return SinkUnverifiedError(f"sink {delivery.sink}: {error}; {self._saved(held, receipt)}")

    def _saved(self, held: Held, receipt: Receipt) -> str:
        """Save a secret that a sink did not take, and say how; a key that nobody can have is disabled."""
        row, lost = held.key, ""
        can = self.mint.account.capabilities
        # Who reads the first sink while a predecessor works would be cut off by a key that is off.
        half = bool(self._receipts) and not self._replaces and is_unborn(row, can.floor)
        if can.reveals and not half:
            return f"{row.id} stays as it is and its secret can be read again, mend the sink and run again"
        if self.escrow is not None and not can.reveals:
            try:
                name = self.escrow.seal(held.secret, receipt)
            except SinkError as failure:
                lost = f"escrow failed too: {failure}; "
            else:
                return (
                    f"{row.id} stays at the floor and its secret is sealed as {name}, "
                    f"mend the sink and run `reconciler recover {name} --identity FILE`"
                )
        if self._written and not half:
            what = (
                f"{row.id} stays at the floor because a sink may have its secret, mend the sink and run again"
            )
            return lost + what
        try:
            self.mint.condemn(row)
        except ReconcilerError as failure:
            return f"{lost}{row.id} is still enabled at the floor ({failure}), run again"
        state = "until every sink has its secret" if half else "and nothing is lost but one create"
        return f"{lost}{row.id} is disabled {state}, mend the sink and run again"

    def _activate(self, row: ObservedKey, wanted: Spec) -> Outcome:
        """Bring the key from the floor to its declared spec."""
        self._id = row.id
        self._still_ours()
        settled = settle(self.mint.provider, self.mint.clock, row, wanted)
        return Outcome(
            action=self.action,
            status=Status.DONE,
            remote_id=row.id,
            receipts=tuple(self._receipts),
            warnings=self._warnings + unverified(settled.unseen),
        )
