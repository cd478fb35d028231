"""Encryption to age recipients, which takes public keys only; pyrage and its errors end here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyrage

from reconciler.core.secret import Secret
from reconciler.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Sequence


def canonical(recipients: Sequence[str]) -> tuple[str, ...]:
    """Return public keys without the comment that an SSH key may have."""
    return tuple(" ".join(text.split()[:2]) for text in recipients)


def recipients_problem(recipients: Sequence[str]) -> str | None:
    """Return which of the public keys is none that can be encrypted to, or None when all are."""
    for number, text in enumerate(recipients, start=1):
        try:
            _parsed(text)
        except pyrage.RecipientError:
            return f"`recipients`: number {number} is no public key that age can use; copy it again"
    return None


def seal(plaintext: Secret, recipients: Sequence[str], *, encoding: str = "utf-8") -> Secret:
    """Return the armored age file that each of the recipients can open.

    Args:
        plaintext: what to encrypt.
        recipients: `age1…`, `ssh-ed25519 …` or `ssh-rsa …`.
        encoding: how the plaintext becomes bytes; Latin-1 for binary data, one character a byte.

    Raises:
        SinkError: when it cannot be encrypted; nothing of the plaintext is in the error.
    """
    try:
        keys = [_parsed(text) for text in recipients]
        return Secret(pyrage.encrypt(plaintext.reveal().encode(encoding), keys, armored=True).decode("ascii"))
    except (pyrage.RecipientError, pyrage.EncryptError):
        msg = "age cannot encrypt to these `recipients`; correct them and run again"
        raise SinkError(msg) from None


def _parsed(text: str) -> pyrage.ssh.Recipient | pyrage.x25519.Recipient:
    if text.startswith("ssh-"):
        return pyrage.ssh.Recipient.from_str(text)
    return pyrage.x25519.Recipient.from_str(text)
