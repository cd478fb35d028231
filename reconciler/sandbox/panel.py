"""What a vendor lets a person do in its web panel: the operator's side of each simulated vendor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.limits import Limits
    from reconciler.sandbox.operator_bodies import KeyRequest
    from reconciler.sandbox.switches import SwitchBoard


class RefusedUseError(Exception):
    """Raised when a vendor would refuse to serve a key; the text says why."""


class Panel(Protocol):
    """Keys as the panel makes and changes them; each call is one transaction of the operator."""

    def create(self, account: Account, wanted: KeyRequest, given: frozenset[str]) -> dict[str, str]:
        """Make a key and return id, name and api_key.

        Args:
            account: whose key it is.
            wanted: the fields.
            given: the names of those that the operator wrote.

        Raises:
            InvalidValueError: the vendor has no such field.
        """

    def change(self, row: KeyRow, changes: Mapping[str, Any]) -> None:
        """Change the given fields of a key.

        Raises:
            InvalidValueError: the vendor has no such field.
        """

    def delete(self, row: KeyRow) -> None:
        """Remove a key."""

    def use(self, row: KeyRow, *, usd: float, units: int | None, at: float) -> None:
        """Make a call with the key that costs upstream USD, or quota units where the vendor counts them.

        Raises:
            RefusedUseError: the vendor does not serve the key; looking at it may have changed its state.
        """


class Controllable(Protocol):
    """What a simulated vendor offers to the operator."""

    @property
    def switches(self) -> SwitchBoard[Any]:
        """The vendor's switches."""

    @property
    def limits(self) -> Limits:
        """The vendor's request budgets."""

    @property
    def panel(self) -> Panel:
        """The vendor's web panel."""
