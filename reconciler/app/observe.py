"""Reading everything that exists: every account's list and every sink's receipts, at the same time."""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconciler.core.identity import parse_remote_name
from reconciler.core.model import ObservedState
from reconciler.errors import KeyNotFoundError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from reconciler.core.model import Delivery, DesiredKey, Listing, ObservedKey, Receipt
    from reconciler.ports.provider import Provider
    from reconciler.ports.sink import Sink

MOST_PROBES: Final = 50
"""Keys that are looked for by id after a list, and declared ones that are read by id where it says too
little; more than these are left to a person."""


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
    declared = list(keys)
    for key in declared:
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
        if listings[label].abridged:
            own = [key for key in declared if key.account == label]
            listings[label] = _with_details(listings[label], provider, own)
        listings[label] = _with_hidden(listings[label], provider, receipts.values())
    return ObservedState(listings=listings, receipts=receipts)


def _with_details(listing: Listing, provider: Provider, keys: Sequence[DesiredKey]) -> Listing:
    """Read the declared keys one by one where the list is too long for its provider to do it for all."""
    names = {name for key in keys for name in (key.name, key.lifecycle.renamed_from) if name}
    adopted = {key.lifecycle.adopt for key in keys}
    rows = [
        row
        for row in listing.keys
        if row.id in listing.abridged and (row.id in adopted or _declared_name(row) in names)
    ]
    found: dict[str, ObservedKey] = {}
    for row in rows[:MOST_PROBES]:
        with suppress(KeyNotFoundError):
            found[row.id] = provider.get_key(row.id)
            if found[row.id].spec.keys() <= row.spec.keys():
                # Details that tell no more than the list would only use up the budget.
                break
    cost = replace(listing.cost, requests=listing.cost.requests + len(found))
    return replace(listing, keys=tuple(found.get(row.id, row) for row in listing.keys), cost=cost)


def _declared_name(row: ObservedKey) -> str | None:
    # Of another namespace at worst, which costs a request and decides nothing.
    incarnation = parse_remote_name((row.name or "").rpartition("/")[2], None)
    return incarnation.name if incarnation else None


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
