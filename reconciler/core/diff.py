"""From what is declared and what exists to a plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import FIELDS, value_text
from reconciler.core.key_actions import actions_for_key, disable, in_sync
from reconciler.core.model import Undeclared as Policy
from reconciler.core.plan import (
    MINTING,
    Operation,
    Plan,
    PlanMeta,
    PlannedAccount,
    Reason,
    Scope,
    Undeclared,
    in_order,
)
from reconciler.core.resolution import governed_rows, is_unborn

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from reconciler.core.model import DesiredAccount, DesiredKey, DesiredState, Listing, ObservedState
    from reconciler.core.plan import Action
    from reconciler.core.resolution import Row

EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class _AccountPlan:
    """What one account adds to the plan."""

    actions: list[Action]
    undeclared: list[Undeclared]
    warnings: list[str]
    existing: int
    unchanged: int


def diff(
    desired: DesiredState, observed: ObservedState, *, now: datetime, tool: str, scope: Scope = EVERYTHING
) -> Plan:
    """Return the plan that makes the observed state the desired one.

    Args:
        desired: from the settings and the declarations.
        observed: complete lists of every account in the scope, and the receipts of every sink.
        now: decides which overlaps are over.
        tool: name and version, for the plan's meta data.
        scope: the part of the declarations to look at.
    """
    keys: dict[str, list[DesiredKey]] = {label: [] for label in observed.listings}
    for key in desired.keys:
        if key.account in keys:
            keys[key.account].append(key)
    for own in keys.values():
        own.sort(key=lambda key: key.name)
    parts = {
        label: _account(desired.accounts[label], keys[label], observed, now=now, scope=scope)
        for label in sorted(observed.listings)
        if not scope.accounts or label in scope.accounts
    }
    actions = in_order([action for part in parts.values() for action in part.actions])
    return Plan(
        accounts=tuple(_planned(desired.accounts[label]) for label in parts),
        scope=scope,
        actions=actions,
        limits=desired.limits,
        settings_digest=desired.settings_digest,
        declarations_digest=desired.declarations_digest,
        existing=sum(part.existing for part in parts.values()),
        meta=PlanMeta(
            generated_at=now,
            tool=tool,
            unchanged=sum(part.unchanged for part in parts.values()),
            undeclared=tuple(item for part in parts.values() for item in part.undeclared),
            warnings=tuple(text for part in parts.values() for text in part.warnings),
            eta=eta(actions, desired.accounts),
        ),
    )


def eta(actions: Iterable[Action], accounts: Mapping[str, DesiredAccount]) -> timedelta:
    """Return how long the rate limits stretch some actions, assuming full budgets at the start."""
    requests: Counter[str] = Counter()
    creates: Counter[str] = Counter()
    for action in actions:
        requests[action.account] += action.requests
        creates[action.account] += action.op in MINTING
    seconds = 0
    for label, count in requests.items():
        limits = accounts[label].capabilities.rate_limits
        seconds = max(
            seconds,
            _windows(count, limits.requests_per_minute) * 60,
            _windows(creates[label], limits.creates_per_hour) * 3600,
            _windows(count, limits.requests_per_day) * 86400,
        )
    return timedelta(seconds=seconds)


def in_scope(scope: Scope, key: DesiredKey) -> bool:
    """Tell whether a key belongs to the part of the declarations that is looked at."""
    return not scope.keys or any(fnmatchcase(key.name, pattern) for pattern in scope.keys)


def _windows(count: int, limit: int | None) -> int:
    """Return how many further windows some requests need after the first."""
    return 0 if not count or not limit else (count - 1) // limit


def _planned(account: DesiredAccount) -> PlannedAccount:
    return PlannedAccount(
        label=account.label, provider=account.provider, origin=account.origin, namespace=account.namespace
    )


def _account(
    account: DesiredAccount,
    keys: list[DesiredKey],
    observed: ObservedState,
    *,
    now: datetime,
    scope: Scope,
) -> _AccountPlan:
    listing = observed.listings[account.label]
    rows = governed_rows(account, keys, listing)
    if listing.creates_refused and not _may_hide_ours(account, listing, rows):
        listing = replace(listing, creates_refused=None)
    actions: list[Action] = []
    looked_at = 0
    changed: set[str] = set()
    for key in keys:
        if not in_scope(scope, key):
            continue
        looked_at += 1
        own = rows.get(key.name, [])
        if in_sync(key, own, account, observed.receipts):
            continue
        found = actions_for_key(
            key, own, account=account, listing=listing, receipts=observed.receipts, now=now
        )
        actions += found
        if found:
            changed.add(key.name)
    undeclared = _undeclared_rows(account, keys, rows, scope)
    if account.undeclared in {Policy.DISABLE, Policy.DELETE}:
        actions += [action for row in undeclared if (action := _remove(account, row))]
    return _AccountPlan(
        actions=actions,
        undeclared=_reported(account, undeclared),
        warnings=[*listing.warnings, *_warnings(account, actions, keys, rows)],
        existing=sum(row.key.live for group in rows.values() for row in group),
        unchanged=looked_at - len(changed),
    )


def _may_hide_ours(account: DesiredAccount, listing: Listing, rows: dict[str, list[Row]]) -> bool:
    """Tell whether a row without a name of ours can be a create of ours that was never delivered."""
    governed = {row.key.id for group in rows.values() for row in group}
    floor = account.capabilities.floor
    # A limit that is not shown rules nothing out, unlike a limit that is and differs.
    return any(
        key.id not in governed
        and not key.foreign
        and is_unborn(replace(key, spec={**floor, **key.spec}), floor)
        for key in listing.keys
    )


def _undeclared_rows(
    account: DesiredAccount, keys: list[DesiredKey], rows: dict[str, list[Row]], scope: Scope
) -> list[Row]:
    if not account.namespace or account.undeclared is Policy.IGNORE or scope.keys:
        return []
    declared = {key.name for key in keys}
    found = [row for name in rows.keys() - declared for row in rows[name]]
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


def _remove(account: DesiredAccount, row: Row) -> Action | None:
    if account.undeclared is Policy.DELETE and account.capabilities.deletes:
        return disable(account.label, row, Reason.UNDECLARED, op=Operation.DELETE)
    return disable(account.label, row, Reason.UNDECLARED) if row.key.live else None


def _left_at_floor(account: DesiredAccount, action: Action) -> list[str]:
    """Return the floor's fields that the new key keeps; one limit in another unit counts as declared."""
    declared = (action.after or {}).keys()
    same = account.capabilities.same_limit
    covered = declared | same if declared & same else declared
    return [name for name in account.capabilities.floor if name not in covered]


def _warnings(
    account: DesiredAccount, actions: list[Action], keys: list[DesiredKey], rows: dict[str, list[Row]]
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
