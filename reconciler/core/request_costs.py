"""How many HTTP requests an action costs, from what its steps cost at the account's provider."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED
from reconciler.core.plan import Operation, condemns

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.core.model import Capabilities, Listing
    from reconciler.core.plan import Action

_EXPIRES: Final = "expires"
_MINTS: Final = frozenset({Operation.CREATE, Operation.ROTATE})


@dataclass(frozen=True, slots=True, kw_only=True)
class CostSheet:
    """The prices of one account.

    Args:
        can: what its provider can do, and what each step costs.
        listing: read a moment ago; a provider without idempotency has it read again after a create.
        now: decides which keys have expired.
    """

    can: Capabilities
    listing: Listing
    now: datetime

    @property
    def reading(self) -> int:
        """What the account's own reading costs before the first action."""
        return self.listing.cost.requests + self.can.costs.session

    def priced(self, actions: Iterable[Action]) -> list[Action]:
        """Return actions with what each of them costs; the list grows with every key that is minted."""
        found, minted = [], 0
        for action in actions:
            minted += action.op in _MINTS
            found.append(replace(action, requests=self._requests(action, minted)))
        return found

    def _requests(self, action: Action, minted: int) -> int:
        """Return what an action costs at most when nothing fails; a 429 or a lost answer adds to it."""
        costs = self.can.costs
        whole = {
            Operation.BLOCKED: 0,
            Operation.DELETE: costs.delete,
            Operation.ADOPT: costs.rename + costs.read,
        }
        if action.op in whole:
            return whole[action.op]
        # A row that seems lost is looked at right before it is switched off.
        first = costs.read if condemns(action) else 0
        if action.op in _MINTS:
            first = self._mint(minted)
        elif action.op is Operation.DELIVER:
            first = self._recover(minted)
        # A key that somebody may use is delivered and left as it is.
        return first + (costs.read if action.after is None else self._settle(action))

    def _mint(self, minted: int) -> int:
        costs = self.can.costs
        found = costs.read if self.can.create_returns_secret else costs.plaintext
        again = 0 if self.can.idempotent_create else self.listing.cost.with_more(self._rows, minted)
        return costs.create + found + again

    def _recover(self, minted: int) -> int:
        return self.can.costs.plaintext if self.can.reveals else self._mint(minted)

    @property
    def _rows(self) -> int:
        return len(self.listing.keys)

    def _settle(self, action: Action) -> int:
        """Return what the writes cost that bring a row to what is declared, and one read of what became."""
        costs, after = self.can.costs, action.after or {}
        writes = costs.update if after.keys() - {ENABLED} else 0
        if writes and self._is_dead(action):
            writes += costs.revive
        # A key is born enabled.
        born = action.op in _MINTS or action.op is Operation.DELIVER
        if ENABLED in after and not (born and after[ENABLED] is True):
            writes += costs.switch
        return writes + costs.read

    def _is_dead(self, action: Action) -> bool:
        """Tell whether the row has expired or is used up, which an update alone does not mend everywhere."""
        row = next((key for key in self.listing.keys if key.id == action.remote_id), None)
        if row is None:
            return False
        expires = row.spec.get(_EXPIRES)
        now = f"{self.now.replace(tzinfo=None).isoformat(timespec='seconds')}Z"
        return row.used_up or (isinstance(expires, str) and expires[:1].isdecimal() and expires < now)
