"""The actions that one declared key needs."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, Direction, differs, direction
from reconciler.core.identity import Incarnation, remote_name
from reconciler.core.plan import MINTING, Action, Operation, Reason
from reconciler.core.resolution import holds_custody, is_unborn, resolve, sealed_row, vanished, wants_custody
from reconciler.core.succession import deletable, retirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from reconciler.core.fields import Spec, Value
    from reconciler.core.model import Delivery, DesiredAccount, DesiredKey, Listing, Receipt
    from reconciler.core.resolution import Resolution, Row

NOTHING: Final[Mapping[tuple[str, str], str]] = MappingProxyType({})
"""No secret in escrow."""

MOST_ATTEMPTS: Final = 10
"""Mints of one generation whose secrets were lost, before a person has to look: no key can be unmade."""

_REMEDIES: Final = "raise `generation` to rotate it, `adopt` its id to manage limits only, or drop `deliver`"


def in_sync(
    key: DesiredKey, rows: Sequence[Row], account: DesiredAccount, receipts: Mapping[Delivery, Receipt]
) -> bool:
    """Tell quickly that a key needs nothing: one row of the declared generation, equal and in custody."""
    if len(rows) != 1 or key.owner_left:
        return False
    if key.lifecycle.absent or key.lifecycle.adopt or key.lifecycle.renamed_from:
        return False
    row = rows[0]
    return (
        row.incarnation.generation == key.lifecycle.generation
        and not differs(key.spec, row.key.spec)
        and (not wants_custody(key) or holds_custody(key, row.key, account.origin, receipts))
    )


def actions_for_key(
    key: DesiredKey,
    rows: Sequence[Row],
    *,
    account: DesiredAccount,
    listing: Listing,
    receipts: Mapping[Delivery, Receipt],
    now: datetime,
    escrowed: Mapping[tuple[str, str], str] = NOTHING,
) -> list[Action]:
    """Return the actions of one key, in no particular order."""
    if key.lifecycle.absent:
        return _remove(key, rows, account)
    if key.owner_left:
        return owner_left(key, rows, account)
    found = resolve(key, rows, origin=account.origin, floor=account.capabilities.floor, receipts=receipts)
    if sealed := sealed_row(key, found, rows, account.origin, escrowed):
        return _sealed(key, sealed, escrowed[account.origin, sealed.key.id])
    actions = [disable(key.account, row, Reason.LOST) for row in found.orphans]
    if key.spec.get(ENABLED) is False:
        # A key that is declared off is off in every generation, an overlap notwithstanding.
        actions += [_off(key, row, Operation.DISABLE, Reason.TURNED_OFF) for row in found.predecessors]
    if stop := _stop(key, found, rows):
        return actions + stop
    actions += _renames(key, rows, account)
    if found.current is None:
        born = [_mint(key, found, rows, account=account, listing=listing, receipts=receipts)]
    elif not found.in_custody:
        born = _recover(
            key, found.current, rows, account=account, found=found, listing=listing, receipts=receipts
        )
    else:
        actions += _revive(key, found.current, account) or _settle(key, found.current)
        actions += _retire(key, found, rows, account=account, receipts=receipts, now=now)
        return actions
    return actions + born + _replaced_now(key, found, born)


def disable(label: str, row: Row, reason: Reason, *, op: Operation = Operation.DISABLE) -> Action:
    """Return the action that takes one row out of use."""
    return Action(
        op=op,
        account=label,
        name=row.incarnation.name,
        incarnation=row.key.name or row.incarnation.name,
        generation=row.incarnation.generation,
        attempt=row.incarnation.attempt,
        remote_id=row.key.id,
        reason=reason,
        before={ENABLED: row.key.live},
        after=None if op is Operation.DELETE else {ENABLED: False},
        used_micro_usd=row.key.used_micro_usd,
    )


def owner_left(key: DesiredKey, rows: Iterable[Row], account: DesiredAccount) -> list[Action]:
    """Return what switches off every live row of a key whose owner left; nothing is minted or delivered."""
    note = "the policy outweighs `enabled`; give it a listed owner to keep it on"
    actions = [
        replace(
            disable(account.label, row, Reason.OWNER_LEFT),
            note=note,
            protected=key.lifecycle.protected,
            mark=key.mark,
        )
        for row in rows
        if row.key.live
    ]
    if account.capabilities.toggles:
        return actions
    note = f"{account.provider} switches no keys off; do it at the provider, or give it a listed owner"
    return [replace(action, op=Operation.BLOCKED, note=note, before=None, after=None) for action in actions]


def _remove(key: DesiredKey, rows: Sequence[Row], account: DesiredAccount) -> list[Action]:
    if account.capabilities.deletes:
        return [
            _on_row(key, row, Operation.DELETE, Reason.ABSENT, before={ENABLED: row.key.live}) for row in rows
        ]
    return [_off(key, row, Operation.DISABLE, Reason.ABSENT) for row in rows if row.key.live]


def _stop(key: DesiredKey, found: Resolution, rows: Sequence[Row]) -> list[Action]:
    """Return why a person has to decide before anything else happens to this key."""
    if found.rivals:
        ids = " and ".join(row.key.id for row in found.rivals)
        note = f"ids {ids}; disable or rename all but one at the provider"
        return [_blocked(key, found.rivals[0], Reason.DUPLICATE, note)]
    if found.newer:
        newest = max(row.incarnation.generation for row in found.newer)
        note = f"generation {newest} is live; declare `generation: {newest}` or disable it at the provider"
        return [_blocked(key, found.newer[0], Reason.NEWER, note)]
    adopt = key.lifecycle.adopt
    if adopt and key.lifecycle.generation == 1 and all(row.key.id != adopt for row in rows):
        return [_blocked(key, None, Reason.GONE, "correct the id, or drop `adopt` to mint a new key")]
    return []


def _mint(
    key: DesiredKey,
    found: Resolution,
    rows: Sequence[Row],
    *,
    account: DesiredAccount,
    listing: Listing,
    receipts: Mapping[Delivery, Receipt],
) -> Action:
    if not key.deliver:
        return _blocked(key, None, Reason.NO_SINK, "declare `deliver`, or `adopt` the id of an existing key")
    if gone := vanished(key, rows, account.origin, receipts):
        # A list may leave out keys that are off, so this incarnation must not be minted a second time.
        note = _missing(gone, listing)
        return _blocked(key, None, Reason.VANISHED, note)
    if refused := _refused(account, listing):
        return _blocked(key, None, Reason.NO_MINTING, refused)
    if found.last_attempt >= MOST_ATTEMPTS:
        note = f"{found.last_attempt} attempts lost theirs; find out why, then raise `generation`"
        return _blocked(key, None, Reason.LOST, note)
    incarnation = Incarnation(
        name=key.name, generation=key.lifecycle.generation, attempt=found.last_attempt + 1
    )
    rotate = bool(found.predecessors)
    reason = Reason.LOST if found.last_attempt else Reason.GENERATION if rotate else Reason.NEW
    op = Operation.ROTATE if rotate else Operation.CREATE
    return Action(
        op=op,
        account=key.account,
        name=key.name,
        incarnation=remote_name(incarnation, account.namespace),
        generation=incarnation.generation,
        attempt=incarnation.attempt,
        remote_id=None,
        reason=reason,
        after=key.spec,
        deliver=key.deliver,
        protected=key.lifecycle.protected,
        mark=key.mark,
    )


def _missing(key_id: str, listing: Listing) -> str:
    """Return what is known of a key that a sink holds and that is not listed under its name."""
    for row in listing.keys:
        if row.id == key_id and not row.foreign:
            return f"id {key_id} has another name, {row.name!r}; rename it back, or declare `adopt: {key_id}`"
    return f"id {key_id} is hidden, deleted or not listed yet; plan again, or raise `generation`"


def _refused(account: DesiredAccount, listing: Listing) -> str | None:
    """Return why no key may be minted on this account, or None."""
    if account.capabilities.mintable:
        return listing.creates_refused
    return f"{account.provider} creates no keys; `adopt` the id of an existing one"


def _recover(
    key: DesiredKey,
    row: Row,
    rows: Sequence[Row],
    *,
    account: DesiredAccount,
    found: Resolution,
    listing: Listing,
    receipts: Mapping[Delivery, Receipt],
) -> list[Action]:
    """Return what brings a present key's secret into custody, or who has to decide."""
    before = _managed(key, row)
    if found.unborn and (gone := vanished(key, rows, account.origin, receipts)):
        # An earlier attempt that was lost is listed, and the one that was delivered after it is not yet.
        return [_blocked(key, row, Reason.VANISHED, _missing(gone, listing))]
    if found.unborn and not _refused(account, listing):
        note = "replayed or revealed; failing that it is disabled and the next attempt is minted"
        return [_on_row(key, row, Operation.DELIVER, Reason.UNBORN, note=note, before=before, after=key.spec)]
    if not row.key.live and ENABLED not in key.spec and _others_secret(key, row, account.origin, receipts):
        note = "it is off, and a sink holds another secret; declare `enabled`, or raise `generation`"
        return [_blocked(key, row, Reason.CUSTODY, note)]
    if account.capabilities.reveals:
        # The delivery leaves the key as it is: what differs is planned, counted and protected as ever.
        return [_on_row(key, row, Operation.DELIVER, Reason.CUSTODY, before=before), *_settle(key, row)]
    note = f"somebody may be using it and {account.provider} shows no secret twice; {_REMEDIES}"
    actions = [_blocked(key, row, Reason.CUSTODY, note)]
    if key.spec.get(ENABLED) is False and row.key.live:
        actions += _switch(key, row)
    return actions


def _others_secret(key: DesiredKey, row: Row, origin: str, receipts: Mapping[Delivery, Receipt]) -> bool:
    """Tell whether a sink holds the secret of another row, which may be the one that is in use."""
    held = [receipts[place] for place in key.deliver if place in receipts]
    return any((receipt.origin, receipt.remote_id) != (origin, row.key.id) for receipt in held)


def _sealed(key: DesiredKey, row: Row, name: str) -> list[Action]:
    """Return who has to recover a secret; minting anew would throw it away."""
    note = f"run `reconciler recover {name} --identity FILE`, or remove that file to give the secret up"
    actions = [_blocked(key, row, Reason.ESCROWED, note)]
    return actions + _switch(key, row) if key.spec.get(ENABLED) is False else actions


def _settle(key: DesiredKey, row: Row) -> list[Action]:
    """Return the updates of a key that is born and in custody."""
    actions = _updates(key, row)
    if ENABLED in key.spec and differs({ENABLED: key.spec[ENABLED]}, row.key.spec):
        actions += _switch(key, row)
    return actions


def _revive(key: DesiredKey, row: Row, account: DesiredAccount) -> list[Action]:
    """Return what switches a key on that one run condemned while another delivered its secret."""
    if row.key.live or ENABLED in key.spec or not wants_custody(key):
        return []
    if not is_unborn(row.key, account.capabilities.floor):
        return []
    before = {**_managed(key, row), ENABLED: False}
    after = {**key.spec, ENABLED: True}
    return [_on_row(key, row, Operation.ENABLE, Reason.CUT_SHORT, before=before, after=after)]


def _updates(key: DesiredKey, row: Row) -> list[Action]:
    """Return one update, or two where a part narrows and another does not, so that each has its phase."""
    before = _managed(key, row)
    after = {name: value for name, value in key.spec.items() if name != ENABLED}
    narrows = {name for name in after if direction(before, {name: after[name]}) is Direction.NARROWS}
    parts = ({name: after[name] for name in after if (name in narrows) is tight} for tight in (True, False))
    differing = [part for part in parts if differs(part, before)]
    return [
        _on_row(
            key,
            row,
            Operation.UPDATE,
            Reason.DRIFT,
            before={name: before[name] for name in part if name in before},
            after=part,
        )
        for part in (differing if len(differing) != 1 else [after])
    ]


def _switch(key: DesiredKey, row: Row) -> list[Action]:
    wanted = key.spec[ENABLED]
    op, reason = (Operation.ENABLE, Reason.TURNED_ON) if wanted else (Operation.DISABLE, Reason.TURNED_OFF)
    return [_on_row(key, row, op, reason, before={ENABLED: not wanted}, after={ENABLED: wanted})]


def _retire(
    key: DesiredKey,
    found: Resolution,
    rows: Sequence[Row],
    *,
    account: DesiredAccount,
    receipts: Mapping[Delivery, Receipt],
    now: datetime,
) -> list[Action]:
    """Return the retirement of predecessors whose overlap is over, and the deletion of those long retired."""
    actions = [
        _off(key, end.row, Operation.RETIRE, Reason.OVERLAP_OVER)
        for end in retirements(key, found, receipts, now)
        if end.due(now)
    ]
    if account.delete_retired and account.capabilities.deletes:
        actions += [
            _on_row(key, row, Operation.DELETE, Reason.GRACE_OVER, before={ENABLED: False})
            for row in deletable(key, found, rows, receipts=receipts, now=now)
        ]
    return actions


def _replaced_now(key: DesiredKey, found: Resolution, born: Sequence[Action]) -> list[Action]:
    """Return the retirement of predecessors that leave no overlap: a leaked key goes with its replacement."""
    mints = any(action.op in MINTING for action in born)
    if key.lifecycle.overlap or not mints or key.spec.get(ENABLED) is False:
        return []
    return [_off(key, row, Operation.RETIRE, Reason.REPLACED_NOW) for row in found.predecessors]


def _renames(key: DesiredKey, rows: Sequence[Row], account: DesiredAccount) -> list[Action]:
    """Return the renames of rows that still carry the key's former name; retired ones keep it."""
    former = key.former
    if former is None or key.moved_from or not account.capabilities.renames:
        return []
    actions = []
    for row in rows:
        wanted = remote_name(row.incarnation, account.namespace)
        # A key that is off counts too: it would be minted anew once `renamed_from` is dropped.
        counts = row.key.live or row.incarnation.generation == key.lifecycle.generation
        if counts and row.key.name not in {None, wanted}:
            actions.append(_on_row(key, row, Operation.ADOPT, Reason.RENAMED, note=f"becomes {wanted}"))
    return actions


def _off(key: DesiredKey, row: Row, op: Operation, reason: Reason) -> Action:
    return _on_row(key, row, op, reason, before={ENABLED: True}, after={ENABLED: False})


def _managed(key: DesiredKey, row: Row) -> dict[str, Value]:
    """Return what the provider shows of the fields that the key manages."""
    return {name: row.key.spec[name] for name in key.spec if name in row.key.spec}


def _blocked(key: DesiredKey, row: Row | None, reason: Reason, note: str) -> Action:
    if row is not None:
        return _on_row(key, row, Operation.BLOCKED, reason, note=note)
    return Action(
        op=Operation.BLOCKED,
        account=key.account,
        name=key.name,
        incarnation=key.name,
        generation=key.lifecycle.generation,
        remote_id=None,
        reason=reason,
        note=note,
        protected=key.lifecycle.protected,
        mark=key.mark,
    )


def _on_row(
    key: DesiredKey,
    row: Row,
    op: Operation,
    reason: Reason,
    *,
    note: str = "",
    before: Spec | None = None,
    after: Spec | None = None,
) -> Action:
    return Action(
        op=op,
        account=key.account,
        name=key.name,
        incarnation=row.key.name or row.incarnation.name,
        generation=row.incarnation.generation,
        attempt=row.incarnation.attempt,
        remote_id=row.key.id,
        reason=reason,
        note=note,
        before=before,
        after=after,
        deliver=key.deliver if op is Operation.DELIVER else (),
        protected=key.lifecycle.protected,
        mark=key.mark,
        used_micro_usd=row.key.used_micro_usd,
    )
