"""Secrets that no other run has, so that finding eight characters of one proves where it came from."""

from __future__ import annotations

import secrets
import string
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.sandbox.accounts import Account

_PREFIXES = ("rsk_", "qot_")


def planted(prefix: str = "sk-") -> str:
    """Return a new secret of 32 random letters and digits behind a prefix."""
    return prefix + "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(32))


def planted_accounts(accounts: Iterable[Account]) -> tuple[Account, ...]:
    """Return accounts of the sandbox with new tokens of the same kind."""
    return tuple(replace(account, token=_alike(account.token)) for account in accounts)


def _alike(token: str) -> str:
    """Return a token of the same length and alphabet, its special characters and its prefix in place."""
    prefix = next((prefix for prefix in _PREFIXES if token.startswith(prefix)), "")
    hexadecimal = set(token) <= set(string.hexdigits)
    alphabet = "0123456789abcdef" if hexadecimal else string.ascii_letters + string.digits
    rest = token[len(prefix) :]
    return prefix + "".join(
        secrets.choice(alphabet) if character.isalnum() else character for character in rest
    )
