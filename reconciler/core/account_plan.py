"""What one account adds to a plan: its declared keys, those that moved away, and what nobody declares."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.core.evidence import may_hide_ours
from reconciler.core.fields import ENABLED
from reconciler.core.key_actions import actions_for_key, disable, in_sync, owner_left
from reconciler.core.model import Undeclared as Policy
from reconciler.core.plan import Operation, Reason, Undeclared
from reconciler.core.plan_warnings import notices, warnings
from reconciler.core.request_costs import CostSheet
from reconciler.core.succession import retirements

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.core.model import DesiredAccount, DesiredKey
    from reconciler.core.plan import Action, Scope
    from reconciler.core.resolution import Row
    from reconciler.core.view import View


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPlan:
    """What one account adds to the plan."""

    actions: list[Action]
    undeclared: list[Undeclared]
    warnings: list[str]
    existing: int
    unchanged: int
    reading: int


def plan_account(view: View, label: str) -> AccountPlan:
    """Return what one account adds to the plan.

    Args:
        view: of everything that is declared and observed.
        label: of the account.
    """
    account, listing, rows = view.desired.accounts[label], view.observed.listings[label], view.rows[label]
    keys = view.keys[label]
    if listing.creates_refused and not may_hide_ours(account, listing, rows):
        listing = replace(listing, creates_refused=None)
    actions: list[Action] = []
    looked_at = 0
    changed: set[str] = set()
    for key in keys:
        if not view.scope.covers(key.name):
            continue
        looked_at += 1
        own = rows.get(key.name, [])
        if in_sync(key, own, account, view.observed.receipts):
            continue
        found = actions_for_key(
            key,
            own,
            account=account,
            listing=listing,
            receipts=view.observed.receipts,
            escrowed=view.observed.escrowed,
            now=view.now,
        )
        actions += found
        if found:
            changed.add(key.name)
    left = view.left(label)
    for name, key in left.items():
        actions += _left_behind(view, label, key, rows.get(name, []))
    undeclared = _undeclared_rows(account, [*(key.name for key in keys), *left], rows, view.scope)
    costs = CostSheet(can=account.capabilities, listing=listing, now=view.now)
    if account.undeclared in {Policy.DISABLE, Policy.DELETE}:
        actions += [action for row in undeclared if (action := _remove(account, row, empty=not keys))]
    return AccountPlan(
        actions=costs.priced(actions),
        undeclared=_reported(account, undeclared),
        warnings=[*listing.warnings, *warnings(account, actions, keys, rows), *notices(view, label)],
        existing=sum(row.key.live for group in rows.values() for row in group),
        unchanged=looked_at - len(changed),
        reading=costs.reading,
    )


def _left_behind(view: View, label: str, key: DesiredKey, rows: Iterable[Row]) -> list[Action]:
    """Return what takes the rows of a key away that another account has taken over."""
    if key.account not in view.rows:
        return []
    if key.owner_left:
        return owner_left(key, rows, view.desired.accounts[label])
    found = view.succeeded(key, rows)
    if key.lifecycle.absent or key.spec.get(ENABLED) is False:
        # There is no successor to wait for.
        reason = Reason.ABSENT if key.lifecycle.absent else Reason.TURNED_OFF
        gone = [disable(label, row, reason) for row in found.predecessors]
    else:
        gone = [
            disable(label, end.row, Reason.MOVED, op=Operation.RETIRE)
            for end in retirements(key, found, view.observed.receipts, view.now)
            if end.due(view.now)
        ]
    return [replace(action, protected=key.lifecycle.protected, mark=key.mark) for action in gone]


def _undeclared_rows(
    account: DesiredAccount, declared: Iterable[str], rows: Mapping[str, list[Row]], scope: Scope
) -> list[Row]:
    if not account.namespace or account.undeclared is Policy.IGNORE or scope.keys:
        return []
    found = [row for name in rows.keys() - set(declared) for row in rows[name]]
    return sorted(found, key=lambda row: (row.incarnation, row.key.id))


def _reported(account: DesiredAccount, rows: list[Row]) -> list[Undeclared]:
    if account.undeclared is not Policy.REPORT:
        return []
    return [
        Undeclared(
            account=account.label,
            incarnation=row.key.name or row.incarnation.name,
            remote_id=row.key.id,
            enabled=row.key.live,
        )
        for row in rows
    ]


def _remove(account: DesiredAccount, row: Row, *, empty: bool) -> Action | None:
    """Return what takes an undeclared row away; that no key is declared at all is rather a mistake."""
    if empty:
        note = "declare at least one, or use `undeclared: report`"
        stop = replace(
            disable(account.label, row, Reason.EMPTY),
            op=Operation.BLOCKED,
            note=note,
            before=None,
            after=None,
        )
        return stop if row.key.live else None
    if account.undeclared is Policy.DELETE and account.capabilities.deletes:
        return disable(account.label, row, Reason.UNDECLARED, op=Operation.DELETE)
    return disable(account.label, row, Reason.UNDECLARED) if row.key.live else None
