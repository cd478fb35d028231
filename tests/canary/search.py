"""Known secrets, and whether any eight characters in a row of one of them are in a text, however written."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from tests.canary.views import views

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

LEAST_LENGTH: Final = 16
"""A shorter value is nobody's secret: `x`, `token` and `abc12` are said everywhere."""

_LEAST_RANDOM: Final = 12
_LEAST_WHOLE: Final = 20
_LEAST_CHANGES: Final = 0.25
_WINDOW: Final = 8
# As many bits as eight characters of letters and digits, so that no digest of a plan matches by chance.
_HEX_WINDOW: Final = 12
_OPAQUE: Final = re.compile(r"[!-~]+")
_PROSE: Final = re.compile(r"[\"'{}()<>,;\\$]")
_PRIVATE_KEY: Final = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")
_PEM_LINE: Final = re.compile(r"^[A-Za-z0-9+/]{64}$", re.MULTILINE)
_RUN: Final = re.compile(r"[0-9A-Za-z]{8,}")
_HEX: Final = re.compile(r"[0-9a-f]+")


class Search:
    """A search for some secrets; whatever it says names none of them.

    Args:
        secrets: the plaintexts.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        self._windows: dict[int, set[str]] = {_WINDOW: set(), _HEX_WINDOW: set()}
        self._whole: set[str] = set()
        for token in {token for secret in secrets for token in tokens(secret)}:
            self._add(token.casefold(), list(random_parts(token)))

    def __bool__(self) -> bool:
        return bool(self._whole or any(self._windows.values()))

    def _add(self, folded: str, parts: list[str]) -> None:
        if not parts and len(folded) >= _LEAST_WHOLE:
            self._whole |= {folded, folded[::-1]}
        for part in parts:
            size = _HEX_WINDOW if _HEX.fullmatch(part) else _WINDOW
            self._windows[size].update(_pieces(part, size))
            self._windows[size].update(_pieces(part[::-1], size))

    def encoding(self, text: str) -> str | None:
        """Return the encoding in which a text shows a secret; letter case and direction make no difference.

        Args:
            text: what was shown; bytes are given as Latin-1.
        """
        return next((name for name, view in views(text) if self._is_in(view.casefold())), None)

    def _is_in(self, folded: str) -> bool:
        runs = set(_RUN.findall(folded))
        return any(whole in folded for whole in self._whole) or any(
            not windows.isdisjoint(_pieces(run, size))
            for size, windows in self._windows.items()
            if windows
            for run in runs
        )


def tokens(secret: str) -> list[str]:
    """Return what is secret about a value: all of one word, the lines of a private key, or nothing.

    What is given as a secret because a secret is in it, such as the body of a request, has words that
    are said elsewhere.
    """
    if _PRIVATE_KEY.search(secret):
        return _PEM_LINE.findall(secret)
    word = secret.strip().removeprefix("Bearer ")
    opaque = len(word) >= LEAST_LENGTH and _OPAQUE.fullmatch(word) and not _PROSE.search(word)
    return [word] if opaque else []


def random_parts(token: str) -> Iterator[str]:
    """Yield the random parts of a token, folded: prefixes such as `sk-` or `sandbox` are no secret."""
    for part in re.findall(rf"[0-9A-Za-z]{{{_LEAST_RANDOM},}}", token):
        kinds = [character.isdigit() + 2 * character.isupper() for character in part]
        changes = sum(one != other for one, other in pairwise(kinds))
        if changes >= _LEAST_CHANGES * len(part):
            yield part.casefold()


def _pieces(part: str, size: int) -> list[str]:
    return [part[start : start + size] for start in range(len(part) - size + 1)]
