"""What a plan rests on as JSON data: what `verify-plan` derives the plan from once more."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.evidence import STAND_IN, evidence
from reconciler.core.fields import money_text, to_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import (
        Delivery,
        DesiredAccount,
        DesiredState,
        Listing,
        ObservedKey,
        ObservedState,
        Receipt,
    )
    from reconciler.core.plan import Plan

FORMAT: Final = "1.0"
_MICROSECOND: Final = timedelta(microseconds=1)


def observed_document(plan: Plan, desired: DesiredState, observed: ObservedState) -> dict[str, Any]:
    """Return the part of the actual state that a plan rests on (schemas/observed.v1.json).

    Args:
        plan: that was made from the other two.
        desired: from the settings and the declarations.
        observed: everything that was read.
    """
    kept = evidence(desired, observed)
    return {
        "format": FORMAT,
        "generated_at": plan.meta.generated_at.isoformat(),
        "tool": plan.meta.tool,
        "settings_digest": desired.settings_digest,
        "declarations_digest": desired.declarations_digest,
        "accounts": [
            _account(desired.accounts[label], listing, kept.escrowed)
            for label, listing in sorted(kept.listings.items())
        ],
        "receipts": [_receipt(place, receipt) for place, receipt in sorted(kept.receipts.items())],
    }


def _account(
    account: DesiredAccount, listing: Listing, escrowed: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    return {
        "label": account.label,
        "origin": account.origin,
        "warnings": list(listing.warnings),
        "creates_refused": listing.creates_refused,
        "unrecognised": any(key.id == STAND_IN for key in listing.keys),
        "keys": [
            {**_key(key), "escrowed": escrowed.get((account.origin, key.id))}
            for key in listing.keys
            if key.id != STAND_IN
        ],
    }


def _key(key: ObservedKey) -> dict[str, Any]:
    used = key.used_micro_usd
    return {
        "id": key.id,
        "name": key.name,
        "spec": to_document(key.spec),
        "used_usd": None if used is None else money_text(used),
        "unused": key.unused,
        "used_up": key.used_up,
        "age_us": None if key.age is None else key.age // _MICROSECOND,
        "idle_us": None if key.idle is None else key.idle // _MICROSECOND,
    }


def _receipt(place: Delivery, receipt: Receipt) -> dict[str, Any]:
    return {
        "sink": place.sink,
        "name": place.name,
        "takeover": place.takeover,
        "origin": receipt.origin,
        "address": receipt.address,
        "remote_id": receipt.remote_id,
        "generation": receipt.generation,
        "attempt": receipt.attempt,
        "delivered_at": receipt.delivered_at.isoformat(),
    }
