"""What an organisation asks of every declared key, and which keys do not meet it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.fields import FIELDS, NEVER, Kind, kind_of, money_text, value_text
from reconciler.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import timedelta

    from reconciler.core.model import DesiredKey, DesiredState, SourceMark
    from reconciler.core.plan import Scope

OWNER: Final = "owner"
EXPIRES: Final = "expires"
LIMITS: Final = "limits."
CAPS: Final = tuple(name.removeprefix(LIMITS) for name in FIELDS if name.startswith(LIMITS))
"""What a policy can cap."""

REQUIRABLE: Final = (
    OWNER,
    "description",
    "deliver",
    "rotate_every",
    EXPIRES,
    "models",
    "allow_ips",
    "group",
    *CAPS,
)
"""What a policy can require."""


class Rule(StrEnum):
    """Which part of a policy a key does not meet."""

    REQUIRE = "policy-require"
    MAXIMUM = "policy-max"
    EXPIRY = "policy-expires-within"
    OWNER = "policy-owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What is asked of every declared key.

    Attributes:
        require: what it must declare, and not as unlimited, `never`, `all` or `any`.
        most: the highest declared value of a limit, by its name without `limits.`; money in micro-USD.
        expires_within: how far ahead a declared end may be.
        owners: who may own keys; None where nobody keeps such a list.
    """

    require: tuple[str, ...] = ()
    most: Mapping[str, int] = field(default_factory=dict)
    expires_within: timedelta | None = None
    owners: tuple[str, ...] | None = None

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it speaks about, named as in a spec."""
        named = {*self.require, *self.most}
        named |= {EXPIRES} if self.expires_within is not None else set()
        named |= {OWNER} if self.owners is not None else set()
        return frozenset(f"{LIMITS}{name}" if name in CAPS else name for name in named)

    def applied(self, keys: Iterable[DesiredKey]) -> tuple[DesiredKey, ...]:
        """Return keys, those of owners who are not listed any more marked as such."""
        owners = self.owners
        if owners is None:
            return tuple(keys)
        return tuple(
            replace(key, owner_left=True) if key.owner is not None and key.owner not in owners else key
            for key in keys
        )


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Breach:
    """One key that does not meet one rule: the place, the words and the rule."""

    problem: Problem
    rule: Rule


def breaches(desired: DesiredState, now: datetime, scope: Scope) -> tuple[Breach, ...]:
    """Return what the policy refuses, in the order of places.

    Args:
        desired: from the settings and the declarations.
        now: decides how far ahead an end is.
        scope: the part of the declarations to look at.
    """
    policy = desired.policy
    if policy is None:
        return ()
    found = [item for key in _looked_at(desired, scope) for item in _broken(policy, key, now)]
    return tuple(sorted(found))


def departures(desired: DesiredState, scope: Scope) -> tuple[Breach, ...]:
    """Return the keys whose owner is not listed any more; they are switched off, which refuses nothing."""
    text = (
        "{address}: its `owner` is none of `policy.owners`, so a plan switches it off whatever it declares; "
        "give it a listed owner, or remove it"
    )
    found = [
        _breach(key, Rule.OWNER, OWNER, text.format(address=key.address))
        for key in _looked_at(desired, scope)
        if key.owner_left
    ]
    return tuple(sorted(found))


def policy_document(policy: Policy) -> dict[str, Any]:
    """Return a policy as JSON data, for the digest of the settings; what it does not ask is left out."""
    document: dict[str, Any] = {f"max_{name}": _amount(name, most) for name, most in policy.most.items()}
    if policy.require:
        document["require"] = list(policy.require)
    if policy.expires_within is not None:
        document["expires_within_seconds"] = int(policy.expires_within.total_seconds())
    if policy.owners is not None:
        document["owners"] = list(policy.owners)
    return document


def _looked_at(desired: DesiredState, scope: Scope) -> Iterator[DesiredKey]:
    for key in desired.keys:
        in_account = not scope.accounts or key.account in scope.accounts
        if in_account and scope.covers(key.name) and not key.lifecycle.absent:
            yield key


def _broken(policy: Policy, key: DesiredKey, now: datetime) -> Iterator[Breach]:
    for name in policy.require:
        if text := _lacking(key, name):
            message = f"{key.address}: `{name}` {text}, and `policy.require` asks for it; set it"
            yield _breach(key, Rule.REQUIRE, _field(name), message)
    for name, most in sorted(policy.most.items()):
        value = key.spec.get(_field(name))
        # What is not declared is not managed; `require` is what asks for it.
        if value is None or (isinstance(value, int) and value <= most):
            continue
        shown = value_text(_field(name), value)
        message = f"`{name}` is {shown}, and `policy.max_{name}` is {_amount(name, most)}; lower it"
        yield _breach(key, Rule.MAXIMUM, _field(name), f"{key.address}: {message}")
    if policy.expires_within is not None and (text := _too_late(key, policy.expires_within, now)):
        yield _breach(key, Rule.EXPIRY, EXPIRES, f"{key.address}: {text}")


def _lacking(key: DesiredKey, name: str) -> str | None:
    """Return in which way a key does not declare something, or None."""
    beside = {
        OWNER: key.owner,
        "description": key.description,
        "deliver": key.deliver,
        "rotate_every": key.lifecycle.rotate_every,
    }
    if name in beside:
        return None if beside[name] else "is missing"
    value = key.spec.get(_field(name))
    if value is None:
        return "is missing"
    return f"is {value}" if value == FIELDS[_field(name)].clear else None


def _too_late(key: DesiredKey, within: timedelta, now: datetime) -> str | None:
    value = key.spec.get(EXPIRES)
    if not isinstance(value, str):
        return None
    if value != NEVER and datetime.fromisoformat(value).astimezone(UTC) <= now + within:
        return None
    ahead = f"{within.days} days" if within.days else f"{int(within.total_seconds())} s"
    return f"`expires` is {value}, and `policy.expires_within` allows {ahead}; bring it forward"


def _field(name: str) -> str:
    return f"{LIMITS}{name}" if name in CAPS else name


def _amount(name: str, most: int) -> str:
    return money_text(most) if kind_of(_field(name)) is Kind.MONEY else str(most)


def _breach(key: DesiredKey, rule: Rule, name: str, message: str) -> Breach:
    mark: SourceMark = key.places.get(name, key.mark)
    problem = Problem(file=mark.file, line=mark.line, column=mark.column, message=message)
    return Breach(problem=problem, rule=rule)
