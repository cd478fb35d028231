"""What a plan rests on: the part of the actual state that planning reads, and nothing of anybody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED
from reconciler.core.model import ObservedKey, ObservedState
from reconciler.core.resolution import governed_rows, is_unborn, moved_keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Spec
    from reconciler.core.model import (
        Delivery,
        DesiredAccount,
        DesiredKey,
        DesiredState,
        Listing,
        Receipt,
    )
    from reconciler.core.resolution import Row

STAND_IN: Final = ""
"""The id of the one row that stands for every row which nobody recognises and which may be one of ours."""

_EXPIRES: Final = "expires"


def evidence(desired: DesiredState, observed: ObservedState) -> ObservedState:
    """Return what a plan is derived from; a plan of it has the digest of a plan of the whole.

    Rows of others are left out, and so are fields that nobody declares. A row that lost its name is kept
    where a receipt tells whose it was. Where keys are recognised by their name alone and a row shows none,
    one stand-in says that such a row exists.

    Args:
        desired: from the settings and the declarations.
        observed: everything that was read.
    """
    moved = moved_keys(desired.keys)
    listings = {}
    for label, listing in observed.listings.items():
        own = [key for key in desired.keys if key.account == label]
        left = {name: key for (old, name), key in moved.items() if old == label}
        account = desired.accounts[label]
        delivered = _delivered(account, own, observed.receipts)
        listings[label] = _listing(account, own, left, listing, delivered=delivered)
    places = {place for key in desired.keys if key.account in listings for place in key.deliver}
    rows = {(desired.accounts[label].origin, key.id) for label, kept in listings.items() for key in kept.keys}
    return ObservedState(
        listings=listings,
        receipts={place: receipt for place, receipt in observed.receipts.items() if place in places},
        escrowed={row: name for row, name in observed.escrowed.items() if row in rows},
    )


def may_hide_ours(account: DesiredAccount, listing: Listing, rows: Mapping[str, list[Row]]) -> bool:
    """Tell whether a row without a name of ours can be a create of ours that was never delivered.

    Args:
        account: whose list it is.
        listing: every row.
        rows: the governed ones, by declared name.
    """
    governed = {row.key.id for group in rows.values() for row in group}
    floor = account.capabilities.floor
    # A limit that is not shown rules nothing out, unlike a limit that is and differs.
    return any(
        key.id not in governed
        and not key.foreign
        and is_unborn(replace(key, spec={**floor, **key.spec}), floor)
        for key in listing.keys
    )


def stand_in(floor: Spec) -> ObservedKey:
    """Return the row that stands for every unrecognised one that may be ours."""
    return ObservedKey(id=STAND_IN, name=None, spec=floor)


def _delivered(
    account: DesiredAccount, keys: list[DesiredKey], receipts: Mapping[Delivery, Receipt]
) -> dict[str, str]:
    """Return whose secret each id of an account was when a sink was given it."""
    return {
        receipt.remote_id: key.name
        for key in keys
        for place in key.deliver
        if (receipt := receipts.get(place)) and receipt.origin == account.origin
    }


def _listing(
    account: DesiredAccount,
    keys: list[DesiredKey],
    left: Mapping[str, DesiredKey],
    listing: Listing,
    *,
    delivered: Mapping[str, str],
) -> Listing:
    rows = governed_rows(account, keys, listing, left=left)
    governed = {row.key.id: name for name, group in rows.items() for row in group}
    # What a sink holds and the list has under another name, a plan says by that name.
    names = {**delivered, **governed}
    declared = {**left, **{key.name: key for key in keys}}
    kept = [
        replace(key, spec=_read_of(key.spec, account, declared.get(names[key.id])))
        for key in listing.keys
        if key.id in names and not key.foreign
    ]
    if listing.creates_refused and may_hide_ours(account, listing, rows):
        kept.append(stand_in(account.capabilities.floor))
    return replace(listing, keys=tuple(kept))


def _read_of(spec: Spec, account: DesiredAccount, key: DesiredKey | None) -> Spec:
    """Return the fields that planning looks at: the managed ones, and those that tell a newborn key."""
    can = account.capabilities
    wanted = {ENABLED} if key is None else {ENABLED, _EXPIRES, *key.spec, *can.floor, *can.born}
    return {name: value for name, value in spec.items() if name in wanted}
