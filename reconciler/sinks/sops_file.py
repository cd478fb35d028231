"""The `sops` sink: one SOPS file in JSON a secret, for the tools that decrypt such files on their own."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from reconciler.core.secret import Secret
from reconciler.sinks._age import canonical, recipients_problem, seal
from reconciler.sinks._sealed_files import SealedFileSink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.model import Receipt

_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 32
_TAG_BYTES: Final = 16
_METADATA: Final = "sops"
# What SOPS leaves in the clear unless told otherwise; written out, so that no default can change it.
_CLEAR: Final = "_unencrypted"
_FORMAT_VERSION: Final = "3.9.0"


@dataclass(frozen=True, slots=True, kw_only=True)
class SopsSealing:
    """A JSON object with the secret under the entry's name, as `sops --encrypt` writes it.

    Each file has a data key of its own, so none has to be opened to write another one. The format is
    that of https://github.com/getsops/sops (aes/cipher.go, sops.go, stores/stores.go).

    Attributes:
        recipients: public keys.
    """

    recipients: Sequence[str]

    @property
    def suffix(self) -> str:
        """One that tools take for SOPS, and `sops` itself for JSON."""
        return ".sops.json"

    def problem(self) -> str | None:
        """Return which recipient is none."""
        return recipients_problem(self.recipients)

    def name_problem(self, name: str) -> str | None:
        """Refuse the names that mean something else inside such a file."""
        if name == _METADATA or name.endswith(_CLEAR):
            return f"entry {name}: SOPS does not encrypt `{_METADATA}` and what ends in `{_CLEAR}`; rename it"
        return None

    def seal(self, name: str, secret: Secret, receipt: Receipt) -> Secret:
        """Return the whole file; the time of the receipt is when it was last modified."""
        key = Secret(os.urandom(_KEY_BYTES).decode("latin-1"))
        modified = receipt.delivered_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        # The MAC is the SHA-512 of all values in their order, encrypted with the time of the change.
        mac = Secret(hashlib.sha512(secret.reveal().encode()).hexdigest().upper())
        metadata = {
            "age": [
                {"recipient": recipient, "enc": seal(key, [recipient], encoding="latin-1").reveal()}
                for recipient in self.recipients
            ],
            "lastmodified": modified,
            "mac": _encrypted(mac, key, modified),
            "unencrypted_suffix": _CLEAR,
            "version": _FORMAT_VERSION,
        }
        document = {name: _encrypted(secret, key, f"{name}:"), _METADATA: metadata}
        return Secret(json.dumps(document, indent="\t") + "\n")

    def digest(self, name: str, content: Secret) -> str | None:
        """Return the digest of the encrypted value alone, which a change of recipients does not touch."""
        try:
            value = json.loads(content.reveal())[name]
            return hashlib.sha256(value.encode()).hexdigest() if isinstance(value, str) else None
        except (ValueError, TypeError, LookupError, RecursionError):
            return None


def build(options: Mapping[str, object]) -> SealedFileSink:
    """Return the sink that the options `directory` and `recipients` describe."""
    recipients = canonical(cast("Sequence[str]", options["recipients"]))
    return SealedFileSink(Path(str(options["directory"])), SopsSealing(recipients=recipients))


def _encrypted(value: Secret, key: Secret, context: str) -> str:
    """Return a value as SOPS writes it, bound to its place in the file."""
    nonce = os.urandom(_NONCE_BYTES)
    cipher = AESGCM(key.reveal().encode("latin-1"))
    sealed = cipher.encrypt(nonce, value.reveal().encode(), context.encode())
    parts = (sealed[:-_TAG_BYTES], nonce, sealed[-_TAG_BYTES:])
    data, iv, tag = (base64.b64encode(part).decode() for part in parts)
    return f"ENC[AES256_GCM,data:{data},iv:{iv},tag:{tag},type:str]"
