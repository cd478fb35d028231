"""Declarations for keys that exist already, such that a plan right after finds nothing to do."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.core.fields import ENABLED, Kind, kind_of, value_text
from reconciler.core.identity import parse_remote_name

if TYPE_CHECKING:
    from collections.abc import Collection

    from reconciler.core.fields import Spec, Value
    from reconciler.core.identity import Incarnation
    from reconciler.core.model import DesiredAccount, Listing, ObservedKey

_NOT_PLAIN: Final = re.compile(r"[^A-Za-z0-9._-]+")
_MOST_OF_NAME: Final = 60
_NOTHING: Final[tuple[Value, ...]] = ("", ())


class Rules(Protocol):
    """What may be declared for the keys of one account."""

    def takes_name(self, name: str) -> bool:
        """Tell whether a key of the account can be declared under this name."""

    def takes(self, name: str, value: Value) -> bool:
        """Tell whether a field can be declared with this canonical value."""

    def misfits(self, spec: Spec) -> Collection[str]:
        """Return the fields that cannot be declared beside the others."""

    def refusal(self, spec: Spec) -> str | None:
        """Return why a key with just these fields would be refused, or None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Declaration:
    """One key as it would be declared.

    Attributes:
        name: the declared name.
        spec: canonical values of the fields that are shown and can be declared.
        generation: that the remote name carries.
        adopt: the provider's id, where the name alone does not lead to the row.
        remote_id: the provider's id.
        remote_name: as it is shown; None where it is not.
        left_out: fields that are shown and cannot be declared, with their values in words.
    """

    name: str
    spec: Spec
    generation: int = 1
    adopt: str | None = None
    remote_id: str
    remote_name: str | None
    left_out: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """One row that gets no declaration, and why."""

    remote_id: str
    remote_name: str | None
    why: str


@dataclass(slots=True, kw_only=True)
class Drafted:
    """What an account's list came to; `declared` counts the keys that a file declares already."""

    declarations: list[Declaration] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    declared: int = 0


def draft(
    account: DesiredAccount,
    listing: Listing,
    rules: Rules,
    *,
    declared: Collection[str],
    adopted: Collection[str],
    taken: Collection[str],
) -> Drafted:
    """Return declarations for every row of a list, sorted by name.

    Args:
        account: whose list it is.
        listing: complete.
        rules: of the account.
        declared: names that files declare for the account already; their rows are left alone.
        adopted: ids that declared keys have adopted, likewise.
        taken: names that cannot be used for other reasons, for example for a key of another account.
    """
    found = Drafted()
    groups: dict[str, list[tuple[Incarnation, ObservedKey]]] = {}
    nameless: list[ObservedKey] = []
    for key in sorted(listing.keys, key=lambda row: (row.name or "", row.id)):
        incarnation = parse_remote_name(key.name, account.namespace) if key.name is not None else None
        if key.id in adopted or (incarnation and incarnation.name in declared):
            found.declared += 1
        elif why := _foreign(account, key):
            found.skipped.append(Skipped(remote_id=key.id, remote_name=key.name, why=why))
        elif incarnation is None:
            nameless.append(key)
        else:
            groups.setdefault(incarnation.name, []).append((incarnation, key))
    for name, rows in groups.items():
        chosen = _only(rows)
        if chosen is None or name in taken or not rules.takes_name(name):
            nameless += [key for _, key in rows]
        else:
            found.skipped += [
                Skipped(remote_id=key.id, remote_name=key.name, why="off, and replaced by another row")
                for _, key in rows
                if key is not chosen[1]
            ]
            _add(found, chosen[1], account, rules, name=name, generation=chosen[0].generation)
    # Not one of the names that the rows go by: the others of that name would be taken for rivals.
    used = {*declared, *taken, *groups}
    for key in sorted(nameless, key=lambda row: (row.name or "", row.id)):
        name = _free_name(key, rules, used)
        used.add(name)
        _add(found, key, account, rules, name=name, adopt=key.id)
    found.declarations.sort(key=lambda item: item.name)
    return found


def _foreign(account: DesiredAccount, key: ObservedKey) -> str | None:
    if key.foreign:
        return "of another user"
    if account.namespace and key.name is not None and not key.name.startswith(f"{account.namespace}/"):
        return f"outside the namespace {account.namespace}"
    return None


def _only(rows: list[tuple[Incarnation, ObservedKey]]) -> tuple[Incarnation, ObservedKey] | None:
    """Return the row that a name stands for: the one that is on, or the latest; None where two are on."""
    live = [row for row in rows if row[1].live]
    if len(live) > 1:
        return None
    return live[0] if live else max(rows, key=lambda row: (row[0], row[1].id))


def _add(
    found: Drafted,
    key: ObservedKey,
    account: DesiredAccount,
    rules: Rules,
    *,
    name: str,
    generation: int = 1,
    adopt: str | None = None,
) -> None:
    spec, left_out = _declarable(key, account, rules)
    if refusal := rules.refusal(spec):
        found.skipped.append(Skipped(remote_id=key.id, remote_name=key.name, why=refusal))
        return
    found.declarations.append(
        Declaration(
            name=name,
            spec=spec,
            generation=generation,
            adopt=adopt,
            remote_id=key.id,
            remote_name=key.name,
            left_out=left_out,
        )
    )


def _declarable(
    key: ObservedKey, account: DesiredAccount, rules: Rules
) -> tuple[dict[str, Value], tuple[str, ...]]:
    capabilities = account.capabilities
    settable = capabilities.updatable | ({ENABLED} if capabilities.toggles else set())
    shown = {name: value for name, value in sorted(key.spec.items()) if name in settable}
    spec = {name: value for name, value in shown.items() if rules.takes(name, value)}
    for name in (*_doubled(spec, capabilities.same_limit), *rules.misfits(spec)):
        spec.pop(name, None)
    # A limit that is declared in one unit is not left out in the other.
    said = capabilities.same_limit if spec.keys() & capabilities.same_limit else frozenset()
    left = {name for name, value in shown.items() if value not in _NOTHING} - spec.keys() - said
    return spec, tuple(f"{name} {value_text(name, shown[name])}" for name in sorted(left))


def _doubled(spec: Spec, same_limit: frozenset[str]) -> list[str]:
    """Return all but one of the fields that are one limit in several units; money is what people read."""
    found = sorted(same_limit & spec.keys(), key=lambda name: (kind_of(name) is not Kind.MONEY, name))
    return found[1:]


def _free_name(key: ObservedKey, rules: Rules, used: Collection[str]) -> str:
    """Return a name like the remote one that nobody has."""
    plain = _NOT_PLAIN.sub("-", key.name or "").strip("-.")[:_MOST_OF_NAME] or "key"
    most = _MOST_OF_NAME
    while most > 1:
        stem = plain[:most]
        candidate, number = stem, 1
        while candidate in used:
            number += 1
            candidate = f"{stem}-{number}"
        if rules.takes_name(candidate):
            return candidate
        most //= 2
    return f"k{key.id}"
