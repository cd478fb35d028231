"""What a reviewer would otherwise learn too late."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.core.fields import ENABLED, FIELDS, value_text
from reconciler.core.plan import Operation
from reconciler.core.resolution import is_unborn
from reconciler.core.succession import retirements, rotation_due

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from reconciler.core.model import DesiredAccount, DesiredKey
    from reconciler.core.plan import Action
    from reconciler.core.resolution import Resolution, Row
    from reconciler.core.succession import Retirement
    from reconciler.core.view import View


def _left_at_floor(account: DesiredAccount, action: Action) -> list[str]:
    """Return the floor's fields that the new key keeps; one limit in another unit counts as declared."""
    declared = (action.after or {}).keys()
    same = account.capabilities.same_limit
    covered = declared | same if declared & same else declared
    return [name for name in account.capabilities.floor if name not in covered]


def warnings(
    account: DesiredAccount, actions: list[Action], keys: list[DesiredKey], rows: Mapping[str, list[Row]]
) -> list[str]:
    """Return what a reviewer would otherwise learn too late."""
    texts = []
    for action in actions:
        if action.op in {Operation.CREATE, Operation.ROTATE}:
            missing = _left_at_floor(account, action)
            texts += [
                f"{action.address} declares no {name}: it stays at the floor of "
                f"{value_text(name, account.capabilities.floor[name])}"
                for name in missing
                if name in FIELDS
            ]
    hidden: Counter[str] = Counter()
    for key in keys:
        for row in rows.get(key.name, ()):
            if not key.spec.keys() <= row.key.spec.keys():
                hidden.update(key.spec.keys() - row.key.spec.keys())
    texts += [
        f"{account.label} does not show {name} for {count} keys, so a drift in it cannot be seen"
        for name, count in sorted(hidden.items())
    ]
    return texts


def notices(view: View, label: str) -> Iterator[str]:
    """Yield what an account's keys wait for: predecessors that live on, rotations that are due, a word."""
    receipts, now = view.observed.receipts, view.now
    for key in view.keys[label]:
        rows = view.rows[label].get(key.name, ())
        undecided = ENABLED not in key.spec and not all(row.key.live for row in rows)
        looked_at = len(rows) > 1 or key.lifecycle.rotate_every or undecided
        if key.lifecycle.absent or key.owner_left or not looked_at:
            continue
        found = view.resolved(key)
        if undecided and _stays_off(found, view.desired.accounts[label]):
            yield f"{key.address} is off and stays off; declare `enabled: true`, or `false` if that is meant"
        due = rotation_due(key, found, receipts, now)
        if due is not None and due <= now:
            yield f"{key.address} is due for rotation since {due:%Y-%m-%d}: run `reconciler rotate --due`"
        for end in retirements(key, found, receipts, now):
            if not end.due(now):
                yield f"{key.address}: {_pending(end)}"
    for name, key in view.left(label).items():
        yield from _left(view, label, key, view.rows[label].get(name, ()))


def _left(view: View, label: str, key: DesiredKey, rows: Iterable[Row]) -> Iterator[str]:
    """Yield which rows live on of a key that moved away."""
    if key.account not in view.rows or key.owner_left:
        return
    for end in retirements(key, view.succeeded(key, rows), view.observed.receipts, view.now):
        if not end.due(view.now):
            yield f"{key.address}: {label}/{_pending(end)}"


def _stays_off(found: Resolution, account: DesiredAccount) -> bool:
    """Tell whether nothing will switch a key on again; one that was condemned at its birth is replaced."""
    if found.current is None or found.current.key.live:
        return False
    return not is_unborn(found.current.key, account.capabilities.floor)


def _pending(end: Retirement) -> str:
    row = end.row.key
    called = f"{row.name or end.row.incarnation.name} ({row.id})"
    if end.draining and row.idle is not None:
        minutes = int(row.idle.total_seconds() // 60)
        return f"{called} was used {minutes} minutes ago; it is retired after {end.latest:%Y-%m-%d %H:%M} UTC"
    return f"{called} is retired after {end.at:%Y-%m-%d %H:%M} UTC"
