"""What is fuzzed: a reader of bytes that somebody else wrote, with the pieces its inputs are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.errors import ReconcilerError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

CANARY: Final = "cr_canary7Q2x9VbT4nLk8Rw3Zs6Hd1Gf5Jm0PyEuXcAo"
"""A secret that inputs hold in the places where secrets are; no error may repeat it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One reader.

    Attributes:
        name: also of the folder of its corpus.
        feed: reads an input. It returns, or raises one of `errors`; anything else is a crash, and so is an
            `AssertionError` about what it returned.
        errors: how it may refuse an input.
        words: pieces of its grammar, for the mutations.
        cut: between the documents of one input, for the mutations.
        shown: matches an input with the secret in a place that errors do show, such as the name of a key.
    """

    name: str
    feed: Callable[[bytes], None]
    errors: tuple[type[Exception], ...] = (ReconcilerError,)
    words: tuple[bytes, ...] = ()
    cut: bytes = b""
    shown: re.Pattern[bytes] | None = None
