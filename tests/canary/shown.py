"""What an exception tells to whoever prints or keeps it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from tests.canary.search import Search

if TYPE_CHECKING:
    from collections.abc import Iterator

# Where exceptions of the standard library and of HTTP libraries keep the text that they complain about.
_KEPT_IN_SLOTS = ("doc", "object", "output", "stderr", "cmd", "input", "filename", "filename2")


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and all that are behind it, those after `from None` included."""
    waiting: list[BaseException | None] = [error]
    seen: set[int] = set()
    for behind in waiting:
        if behind is None or id(behind) in seen:
            continue
        seen.add(id(behind))
        yield behind
        grouped = behind.exceptions if isinstance(behind, BaseExceptionGroup) else ()
        waiting += [behind.__cause__, behind.__context__, *grouped]


def told(error: BaseException) -> str:
    """Return the text, arguments, notes and attributes of an exception and of those behind it."""
    parts: list[str] = []
    for behind in chain(error):
        kept = [getattr(behind, name, None) for name in _KEPT_IN_SLOTS]
        parts += [str(behind), repr(behind), repr(behind.args), repr(vars(behind)), repr(kept)]
    return "\n".join(parts)


def shown(error: BaseException) -> str:
    """Return all that is told, and the local variables of each frame."""
    frames = [
        line
        for behind in chain(error)
        for line in traceback.TracebackException.from_exception(behind, capture_locals=True).format()
    ]
    return "\n".join([told(error), *frames])


def leaked(text: str, *secrets: str) -> list[str]:
    """Return the encodings in which a text shows one of some secrets that the canary need not know.

    Raises:
        AssertionError: a secret is too short or too common to be looked for.
    """
    for secret in secrets:
        assert Search([secret]), "a secret for tests has 12 letters and digits in a row that no word has"
    return [found for secret in secrets if (found := Search([secret]).encoding(text))]
