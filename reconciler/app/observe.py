"""Reading everything that exists: every account's list and every sink's receipts, at the same time."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconciler.core.model import ObservedState
from reconciler.errors import KeyNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.core.model import Delivery, DesiredKey, Listing, ObservedKey, Receipt
    from reconciler.ports.provider import Provider
    from reconciler.ports.sink import Sink

MOST_PROBES: Final = 50
"""Keys that are looked for by id after a list; more than these are left to a person."""


def observe(
    providers: Mapping[str, Provider], sinks: Mapping[str, Sink], keys: Iterable[DesiredKey]
) -> ObservedState:
    """Return the complete actual state of some accounts, or raise what the first failure was.

    Args:
        providers: by account label; each is listed once.
        sinks: by name; only those that a key of these accounts is delivered to are asked.
        keys: the declared keys; those of other accounts are left out.
    """
    wanted: dict[str, list[Delivery]] = defaultdict(list)
    for key in keys:
        if key.account in providers:
            for delivery in key.deliver:
                wanted[delivery.sink].append(delivery)
    with ThreadPoolExecutor(max_workers=max(1, len(providers) + len(wanted))) as pool:
        lists = {label: pool.submit(provider.list_keys) for label, provider in providers.items()}
        stats = [pool.submit(receipts_of, sinks[name], held) for name, held in wanted.items()]
        listings: dict[str, Listing] = {label: future.result() for label, future in lists.items()}
        receipts: dict[Delivery, Receipt] = {}
        for future in stats:
            receipts.update(future.result())
    for label, provider in providers.items():
        listings[label] = _with_hidden(listings[label], provider, receipts.values())
    return ObservedState(listings=listings, receipts=receipts)


def _with_hidden(listing: Listing, provider: Provider, receipts: Iterable[Receipt]) -> Listing:
    """Add keys that a sink holds and the list leaves out: a list may hide what is off, or lag behind."""
    listed = {key.id for key in listing.keys}
    hidden = {
        receipt.remote_id
        for receipt in receipts
        if receipt.origin == provider.origin and receipt.remote_id not in listed
    }
    found: list[ObservedKey] = []
    for key_id in sorted(hidden)[:MOST_PROBES]:
        with suppress(KeyNotFoundError):
            found.append(provider.get_key(key_id))
    return replace(listing, keys=(*listing.keys, *found)) if found else listing


def receipts_of(sink: Sink, deliveries: Iterable[Delivery]) -> dict[Delivery, Receipt]:
    """Return the receipts of some entries of one sink."""
    by_name = {delivery.name: delivery for delivery in deliveries}
    return {by_name[name]: receipt for name, receipt in sink.stat(list(by_name)).items()}
