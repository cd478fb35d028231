"""What a plan rests on, read back from a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from reconciler.core.evidence import stand_in
from reconciler.core.fields import from_document, money
from reconciler.core.model import Delivery, Listing, ObservedKey, ObservedState, Receipt
from reconciler.core.observed_document import FORMAT
from reconciler.errors import StalePlanError
from reconciler.manifest.json_file import JsonFile
from reconciler.manifest.wire_observed import OBSERVED_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.core.model import DesiredAccount, DesiredState
    from reconciler.manifest.wire_observed import AccountRow, KeyRow, ObservedFile, ReceiptRow

_REMEDY: Final = "make a new one with `reconciler plan --save-observed`"


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What a plan rests on, and when it was read.

    Attributes:
        state: governed rows and receipts.
        at: the moment that the plan was made for.
        tool: name and version of what made it.
    """

    state: ObservedState
    at: datetime
    tool: str


def read_observed(path: Path, desired: DesiredState) -> Observation:
    """Return what a file says was there.

    Args:
        path: of the file, at most 64 MiB.
        desired: from the settings and the declarations that it was saved with.

    Raises:
        UsageError: when there is no readable document of this format in the file.
        StalePlanError: when it was saved with other settings or declarations.
    """
    file = JsonFile(path=path, what="an observed state", format=FORMAT, remedy=_REMEDY)
    document = file.read()
    try:
        wire = OBSERVED_FILE.validate_python(document)
        receipts = {_place(row): _receipt(row) for row in wire.receipts}
        accounts = {row.label: (row, tuple(_key(key) for key in row.keys)) for row in wire.accounts}
        at = datetime.fromisoformat(wire.generated_at)
    except (ValidationError, ValueError, OverflowError):
        file.refuse_form()
    _check_belongs(file, wire, desired)
    listings = {
        label: _listing(row, keys, desired.accounts[label]) for label, (row, keys) in accounts.items()
    }
    escrowed = {
        (row.origin, key.id): key.escrowed for row in wire.accounts for key in row.keys if key.escrowed
    }
    state = ObservedState(listings=listings, receipts=receipts, escrowed=escrowed)
    return Observation(state=state, at=at, tool=wire.tool)


def _check_belongs(file: JsonFile, wire: ObservedFile, desired: DesiredState) -> None:
    """Refuse what was reduced to the needs of other settings or declarations: it may lack a row."""
    places = {account.label: account.origin for account in desired.accounts.values()}
    same = wire.settings_digest == desired.settings_digest and all(
        places.get(row.label) == row.origin for row in wire.accounts
    )
    if not same or wire.declarations_digest != desired.declarations_digest:
        other = "declarations" if same else "settings"
        msg = f"{file.shown} was saved with other {other}; check out the commit that it was saved at"
        raise StalePlanError(msg)


def _listing(row: AccountRow, keys: tuple[ObservedKey, ...], account: DesiredAccount) -> Listing:
    hidden = (stand_in(account.capabilities.floor),) if row.unrecognised else ()
    return Listing(
        keys=(*keys, *hidden),
        warnings=tuple(row.warnings),
        creates_refused=row.creates_refused,
    )


def _key(row: KeyRow) -> ObservedKey:
    return ObservedKey(
        id=row.id,
        name=row.name,
        spec=from_document(row.spec),
        used_micro_usd=None if row.used_usd is None else money(row.used_usd),
        unused=row.unused,
        used_up=row.used_up,
        age=None if row.age_us is None else timedelta(microseconds=row.age_us),
        idle=None if row.idle_us is None else timedelta(microseconds=row.idle_us),
    )


def _place(row: ReceiptRow) -> Delivery:
    return Delivery(sink=row.sink, name=row.name, takeover=row.takeover)


def _receipt(row: ReceiptRow) -> Receipt:
    return Receipt(
        origin=row.origin,
        address=row.address,
        remote_id=row.remote_id,
        generation=row.generation,
        attempt=row.attempt,
        delivered_at=datetime.fromisoformat(row.delivered_at),
    )
