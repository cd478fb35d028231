"""Everything that is declared and observed, looked at together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.core.plan import EVERYTHING
from reconciler.core.resolution import governed_rows, moved_keys, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from reconciler.core.model import DesiredKey, DesiredState, ObservedState
    from reconciler.core.plan import Scope
    from reconciler.core.resolution import Resolution, Row


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that is declared and observed, and which rows belong to which name.

    Attributes:
        desired: from the settings and the declarations.
        observed: complete lists and receipts.
        keys: the declared keys by account, sorted by name.
        rows: the governed rows by account and declared name.
        moved: keys that another account minted before, by that account and their name there.
        now: the wall clock.
        scope: the part of the declarations to look at.
    """

    desired: DesiredState
    observed: ObservedState
    keys: Mapping[str, list[DesiredKey]]
    rows: Mapping[str, Mapping[str, list[Row]]]
    moved: Mapping[tuple[str, str], DesiredKey]
    now: datetime
    scope: Scope

    @classmethod
    def of(
        cls, desired: DesiredState, observed: ObservedState, *, now: datetime, scope: Scope = EVERYTHING
    ) -> View:
        """Return the view of the accounts that were listed."""
        keys: dict[str, list[DesiredKey]] = {label: [] for label in observed.listings}
        for key in desired.keys:
            if key.account in keys:
                keys[key.account].append(key)
        for own in keys.values():
            own.sort(key=lambda key: key.name)
        moved = moved_keys(desired.keys)
        rows = {
            label: governed_rows(
                desired.accounts[label],
                own,
                observed.listings[label],
                left={name for old, name in moved if old == label},
            )
            for label, own in keys.items()
        }
        return cls(
            desired=desired, observed=observed, keys=keys, rows=rows, moved=moved, now=now, scope=scope
        )

    def left(self, label: str) -> dict[str, DesiredKey]:
        """Return the keys in the scope that moved away from an account, by their name there."""
        return {
            name: key
            for (old, name), key in self.moved.items()
            if old == label and self.scope.covers(key.name)
        }

    def succeeded(self, key: DesiredKey, rows: Iterable[Row]) -> Resolution:
        """Return a key that moved away from an account, with its live rows there as predecessors."""
        return replace(self.resolved(key), predecessors=tuple(row for row in rows if row.key.live))

    def resolved(self, key: DesiredKey) -> Resolution:
        """Return the rows of a declared key of these accounts, told apart."""
        account = self.desired.accounts[key.account]
        return resolve(
            key,
            self.rows[key.account].get(key.name, []),
            origin=account.origin,
            floor=account.capabilities.floor,
            receipts=self.observed.receipts,
        )
