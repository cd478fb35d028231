"""A second source for what keys have spent, beside the list of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.status import Usage


class UsageSource(Protocol):
    """One account that shows usage by the names of keys; it reads only."""

    def usages(self) -> Sequence[Usage]:
        """Return what every key that it shows has spent.

        Raises:
            CredentialsError: the credentials are refused.
            DeferredError: the rate limit is used up.
            ProviderUnavailableError: no answer.
            AnswerError: an answer of unknown form.
        """
