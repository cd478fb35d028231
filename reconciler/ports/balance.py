"""What an account can still pay for, where that is in the unit of its keys' caps."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


@runtime_checkable
class BalanceSource(Protocol):
    """One account that tells its balance; only asked where `capabilities.pays_in_key_units`."""

    def balance(self) -> int | None:
        """Return what the account holds, in micro-USD of its keys' caps; None where it does not tell.

        Raises:
            ReconcilerError: no answer, or one of unknown form.
        """
