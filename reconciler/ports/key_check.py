"""Asking a provider with a delivered key itself whether it works."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedKey:
    """What a provider says about the key that asked.

    Attributes:
        live: a request with it would be served, as far as the key itself decides.
        why: why not, in plain words; empty for a live key.
        name: the remote name; None where the key was refused.
        spec: canonical values of the fields that were told.
        used_units: quota units that the key has used; None where that was not told.
        available_units: quota units that are left; None where that was not told, or nothing limits them.
    """

    live: bool
    why: str = ""
    name: str | None = None
    spec: Spec
    used_units: int | None = None
    available_units: int | None = None


class KeyCheck(Protocol):
    """The self-check of one account's keys; it reads only."""

    def check(self, secret: Secret) -> CheckedKey:
        """Ask with one key; the plaintext stays in memory and goes to the provider only.

        A key that the provider refuses is an answer, not an error.

        Raises:
            DeferredError: the limit for such questions is used up.
            ProviderUnavailableError: no answer.
            AnswerError: the server has no such question, or its answer has another form.
        """

    def close(self) -> None:
        """Release connections."""
