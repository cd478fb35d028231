"""What a plan means for the money: how long caps last, and whether the account can pay for them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import TOTAL_USD
from reconciler.core.plan import Funds, Operation
from reconciler.core.spending import outlook

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime

    from reconciler.core.fields import Value
    from reconciler.core.model import ObservedKey
    from reconciler.core.plan import Action
    from reconciler.core.spending import Baseline
    from reconciler.core.view import View

SOON: Final = timedelta(days=14)
"""A cap that is used up this soon is worth a warning."""

_STOPS: Final = frozenset({Operation.DISABLE, Operation.RETIRE, Operation.DELETE})
_MINTS: Final = frozenset({Operation.CREATE, Operation.ROTATE})


@dataclass(frozen=True, slots=True)
class _Row:
    """A governed row, and whether and how much it may spend."""

    live: bool
    cap: Value | None
    used: int


def with_outlooks(actions: Iterable[Action], view: View, baseline: Baseline | None) -> tuple[Action, ...]:
    """Return actions with what the pace of their rows means for the caps.

    Args:
        actions: of the plan.
        view: with their rows.
        baseline: of an earlier moment; None where there is none.
    """
    return tuple(_with_outlook(action, view, baseline) for action in actions)


def soon_used_up(
    view: View, label: str, actions: Sequence[Action], baseline: Baseline | None
) -> Iterator[str]:
    """Yield the live keys of an account whose cap is used up soon, and which no action gives another cap.

    Args:
        view: with the rows.
        label: of the account.
        actions: of the plan.
        baseline: of an earlier moment; None where there is none.
    """
    touched = {action.remote_id for action in actions if action.account == label}
    for key in view.keys[label]:
        if not view.scope.covers(key.name):
            continue
        for row in view.rows[label].get(key.name, ()):
            if not row.key.live or row.key.id in touched:
                continue
            found = outlook(label, row.key, cap_after=None, baseline=baseline, now=view.now)
            if found is not None and found.after is not None and found.after <= view.now + SOON:
                yield (
                    f"{key.address} spends {found.pace.text}: its lifetime cap is "
                    f"{_when(found.after, view.now)}; raise it, or find out why"
                )


def funds(view: View, label: str, actions: Iterable[Action], balance_micro_usd: int) -> Funds:
    """Return what an account holds against what its governed keys may still spend after the plan.

    Args:
        view: with the rows.
        label: of the account.
        actions: of the plan.
        balance_micro_usd: in the unit of the keys' caps.
    """
    rows = {
        row.key.id: _Row(row.key.live, row.key.spec.get(TOTAL_USD), row.key.used_micro_usd or 0)
        for group in view.rows[label].values()
        for row in group
    }
    own = [action for action in actions if action.account == label]
    for action in own:
        found = rows.get(action.remote_id or "")
        if found is not None:
            rows[action.remote_id or ""] = _after(action, found)
    caps = [(row.cap, row.used) for row in rows.values() if row.live]
    caps += [(action.cap_after, 0) for action in own if action.op in _MINTS]
    return Funds(
        account=label,
        balance_micro_usd=balance_micro_usd,
        spendable_micro_usd=sum(max(0, cap - used) for cap, used in caps if isinstance(cap, int)),
        unbounded=sum(not isinstance(cap, int) for cap, _ in caps),
    )


def _after(action: Action, row: _Row) -> _Row:
    live = False if action.op in _STOPS else row.live or action.op is Operation.ENABLE
    return _Row(live, row.cap if action.cap_after is None else action.cap_after, row.used)


def _with_outlook(action: Action, view: View, baseline: Baseline | None) -> Action:
    row = _row(action, view)
    if row is None:
        return action
    found = outlook(action.account, row, cap_after=action.cap_after, baseline=baseline, now=view.now)
    if found is None:
        return action
    # A key that is taken out of use spends nothing afterwards.
    stopped = replace(found, before=None, after=None) if action.op in _STOPS else found
    return replace(action, outlook=stopped)


def _row(action: Action, view: View) -> ObservedKey | None:
    rows = view.rows[action.account].get(action.name, ())
    return next((row.key for row in rows if row.key.id == action.remote_id), None)


def _when(at: datetime, now: datetime) -> str:
    return "used up" if at <= now else f"used up by {at:%Y-%m-%d}"
