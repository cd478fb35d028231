"""Bringing a secret out of escrow into the sinks that its key is delivered to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Never

from reconciler.app.preflight import entry_of, refusal
from reconciler.core.resolution import governed_rows, resolve, wants_custody
from reconciler.errors import AuditError, ReconcilerError, SinkUnverifiedError, StalePlanError
from reconciler.ports.audit import AuditRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.app.usecases import World
    from reconciler.core.model import Delivery, DesiredAccount, DesiredKey, ObservedState, Receipt
    from reconciler.core.resolution import Row
    from reconciler.core.secret import Secret
    from reconciler.ports.sink import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovered:
    """What came of it.

    Attributes:
        address: of the key.
        remote_id: of its row.
        entries: that hold its secret now, as `sink/name`.
        already: they held it before.
        warnings: for whoever recovers.
    """

    address: str
    remote_id: str
    entries: tuple[str, ...]
    already: bool = False
    warnings: tuple[str, ...] = ()


def recover(world: World, secret: Secret, sealed: Receipt) -> Recovered:
    """Deliver a secret that was in escrow, if its key is still the one that waits for it.

    Args:
        world: of the key's account; its provider is only read.
        secret: the plaintext.
        sealed: which key it belongs to.

    Raises:
        StalePlanError: when the key has moved on, so that the secret is of no use; nothing is written.
        AuditError: when the audit trail cannot be kept; nothing is written.
        SinkError: when a sink refuses the entry; nothing is written.
        SinkUnverifiedError: when the secret was not delivered everywhere; it is still in escrow.
    """
    key = _declared(world, sealed)
    observed = world.observe()
    account = world.desired.accounts[key.account]
    keys = [other for other in world.desired.keys if other.account == key.account]
    rows = governed_rows(account, keys, observed.listings[key.account]).get(key.name, [])
    entries = tuple(f"{delivery.sink}/{delivery.name}" for delivery in key.deliver)
    if _in_custody(account, key, rows, observed, sealed):
        return Recovered(address=key.address, remote_id=sealed.remote_id, entries=entries, already=True)
    places = [(world.sinks[item.sink], item, _entry(item, rows, observed, sealed)) for item in key.deliver]
    for sink, _, entry in places:
        if (refused := refusal(sink, [entry], reserve=True)) is not None:
            raise refused
    _tell(world, "recovering", sealed, entries)
    for sink, delivery, entry in places:
        receipt = replace(sealed, delivered_at=world.clock.now())
        try:
            sink.put(entry, secret, receipt)
            sink.verify(entry, secret, receipt)
        except ReconcilerError as error:
            msg = f"sink {delivery.sink}: {error}; the secret stays in escrow, mend the sink, recover again"
            raise SinkUnverifiedError(msg) from None
    warnings: tuple[str, ...] = ()
    try:
        _tell(world, "recovered", sealed, entries)
    except AuditError as error:
        warnings = (str(error),)
    return Recovered(address=key.address, remote_id=sealed.remote_id, entries=entries, warnings=warnings)


def _declared(world: World, sealed: Receipt) -> DesiredKey:
    key = next((key for key in world.desired.keys if key.address == sealed.address), None)
    if key is None or key.lifecycle.absent or not wants_custody(key):
        _stop(f"{sealed.address} is not declared any more, or not delivered anywhere")
    if world.desired.accounts[key.account].origin != sealed.origin:
        _stop(f"the secret of {sealed.address} is one of {sealed.origin}, where it is no longer declared")
    if key.lifecycle.generation != sealed.generation:
        _stop(f"{sealed.address} is declared in generation {key.lifecycle.generation} now")
    return key


def _in_custody(
    account: DesiredAccount, key: DesiredKey, rows: Sequence[Row], observed: ObservedState, sealed: Receipt
) -> bool:
    """Tell whether every sink has the secret already; raise when another row is the key now."""
    floor = account.capabilities.floor
    found = resolve(key, rows, origin=account.origin, floor=floor, receipts=observed.receipts)
    row = next((row for row in rows if row.key.id == sealed.remote_id), None)
    if row is None or not row.key.live:
        _stop(f"{sealed.remote_id} is disabled or gone at the provider")
    if found.in_custody and found.current is not None:
        if found.current.key.id == sealed.remote_id:
            return True
        _stop(f"{found.current.key.id} has taken the place of {sealed.remote_id} and is delivered")
    return False


def _entry(delivery: Delivery, rows: Sequence[Row], observed: ObservedState, sealed: Receipt) -> Entry:
    known = observed.receipts.get(delivery)
    own = frozenset((sealed.origin, row.key.id) for row in rows)
    seen = {sealed.remote_id, known.remote_id} if known else {sealed.remote_id}
    entry = entry_of(delivery, sealed.address, sealed.origin, rows=own)
    return replace(entry, seen=frozenset(seen), generation=sealed.generation)


def _tell(world: World, event: str, sealed: Receipt, entries: tuple[str, ...]) -> None:
    if world.audit is None:
        return
    facts = {
        "address": sealed.address,
        "remote_id": sealed.remote_id,
        "generation": sealed.generation,
        "attempt": sealed.attempt,
        "entries": list(entries),
    }
    world.audit.append(AuditRecord(event=event, at=world.clock.now(), facts=facts))


def _stop(why: str) -> Never:
    msg = f"{why}, so the secret in escrow is of no use; remove the file, and plan"
    raise StalePlanError(msg)
