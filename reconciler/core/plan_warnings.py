"""What a reviewer would otherwise learn too late."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from reconciler.core.fields import FIELDS, value_text
from reconciler.core.plan import Operation
from reconciler.core.succession import retirements, rotation_due

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.core.model import DesiredAccount, DesiredKey
    from reconciler.core.plan import Action
    from reconciler.core.resolution import Row
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
    """Yield what an account's keys wait for: predecessors that live on, rotations that are due."""
    for key in view.keys[label]:
        many = len(view.rows[label].get(key.name, ())) > 1
        if key.lifecycle.absent or key.owner_left or not (many or key.lifecycle.rotate_every):
            continue
        found = view.resolved(key)
        due = rotation_due(key, found, view.observed.receipts, view.now)
        if due is not None and due <= view.now:
            yield f"{key.address} is due for rotation since {due:%Y-%m-%d}: run `reconciler rotate --due`"
        for end in retirements(key, found, view.observed.receipts, view.now):
            if not end.due(view.now):
                yield f"{key.address}: {_pending(end)}"


def _pending(end: Retirement) -> str:
    row = end.row.key
    called = f"{row.name or end.row.incarnation.name} ({row.id})"
    if end.draining and row.idle is not None:
        minutes = int(row.idle.total_seconds() // 60)
        return f"{called} was used {minutes} minutes ago; it is retired after {end.latest:%Y-%m-%d %H:%M} UTC"
    return f"{called} is retired after {end.at:%Y-%m-%d %H:%M} UTC"
