"""The one type that may hold a plaintext secret."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Never

if TYPE_CHECKING:
    from collections.abc import Callable


class Secret:
    """An opaque secret: it cannot be printed, formatted, compared, hashed, copied or pickled.

    Args:
        value: the plaintext.
    """

    # A closure, because what walks over objects (deepdiff, __getstate__) reads every plain attribute.
    __slots__ = ("_read",)
    __hash__ = None  # type: ignore[assignment]  # a hash would let it become a dict key

    def __init__(self, value: str) -> None:
        self._read: Callable[[], str] = lambda: value

    def reveal(self) -> str:
        """Return the plaintext; only sinks and the parser of a provider's answer call this."""
        return self._read()

    def fingerprint(self) -> str:
        """Return 16 hex digits of SHA-256, enough to tell two minted secrets apart and no more."""
        return hashlib.sha256(self._read().encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> Never:
        msg = "secrets are not compared; compare their fingerprints"
        raise TypeError(msg)

    def __getstate__(self) -> Never:
        msg = "secrets have no state to show"
        raise TypeError(msg)

    def __reduce_ex__(self, protocol: object) -> Never:
        msg = "secrets are neither pickled nor copied"
        raise TypeError(msg)
