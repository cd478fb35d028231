"""From what is declared and what exists to a plan."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.core.account_plan import plan_account
from reconciler.core.allowance import in_force, is_over, over_warning
from reconciler.core.plan import EVERYTHING, MINTING, Plan, PlanMeta, PlannedAccount, in_order
from reconciler.core.plan_spending import funds, soon_used_up, with_outlooks
from reconciler.core.policy import breaches, departures
from reconciler.core.view import View

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from reconciler.core.model import DesiredAccount, DesiredState, ObservedState, SafetyLimits
    from reconciler.core.plan import Action, Scope
    from reconciler.core.spending import Baseline


def diff(
    desired: DesiredState,
    observed: ObservedState,
    *,
    now: datetime,
    tool: str,
    scope: Scope = EVERYTHING,
    baseline: Baseline | None = None,
    balances: Mapping[str, int] = MappingProxyType({}),
) -> Plan:
    """Return the plan that makes the observed state the desired one.

    Args:
        desired: from the settings and the declarations.
        observed: complete lists of every account in the scope, and the receipts of every sink.
        now: decides which overlaps are over.
        tool: name and version, for the plan's meta data.
        scope: the part of the declarations to look at.
        baseline: what keys had spent at an earlier moment.
        balances: what accounts hold, in micro-USD of their keys' caps, by label.
    """
    view = View.of(desired, observed, now=now, scope=scope)
    parts = {
        label: plan_account(view, label)
        for label in sorted(observed.listings)
        if not scope.accounts or label in scope.accounts
    }
    actions = with_outlooks(
        in_order([guarded(action, desired.limits) for part in parts.values() for action in part.actions]),
        view,
        baseline,
    )
    reading = {label: part.reading for label, part in parts.items()}
    limits, allow = in_force(desired, now)
    over = [over_warning(desired.allow)] if desired.allow and is_over(desired.allow, now) else []
    return Plan(
        accounts=tuple(_planned(desired.accounts[label]) for label in parts),
        scope=scope,
        actions=actions,
        limits=limits,
        allow=allow,
        settings_digest=desired.settings_digest,
        declarations_digest=desired.declarations_digest,
        existing=sum(part.existing for part in parts.values()),
        meta=PlanMeta(
            generated_at=now,
            tool=tool,
            unchanged=sum(part.unchanged for part in parts.values()),
            undeclared=tuple(item for part in parts.values() for item in part.undeclared),
            warnings=(
                *over,
                *(str(found.problem) for found in departures(desired, scope)),
                *(text for part in parts.values() for text in part.warnings),
                *(text for label in parts for text in soon_used_up(view, label, actions, baseline)),
            ),
            eta=eta(actions, desired.accounts, reading),
            reading=sum(reading.values()),
            refused=tuple(str(found.problem) for found in breaches(desired, now, scope)),
            funds=tuple(funds(view, label, actions, balances[label]) for label in parts if label in balances),
        ),
    )


def eta(
    actions: Iterable[Action], accounts: Mapping[str, DesiredAccount], reading: Mapping[str, int]
) -> timedelta:
    """Return how long the rate limits stretch some actions, assuming full budgets at the start.

    Args:
        actions: of the plan.
        accounts: by label.
        reading: requests that each account costs before its first action, by label.
    """
    requests: Counter[str] = Counter()
    creates: Counter[str] = Counter()
    for action in actions:
        requests[action.account] += action.requests
        creates[action.account] += action.op in MINTING
    seconds = 0
    for label, own in requests.items():
        count = own + reading.get(label, 0)
        limits = accounts[label].capabilities.rate_limits
        seconds = max(
            seconds,
            _windows(count, limits.requests_per_minute) * 60,
            _windows(creates[label], limits.creates_per_hour) * 3600,
            _windows(count, limits.requests_per_day) * 86400,
        )
    return timedelta(seconds=seconds)


def _windows(count: int, limit: int | None) -> int:
    """Return how many further windows some requests need after the first."""
    return 0 if not count or not limit else (count - 1) // limit


def _planned(account: DesiredAccount) -> PlannedAccount:
    return PlannedAccount(
        label=account.label, provider=account.provider, origin=account.origin, namespace=account.namespace
    )


def guarded(action: Action, limits: SafetyLimits) -> Action:
    """Return an action of a key that the settings protect as that of a protected key."""
    return replace(action, protected=True) if shielded(action.address, limits) else action


def shielded(address: str, limits: SafetyLimits) -> bool:
    """Tell whether the settings protect a key."""
    return any(fnmatchcase(address, pattern) for pattern in limits.protected)
