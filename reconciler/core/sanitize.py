"""Foreign text made safe to show: no control, direction or invisible characters, no secrets, no floods."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

ELLIPSIS: Final = "…"
_DEFAULT_LIMIT: Final = 200
# More is not looked at, so that a megabyte of text costs nothing.
_LONGEST_READ: Final = 10_000

# Cc: C0 and C1. Cf: bidi, zero-width, soft hyphen, tags. Cs: lone surrogates. Co, Cn: private and unassigned.
_DROPPED: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# Invisible though Unicode calls them marks or letters: variation selectors and the blank fillers.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
_SPACES: Final = re.compile(r"\s+")
_CREDENTIALS: Final = re.compile(
    r"(?P<prefix>\b(?:rsk|qot|cr|nap|ghp|ghs|gho|ghu|github_pat|hvs)_|\bsk-|\bBearer\s+)[^\s\"'`<>,;(){}\[\]]{4,}",
    re.IGNORECASE,
)


def sanitize(text: str, limit: int = _DEFAULT_LIMIT) -> str:
    """Return foreign text on one line, without characters that act on a terminal, hide, or command a runner.

    Args:
        text: anything a server or a remote name says.
        limit: the most characters to return; a longer text ends with an ellipsis.
    """
    clean = _visible(text[:_LONGEST_READ])
    return clean if len(clean) <= limit else clean[: limit - 1] + ELLIPSIS


def redact(text: str, secrets: Iterable[str] = (), limit: int = _DEFAULT_LIMIT) -> str:
    """Return sanitized text with everything taken out that is, or looks like, a credential.

    Args:
        text: foreign text.
        secrets: plaintexts that must not appear in any case.
        limit: the most characters to return.
    """
    # Invisible characters go first: one in the middle of a token would hide it from the patterns.
    clean = _visible(text[:_LONGEST_READ])
    if len(text) > _LONGEST_READ and len(clean) <= limit:
        # So much that cannot be seen has one purpose: to put the cut into the middle of a token.
        return ELLIPSIS
    for secret in secrets:
        if secret:
            clean = clean.replace(secret, ELLIPSIS)
    clean = _CREDENTIALS.sub(rf"\g<prefix>{ELLIPSIS}", clean)
    return clean if len(clean) <= limit else clean[: limit - 1] + ELLIPSIS


def _visible(text: str) -> str:
    if text.isascii() and text.isprintable():
        return _inert(_SPACES.sub(" ", text).strip())
    spaced = _SPACES.sub(" ", text)
    kept = "".join(char for char in spaced if unicodedata.category(char) not in _DROPPED)
    return _inert(_SPACES.sub(" ", _INVISIBLE.sub("", kept)).strip())


def _inert(text: str) -> str:
    # A GitHub runner takes `##[` for a command anywhere in a line, and any output may end in its log.
    return text.replace("##[", "## [")
