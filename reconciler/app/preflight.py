"""Proof that every secret will find a place, before the first key is minted."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError, SinkRefusedError
from reconciler.ports.sink import Entry, ReservingSink, WriteOnlySink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.model import Delivery, DesiredState
    from reconciler.core.plan import Action
    from reconciler.ports.escrow import Escrow
    from reconciler.ports.lease import Lease
    from reconciler.ports.sink import Sink


def entry_of(
    delivery: Delivery, address: str, origin: str, *, rows: frozenset[tuple[str, str]] = frozenset()
) -> Entry:
    """Return the sink entry that one delivery of a key writes.

    Args:
        delivery: as declared.
        address: of the key.
        origin: of its provider.
        rows: origin and id of the key's rows.
    """
    return Entry(name=delivery.name, address=address, origin=origin, takeover=delivery.takeover, rows=rows)


def preflight(
    desired: DesiredState,
    actions: Sequence[Action],
    rows: Mapping[str, frozenset[tuple[str, str]]],
    *,
    sinks: Mapping[str, Sink],
    escrow: Escrow | None,
    lease: Lease | None,
) -> dict[str, ReconcilerError]:
    """Return why keys must not be minted or delivered, by address; keys that may are not in it.

    Every sink is asked once for all of its entries, and entry by entry only when that fails, so that
    one bad entry stops its own key and no other.

    Args:
        desired: names the accounts.
        actions: those that will deliver a secret.
        rows: origin and id of the rows of their keys, by address.
        sinks: by name.
        escrow: for secrets that no sink takes.
        lease: held by this run.
    """
    refused: dict[str, ReconcilerError] = {}
    if escrow is not None and actions:
        try:
            escrow.preflight()
        except ReconcilerError as broken:
            return {action.address: broken for action in actions}
    wanted: dict[str, list[Entry]] = defaultdict(list)
    for action in actions:
        account = desired.accounts[action.account]
        for delivery in action.deliver:
            entry = entry_of(delivery, action.address, account.origin, rows=rows[action.address])
            wanted[delivery.sink].append(entry)
            once = not account.capabilities.reveals and not account.capabilities.replays_secret
            if lease is None and once and _is_write_only(sinks[delivery.sink]):
                refused[action.address] = _unleased(delivery, account.provider)
    for name, entries in wanted.items():
        if refusal(sinks[name], entries, reserve=True) is not None:
            for entry in entries:
                if (error := refusal(sinks[name], [entry], reserve=True)) is not None:
                    # Two sinks may have an entry of one name.
                    error.args = (f"sink {name}: {error}", *error.args[1:])
                    refused.setdefault(entry.address, error)
    return refused


def refusal(sink: Sink, entries: list[Entry], *, reserve: bool = False) -> ReconcilerError | None:
    """Return what stands in the way of these entries, or None; `reserve` makes those that are missing."""
    try:
        sink.preflight(entries)
        if reserve and isinstance(sink, ReservingSink):
            sink.reserve(entries)
    except ReconcilerError as error:
        return error
    return None


def _is_write_only(sink: Sink) -> bool:
    return isinstance(sink, WriteOnlySink) and sink.write_only


def _unleased(delivery: Delivery, provider: str) -> SinkRefusedError:
    """Return why two runs at once could not be told apart: neither sees what the other delivered."""
    return SinkRefusedError(
        f"sink {delivery.sink} cannot show what it holds and {provider} shows no secret twice, so two runs "
        "at once could lose one; declare a `lease` in the settings"
    )
