"""The `age` sink: one age file a secret, which only the holders of the private keys can open."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from reconciler.sinks._age import canonical, recipients_problem, seal
from reconciler.sinks._sealed_files import SealedFileSink

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class AgeSealing:
    """An armored age file whose plaintext is the secret, without a newline at the end.

    The format is https://age-encryption.org/v1.

    Attributes:
        recipients: public keys.
    """

    recipients: Sequence[str]

    @property
    def suffix(self) -> str:
        """The one that the age command line uses."""
        return ".age"

    def problem(self) -> str | None:
        """Return which recipient is none."""
        return recipients_problem(self.recipients)

    def name_problem(self, name: str) -> str | None:
        """Take every name: it is not part of the content."""
        del name
        return None

    def seal(self, name: str, secret: Secret, receipt: Receipt) -> Secret:
        """Return the armored file."""
        del name, receipt
        return seal(secret, self.recipients)

    def digest(self, name: str, content: Secret) -> str | None:
        """Return the digest of the whole file, as `sha256sum` prints it."""
        del name
        return hashlib.sha256(content.reveal().encode("utf-8", "surrogateescape")).hexdigest()


def build(options: Mapping[str, object]) -> SealedFileSink:
    """Return the sink that the options `directory` and `recipients` describe."""
    recipients = canonical(cast("Sequence[str]", options["recipients"]))
    return SealedFileSink(Path(str(options["directory"])), AgeSealing(recipients=recipients))
