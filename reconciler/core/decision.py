"""Whether one reviewed action still fits the live row: do it, it is done, or it is stale."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from reconciler.core.plan import Operation

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.model import ObservedKey
    from reconciler.core.plan import Action


class Verdict(StrEnum):
    """What a live row says about an action."""

    DO = "do"
    ALREADY = "already"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A verdict and, for a stale action, what moved since the review."""

    verdict: Verdict
    why: str = ""


DO = Decision(verdict=Verdict.DO)
ALREADY = Decision(verdict=Verdict.ALREADY)


def decide(action: Action, row: ObservedKey | None, *, name: str | None = None) -> Decision:
    """Compare a reviewed action on an existing row with the row as it is now.

    Args:
        action: as reviewed.
        row: as it is; None where it is gone.
        name: the remote name that the row gets where the plan renames it.

    A field may stand at its reviewed value before or after: a run that was cut in the middle leaves
    such a mixture, and finishing it is what was reviewed. Any third value makes the action stale.
    """
    if row is None:
        return ALREADY if action.op is Operation.DELETE else stale("the key is no longer at the provider")
    # A row without a name is governed by its adopted id alone, so there is no name that could have moved.
    if row.foreign or (row.name or None) not in (None, action.incarnation, name):
        return stale("the row carries another name now")
    if action.op is Operation.ADOPT:
        return ALREADY if row.name == name else DO
    before = action.before or {}
    if action.op is Operation.DELETE:
        moved = sorted(name for name, value in before.items() if row.spec.get(name, value) != value)
        return stale(f"{', '.join(moved)} changed since the review") if moved else DO
    return compare(row.spec, before=before, after=action.after or {})


def compare(live: Spec, *, before: Spec, after: Spec) -> Decision:
    """Decide for the managed fields alone; a field that the provider does not show decides nothing."""
    shown = {name: value for name, value in after.items() if name in live}
    if all(live[name] == value for name, value in shown.items()):
        return ALREADY if shown or not after else DO
    moved = [name for name, value in shown.items() if live[name] not in (value, before.get(name, value))]
    return stale(f"{', '.join(sorted(moved))} changed since the review") if moved else DO


def stale(why: str) -> Decision:
    """Return the decision that refuses an action, with the remedy."""
    return Decision(verdict=Verdict.STALE, why=f"{why}; make a new plan and have it reviewed")
