"""Proof that every sink can be written, before the first key is minted."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from reconciler.errors import ReconcilerError
from reconciler.ports.sink import Entry

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.core.model import Delivery
    from reconciler.core.plan import Action
    from reconciler.ports.sink import Sink


def entry_of(delivery: Delivery, address: str, origin: str) -> Entry:
    """Return the sink entry that one delivery of a key writes."""
    return Entry(name=delivery.name, address=address, origin=origin, takeover=delivery.takeover)


def preflight(
    sinks: Mapping[str, Sink], actions: Iterable[Action], origins: Mapping[str, str]
) -> dict[str, ReconcilerError]:
    """Return why keys cannot be delivered, by address; keys that can are not in it.

    Every sink is asked once for all of its entries, and entry by entry only when that fails, so that
    one bad entry stops its own key and no other.

    Args:
        sinks: by name.
        actions: those that will deliver a secret.
        origins: of the providers, by account label.
    """
    wanted: dict[str, list[Entry]] = defaultdict(list)
    for action in actions:
        for delivery in action.deliver:
            wanted[delivery.sink].append(entry_of(delivery, action.address, origins[action.account]))
    refused: dict[str, ReconcilerError] = {}
    for name, entries in wanted.items():
        if refusal(sinks[name], entries) is not None:
            for entry in entries:
                if (error := refusal(sinks[name], [entry])) is not None:
                    refused.setdefault(entry.address, error)
    return refused


def refusal(sink: Sink, entries: list[Entry]) -> ReconcilerError | None:
    """Return why a sink cannot take some entries, or None when it can."""
    try:
        sink.preflight(entries)
    except ReconcilerError as error:
        return error
    return None
