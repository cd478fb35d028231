"""Escrow: a minted secret that no sink took, sealed to age recipients in a file of its own.

The name of a file carries the key's name and remote id and a tag of origin and id, and no secret, so that
a plan can tell which keys have one without being able to open any.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import pyrage

from reconciler.core.instants import utc_instant
from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkRefusedError
from reconciler.sinks._age import canonical, recipients_problem, seal
from reconciler.sinks._durable_file import DurableFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

FORMAT: Final = "reconciler escrow 1"
_NAME: Final = re.compile(r".+\.([0-9a-f]{16})\.age")
_STRANGE: Final = re.compile(r"[^A-Za-z0-9_-]+")
_SHOWN: Final = 36
_LOCK: Final = ".reconciler"
_TEXTS: Final = ("format", "origin", "address", "remote_id", "sealed_at", "secret")
_NUMBERS: Final = ("generation", "attempt")
# What is sealed to prove that sealing works; it is thrown away.
_DUMMY: Final = Secret("sk-0123456789abcdef")


class AgeEscrow:
    """A directory with one armored age file a secret (https://age-encryption.org/v1).

    Args:
        directory: made when it is missing, for the owner only.
        recipients: public keys; anybody who has one of the private keys can open every file.
    """

    def __init__(self, directory: Path, recipients: Sequence[str]) -> None:
        self._directory = directory
        self._recipients = canonical(recipients)

    def preflight(self) -> None:
        """Seal a dummy and prove that there is room for it.

        Raises:
            SinkRefusedError: when a secret could not be sealed later.
        """
        problem = recipients_problem(self._recipients)
        if problem:
            msg = f"escrow: {problem}"
            raise SinkRefusedError(msg)
        try:
            seal(_DUMMY, self._recipients)
            DurableFile(self._directory / _LOCK).probe()
        except SinkError as error:
            msg = f"escrow: {error}"
            raise SinkRefusedError(msg) from None

    def seal(self, secret: Secret, receipt: Receipt) -> str:
        """Seal a secret together with what it belongs to; one file a key, however often it is sealed.

        Raises:
            SinkError: when it was not sealed, or may not survive a power cut.
        """
        content = {
            "format": FORMAT,
            "origin": receipt.origin,
            "address": receipt.address,
            "remote_id": receipt.remote_id,
            "generation": receipt.generation,
            "attempt": receipt.attempt,
            "sealed_at": receipt.delivered_at.astimezone(UTC).isoformat(),
            "secret": secret.reveal(),
        }
        name = file_name(receipt)
        with DurableFile(self._directory / _LOCK).locked():
            sealed = seal(Secret(json.dumps(content)), self._recipients)
            DurableFile(self._directory / name).replace(sealed)
        return name

    def held(self, keys: Iterable[tuple[str, str]]) -> Mapping[tuple[str, str], str]:
        """Return the names of the files of some keys.

        Args:
            keys: origin and remote id of each.

        Raises:
            SinkError: when the directory exists and cannot be read.
        """
        try:
            found = {match[1]: match[0] for name in self._names() if (match := _NAME.fullmatch(name))}
        except OSError as error:
            msg = f"escrow {self._directory}: it cannot be read ({error.strerror}); correct its permissions"
            raise SinkError(msg) from None
        if not found:
            return {}
        return {key: found[tag] for key in keys if (tag := _tag(*key)) in found}

    def _names(self) -> list[str]:
        try:
            return sorted(path.name for path in self._directory.iterdir())
        except FileNotFoundError:
            return []


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sealed:
    """What was in an escrow file.

    Attributes:
        secret: the plaintext.
        receipt: which key it belongs to; dated when it was sealed.
    """

    secret: Secret
    receipt: Receipt


def file_name(receipt: Receipt) -> str:
    """Return the name of the file of a key: its name and id to read, and a tag to be found by."""
    _, _, name = receipt.address.partition("/")
    shown = (_STRANGE.sub("-", text)[:_SHOWN] for text in (name, receipt.remote_id))
    return f"{'.'.join(shown)}.{_tag(receipt.origin, receipt.remote_id)}.age"


def open_sealed(path: Path, identities: Secret) -> Sealed:
    """Open an escrow file in memory.

    Args:
        path: of the file.
        identities: the text of an age identity file, or of an SSH private key without a passphrase.

    Raises:
        SinkError: when there is no such file, the identities do not open it, or it is none of ours.
    """
    content = DurableFile(path).read()
    if content is None:
        msg = f"{path}: there is no such file; correct the path"
        raise SinkError(msg)
    opened = _decrypted(path, content, _identities(identities))
    found = _sealed(opened)
    if found is None:
        msg = f"{path}: it is no escrow file of this tool; name one that an apply reported"
        raise SinkError(msg)
    return found


def _decrypted(path: Path, content: Secret, identities: list[Any]) -> Secret:
    try:
        plain = pyrage.decrypt(content.reveal().encode("utf-8", "surrogateescape"), identities)
        return Secret(plain.decode("utf-8"))
    except (pyrage.DecryptError, UnicodeDecodeError):
        msg = f"{path}: the identity does not open it; use the private key of one of the escrow's recipients"
        raise SinkError(msg) from None


def _identities(text: Secret) -> list[Any]:
    lines = text.reveal().splitlines()
    try:
        if any("PRIVATE KEY" in line for line in lines):
            pem = (text.reveal().strip() + "\n").encode("ascii", "replace")
            return [pyrage.ssh.Identity.from_buffer(pem)]
        wanted = [line.strip() for line in lines if line.strip() and not line.startswith("#")]
        found = [pyrage.x25519.Identity.from_str(line) for line in wanted]
    except (pyrage.IdentityError, UnicodeEncodeError):
        found = []
    if not found:
        msg = "the identity file holds no age identity (AGE-SECRET-KEY-1…) and no open SSH key; name another"
        raise SinkError(msg)
    return found


def _sealed(opened: Secret) -> Sealed | None:
    """Return what an opened file says; nothing of it raises, as the frames hold plaintext."""
    try:
        found = json.loads(opened.reveal())
        texts, numbers = [found[name] for name in _TEXTS], [found[name] for name in _NUMBERS]
        at = utc_instant(found["sealed_at"])
        # Half a surrogate pair is JSON, and no text that a sink could take.
        "".join(texts).encode()
    except (ValueError, RecursionError, LookupError, TypeError):
        return None
    wrong = any(type(text) is not str for text in texts) or any(type(number) is not int for number in numbers)
    if wrong or found["format"] != FORMAT:
        return None
    receipt = Receipt(
        origin=found["origin"],
        address=found["address"],
        remote_id=found["remote_id"],
        generation=found["generation"],
        attempt=found["attempt"],
        delivered_at=at,
    )
    return Sealed(secret=Secret(found["secret"]), receipt=receipt)


def _tag(origin: str, remote_id: str) -> str:
    return hashlib.sha256(json.dumps([origin, remote_id]).encode()).hexdigest()[:16]
