"""The plaintext of a key: where a server shows it, and its one spelling."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.strict_json import Json

PREFIX: Final = "sk-"
# Printable ASCII; a star, dots in a row, a place holder in brackets, or one character six times in a row
# stand for what is hidden.
_PLAIN: Final = re.compile(r"(?!.*(?:\.\.|(.)\1{5}))[!-)+-;=?-~]{16,512}\Z")


def secret_in(value: Json) -> Secret | None:
    """Return a key's plaintext with exactly one `sk-` before it; None for one that is masked or no key."""
    if not isinstance(value, str):
        return None
    bare = value
    while bare.startswith(PREFIX):
        bare = bare.removeprefix(PREFIX)
    return Secret(PREFIX + bare) if _PLAIN.match(bare) else None


def revealed_in(data: Json, key_id: str) -> Secret | None:
    """Return the plaintext in the answer of a reveal, for one key or for many."""
    if isinstance(data, str):
        return secret_in(data)
    if not isinstance(data, dict):
        return None
    keys = data.get("keys")
    many: Mapping[str, Json] = keys if isinstance(keys, dict) else {}
    return secret_in(data.get("key")) or secret_in(many.get(key_id))
