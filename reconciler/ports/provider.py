"""A provider's key API, as the application needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.model import Capabilities, Listing, Minted, MintRequest, ObservedKey
    from reconciler.core.secret import Secret


class Provider(Protocol):
    """One account at one provider.

    Every method may raise `CredentialsError`, `DeferredError`, `ProviderUnavailableError` (nothing was
    executed) and `AnswerError`; a write may also raise `RequestRejectedError` (nothing was executed)
    and `OutcomeUnknownError` (nobody can tell).
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this provider can do; the same before and after any request."""

    @property
    def origin(self) -> str:
        """Scheme, host and port that every request of this account goes to."""

    def list_keys(self) -> Listing:
        """Return every key of the account, or raise; never a part."""

    def get_key(self, key_id: str) -> ObservedKey:
        """Return one key as it is now.

        Raises:
            KeyNotFoundError: when there is no such key.
        """

    def create_key(self, request: MintRequest) -> Minted:
        """Mint a key at the floor.

        The body and the idempotency key are functions of the request alone, so calling again with an
        equal request replays the first call where the provider has idempotency.

        Raises:
            SecretLostError: the key was minted, and its secret is not in the answer.
            HostileAnswerError: the answer cannot be about the key that was asked for.
        """

    def reveal(self, key: ObservedKey) -> Secret:
        """Return the plaintext of an existing key; called only where `capabilities.reveals`."""

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Set some fields to absolute values; repeating the call is harmless."""

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Enable or disable a key; repeating the call is harmless."""

    def delete_key(self, key: ObservedKey) -> None:
        """Delete a key; a key already gone counts as deleted. Only where `capabilities.deletes`."""

    def rename_key(self, key: ObservedKey, name: str) -> None:
        """Change the remote name. Only where `capabilities.renames`."""

    def close(self) -> None:
        """Release connections."""
