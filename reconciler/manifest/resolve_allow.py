"""From `allow` in the settings to the allowance, which can only raise limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core.allowance import RAISED, Allowance
from reconciler.core.fields import money_text

if TYPE_CHECKING:
    from reconciler.core.model import SafetyLimits
    from reconciler.errors import Problem
    from reconciler.manifest.resolve_settings import SettingsSource


def resolve_allow(source: SettingsSource, limits: SafetyLimits) -> tuple[Allowance | None, list[Problem]]:
    """Return the allowance, if there is one, and what is wrong with it.

    Args:
        source: the settings file.
        limits: what it can raise.
    """
    wire = source.wire.allow
    if wire is None:
        return None, []
    problems = []
    for name, field in RAISED.items():
        amount, limit = getattr(wire, name), getattr(limits, field)
        if amount is not None and (limit is None or amount <= limit):
            message = f"`{name}` raises nothing: safety.{field} is {_shown(name, limit)}; remove it"
            problems.append(source.problem(message, "allow", name))
    allow = Allowance(
        **{name: getattr(wire, name) for name in RAISED},
        until=wire.until,
        reason=wire.reason,
        mark=source.mark("allow"),
    )
    return allow, problems


def _shown(name: str, limit: int | None) -> str:
    if limit is None:
        return "no limit"
    return money_text(limit) if name == "increase_usd" else str(limit)
