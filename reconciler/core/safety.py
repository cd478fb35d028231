"""How much one plan may change, and whether a plan stays within it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import TOTAL_USD, money_text
from reconciler.core.plan import CHANGING, Operation, Reason

if TYPE_CHECKING:
    from reconciler.core.model import SafetyLimits
    from reconciler.core.plan import Action, Plan

PERCENT_FROM: Final = 10
"""The percentage counts from this many existing keys on; below it, one key is already 10 %."""


def violations(plan: Plan) -> tuple[str, ...]:
    """Return one sentence for each safety limit that the plan breaks; one is enough to refuse it whole."""
    counts = Counter(kind for action in plan.actions if (kind := counted_as(action)))
    found = [text for kind, count in sorted(counts.items()) if (text := over(plan.limits, kind, count))]
    return (*found, *_share(plan), *_increase(plan))


def protections(plan: Plan) -> tuple[str, ...]:
    """Return one sentence for each action that a protected key refuses; the other actions may go on."""
    return tuple(text for action in plan.actions if (text := protection(action)))


def counted_as(action: Action) -> str | None:
    """Return which of the counted limits an action uses up; the clean-up of a lost birth uses none."""
    return None if _cleans_up(action) else _COUNTED.get(action.op)


def _cleans_up(action: Action) -> bool:
    return action.reason is Reason.LOST and action.op is Operation.DISABLE


def over(limits: SafetyLimits, kind: str, count: int) -> str | None:
    """Return why some number of creates, disables or deletes is too many, or None when it is not."""
    most = {"creates": limits.max_creates, "disables": limits.max_disables, "deletes": limits.max_deletes}[
        kind
    ]
    if most is None or count <= most:
        return None
    return f"{count} {kind}, and max_{kind} is {most}; split the change or raise safety.max_{kind}"


_COUNTED: Final = {
    Operation.CREATE: "creates",
    Operation.ROTATE: "creates",
    Operation.DISABLE: "disables",
    Operation.RETIRE: "disables",
    Operation.DELETE: "deletes",
}


def protection(action: Action) -> str | None:
    """Return why a protected key refuses this action, or None when it may be done."""
    if not action.protected:
        return None
    if action.op in {Operation.DISABLE, Operation.RETIRE, Operation.DELETE, Operation.ROTATE}:
        return f"{action.address} is protected and would be {_PAST[action.op]}; remove `protected` first"
    if action.cuts_off:
        return f"{action.address} is protected and its new cap is below its spend; remove `protected` first"
    return None


_PAST: Final = {
    Operation.DISABLE: "disabled",
    Operation.RETIRE: "retired",
    Operation.DELETE: "deleted",
    Operation.ROTATE: "rotated",
}


def _share(plan: Plan) -> list[str]:
    most = plan.limits.max_change_percent
    changed = len(
        {
            (action.account, action.remote_id)
            for action in plan.actions
            if action.op in CHANGING and action.remote_id and not _cleans_up(action)
        }
    )
    # Keys that are off are changed too but do not exist as live ones, so either number can reach the ten.
    if most is None or max(plan.existing, changed) < PERCENT_FROM or changed * 100 <= most * plan.existing:
        return []
    share = f"{changed} of {plan.existing} keys change, more than {most} %"
    return [f"{share}; split the change or raise safety.max_change_percent"]


def _increase(plan: Plan) -> list[str]:
    most = plan.limits.max_increase_usd
    if most is None:
        return []
    unbounded = [action.address for action in plan.actions if action.increase_micro_usd is None]
    if unbounded:
        return [
            f"{address} loses its {TOTAL_USD} cap while max_increase_usd is {money_text(most)}; set a cap"
            for address in unbounded
        ]
    # A lowered cap pays for nothing: the key whose cap is raised can spend the whole rise.
    total = sum(max(0, action.increase_micro_usd or 0) for action in plan.actions)
    if total <= most:
        return []
    rise = f"caps rise by {money_text(total)} USD in all, and max_increase_usd is {money_text(most)}"
    return [f"{rise}; split the change or raise safety.max_increase_usd"]
