"""Which remote row is which declared key: names, incarnations and the idempotency key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Final

_SUFFIX: Final = re.compile(r"~([1-9][0-9]{0,8})(?:\.([1-9][0-9]{0,8}))?\Z")
_VERSION: Final = "reconciler/create/v1"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Incarnation:
    """One minted row: the key's declared name, its generation and the attempt at that generation."""

    name: str
    generation: int = 1
    attempt: int = 1

    def next_attempt(self) -> Incarnation:
        """Return the incarnation to mint after this one's secret was lost."""
        return Incarnation(name=self.name, generation=self.generation, attempt=self.attempt + 1)


def remote_name(incarnation: Incarnation, namespace: str | None) -> str:
    """Return `[namespace/]name[~generation[.attempt]]`; the first incarnation has no suffix."""
    prefix = f"{namespace}/" if namespace else ""
    if incarnation.attempt > 1:
        return f"{prefix}{incarnation.name}~{incarnation.generation}.{incarnation.attempt}"
    suffix = f"~{incarnation.generation}" if incarnation.generation > 1 else ""
    return f"{prefix}{incarnation.name}{suffix}"


def parse_remote_name(text: str, namespace: str | None) -> Incarnation | None:
    """Return the incarnation that a remote name stands for, or None when the name is foreign.

    Only the exact form that `remote_name` writes is ours: `a~1`, `a~01` and `a~2.1` are foreign.
    """
    prefix = f"{namespace}/" if namespace else ""
    if not text.startswith(prefix):
        return None
    rest = text[len(prefix) :]
    if "~" not in rest:
        return Incarnation(name=rest) if rest and "/" not in rest else None
    found = _SUFFIX.search(rest)
    name = rest[: found.start()] if found else ""
    if found is None or not name or "~" in name or "/" in name:
        return None
    incarnation = Incarnation(name=name, generation=int(found.group(1)), attempt=int(found.group(2) or 1))
    return incarnation if remote_name(incarnation, namespace) == text else None


def idempotency_key(
    salt: bytes, *, origin: str, account: str, namespace: str | None, incarnation: Incarnation
) -> str:
    """Return the 40-character key under which this incarnation may be created once.

    Nothing volatile goes in, so every run derives the same key, and no limit goes in, so an edit of
    the declarations between a crash and the next run changes nothing.

    Args:
        salt: the settings' salt; with the account's token the key could recover a secret, so it is
            not guessable where a salt is configured.
        origin: scheme, host and port of the provider.
        account: the account's label in the settings.
        namespace: the account's namespace, if it has one.
        incarnation: what is to be minted.
    """
    parts = (
        _VERSION,
        origin,
        account,
        namespace or "",
        incarnation.name,
        str(incarnation.generation),
        str(incarnation.attempt),
    )
    encoded = [part.encode() for part in parts]
    message = b"".join(len(part).to_bytes(4, "big") + part for part in encoded)
    digest = hmac.new(salt, message, hashlib.sha256).digest()
    return base64.b32encode(digest).decode()[:40].lower()
