"""The last place for a minted secret that no sink takes: sealed to people who can open it later."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret


class Escrow(Protocol):
    """Seals secrets; nothing of it can be opened by this process."""

    def preflight(self) -> None:
        """Seal a dummy and prove that there is room for it, before anything is minted.

        Raises:
            SinkRefusedError: when a secret could not be sealed later.
        """

    def seal(self, secret: Secret, receipt: Receipt) -> str:
        """Seal a secret together with what it belongs to, and return the name to recover it by.

        Raises:
            SinkError: when it was not sealed.
        """

    def held(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the names of the sealed secrets of some keys, as far as this machine can see them.

        Args:
            keys: origin and remote id of each.

        Raises:
            SinkError: when the place exists and cannot be read.
        """
