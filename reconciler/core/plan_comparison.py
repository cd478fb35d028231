"""What two plans for the same thing do differently, for a reader who expected them to be equal."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.plan_document import plan_body

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.core.plan import Plan

_PARTS: Final = {
    "settings_digest": "the settings",
    "declarations_digest": "the declarations",
    "accounts": "the accounts",
    "scope": "the scope",
    "safety": "the safety limits",
    "allow": "the raised safety limits (`allow`)",
    "existing": "the number of governed keys",
}
_IDENTITY: Final = ("op", "address", "incarnation", "remote_id")


class Change(StrEnum):
    """How a part of the second plan stands to the first."""

    ADDED = "added"
    MISSING = "missing"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One thing in which two plans differ.

    Attributes:
        change: how the second plan differs from the first.
        what: an action as `op address`, or a part of the plan in words.
        fields: of an action, the names of what differs.
    """

    change: Change
    what: str
    fields: tuple[str, ...] = ()


def differences(first: Plan, second: Plan) -> tuple[Difference, ...]:
    """Return what the second plan has more, less or otherwise; nothing if and only if the digests are equal.

    Args:
        first: the plan that was expected.
        second: the plan that was found.
    """
    one, two = plan_body(first), plan_body(second)
    parts = [
        Difference(change=Change.CHANGED, what=words)
        for name, words in _PARTS.items()
        if one.get(name) != two.get(name)
    ]
    actions = list(_actions(one["actions"], two["actions"]))
    if not parts and not actions and one != two:
        actions = [Difference(change=Change.CHANGED, what="the order of the actions")]
    return (*parts, *actions)


def _actions(one: list[dict[str, Any]], two: list[dict[str, Any]]) -> Iterable[Difference]:
    before, after = _by_identity(one), _by_identity(two)
    for key, action in before.items():
        if key not in after:
            yield Difference(change=Change.MISSING, what=_words(action))
        elif fields := tuple(name for name in action if action[name] != after[key][name]):
            yield Difference(change=Change.CHANGED, what=_words(action), fields=fields)
    for key, action in after.items():
        if key not in before:
            yield Difference(change=Change.ADDED, what=_words(action))


def _by_identity(actions: list[dict[str, Any]]) -> dict[tuple[object, ...], dict[str, Any]]:
    """Return actions by what they do to which row; two updates of one row are told apart by their order."""
    seen: Counter[tuple[object, ...]] = Counter()
    found = {}
    for action in actions:
        key = tuple(action[name] for name in _IDENTITY)
        found[*key, seen[key]] = action
        seen[key] += 1
    return found


def _words(action: dict[str, Any]) -> str:
    return f"{action['op']} {action['address']}"
