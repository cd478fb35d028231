"""The value of an Authorization header, without the token ever being plain text outside."""

from __future__ import annotations

from reconciler.core.secret import Secret


def bearer(token: Secret) -> Secret:
    """Return `Bearer` and the token (RFC 6750 section 2.1)."""
    return Secret(f"Bearer {token.reveal()}")
