"""The right to be the only run that mints, for a limited time."""

from __future__ import annotations

from typing import Protocol


class Lease(Protocol):
    """One lease, shared by every run that is configured with it.

    Every method but `release` may raise `SinkError` and `CredentialsError` when its store cannot be asked.
    """

    def acquire(self) -> None:
        """Take the lease.

        Raises:
            DeferredError: when another run has it; nothing is wrong.
        """

    def check(self) -> None:
        """Make sure that the lease is ours for long enough to finish one key, renewing it when it is old.

        Raises:
            DeferredError: when it is not, or that cannot be told any more; nothing may be begun.
        """

    def release(self) -> None:
        """Give the lease back if we have it; a failure is left to its expiry."""
