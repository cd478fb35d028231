"""The actions that one declared key needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, Direction, differs, direction
from reconciler.core.identity import Incarnation, remote_name
from reconciler.core.model import DEFAULT_OVERLAP
from reconciler.core.plan import Action, Operation, Reason
from reconciler.core.resolution import holds_custody, resolve, vanished, wants_custody

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from reconciler.core.fields import Spec, Value
    from reconciler.core.model import Delivery, DesiredAccount, DesiredKey, Listing, Receipt
    from reconciler.core.resolution import Resolution, Row

REQUESTS: Final = {
    # create, look, patch, look; a replay that is refused costs a disable and another birth
    Operation.CREATE: 4,
    Operation.ROTATE: 4,
    Operation.DELIVER: 4,
    Operation.UPDATE: 2,
    Operation.ENABLE: 2,
    Operation.DISABLE: 2,
    Operation.RETIRE: 2,
    Operation.DELETE: 2,
    Operation.ADOPT: 2,
    Operation.BLOCKED: 0,
}

MOST_ATTEMPTS: Final = 10
"""Mints of one generation whose secrets were lost, before a person has to look: no key can be unmade."""

_REMEDIES: Final = "raise `generation` to rotate it, `adopt` its id to manage limits only, or drop `deliver`"


def in_sync(
    key: DesiredKey, rows: Sequence[Row], account: DesiredAccount, receipts: Mapping[Delivery, Receipt]
) -> bool:
    """Tell quickly that a key needs nothing: one row of the declared generation, equal and in custody."""
    if len(rows) != 1 or key.lifecycle.absent or key.lifecycle.adopt:
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
) -> list[Action]:
    """Return the actions of one key, in no particular order."""
    if key.lifecycle.absent:
        return _remove(key, rows, account)
    found = resolve(key, rows, origin=account.origin, floor=account.capabilities.floor, receipts=receipts)
    actions = [disable(key.account, row, Reason.LOST) for row in found.orphans]
    if key.spec.get(ENABLED) is False:
        # A key that is declared off is off in every generation, an overlap notwithstanding.
        actions += [_off(key, row, Operation.DISABLE, Reason.TURNED_OFF) for row in found.predecessors]
    if stop := _stop(key, found, rows):
        return actions + stop
    if found.current is None:
        actions.append(_mint(key, found, rows, account=account, listing=listing, receipts=receipts))
    elif not found.in_custody:
        actions += _recover(key, found.current, account, found=found, listing=listing)
    else:
        actions += _settle(key, found.current)
        actions += _retire(key, found, receipts, now)
    return actions


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
        requests=REQUESTS[op],
        used_micro_usd=row.key.used_micro_usd,
    )


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
        note = f"id {gone} is hidden, deleted or not listed yet; plan again, or raise `generation`"
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
        requests=REQUESTS[op],
        mark=key.mark,
    )


def _refused(account: DesiredAccount, listing: Listing) -> str | None:
    """Return why no key may be minted on this account, or None."""
    if account.capabilities.mintable:
        return listing.creates_refused
    return f"{account.provider} creates no keys; `adopt` the id of an existing one"


def _recover(
    key: DesiredKey, row: Row, account: DesiredAccount, *, found: Resolution, listing: Listing
) -> list[Action]:
    """Return what brings a present key's secret into custody, or who has to decide."""
    before = _managed(key, row)
    if found.unborn and not _refused(account, listing):
        note = "replayed or revealed; failing that it is disabled and the next attempt is minted"
        return [_on_row(key, row, Operation.DELIVER, Reason.UNBORN, note=note, before=before, after=key.spec)]
    if account.capabilities.reveals:
        # The delivery leaves the key as it is: what differs is planned, counted and protected as ever.
        return [_on_row(key, row, Operation.DELIVER, Reason.CUSTODY, before=before), *_settle(key, row)]
    note = f"somebody may be using it and {account.provider} shows no secret twice; {_REMEDIES}"
    actions = [_blocked(key, row, Reason.CUSTODY, note)]
    if key.spec.get(ENABLED) is False and row.key.live:
        actions += _switch(key, row)
    return actions


def _settle(key: DesiredKey, row: Row) -> list[Action]:
    """Return the updates of a key that is born and in custody."""
    actions = _updates(key, row)
    if ENABLED in key.spec and differs({ENABLED: key.spec[ENABLED]}, row.key.spec):
        actions += _switch(key, row)
    return actions


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
    key: DesiredKey, found: Resolution, receipts: Mapping[Delivery, Receipt], now: datetime
) -> list[Action]:
    """Return the retirement of predecessors, once the overlap since the last delivery is over."""
    current = found.current
    if not found.predecessors or current is None or not current.key.live or key.spec.get(ENABLED) is False:
        return []
    delivered = [receipts[delivery].delivered_at for delivery in key.deliver if delivery in receipts]
    # Without a receipt only the row's age is known, so a short overlap is not trusted.
    overlap = key.lifecycle.overlap if delivered else max(key.lifecycle.overlap, DEFAULT_OVERLAP)
    age = now - max(delivered) if delivered else current.key.age
    if age is None or age < overlap:
        return []
    return [_off(key, row, Operation.RETIRE, Reason.OVERLAP_OVER) for row in found.predecessors]


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
        requests=REQUESTS[op],
        mark=key.mark,
        used_micro_usd=row.key.used_micro_usd,
    )
