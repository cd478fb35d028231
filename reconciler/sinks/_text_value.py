"""What stores of text ask of a value, whichever store it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from reconciler.core.secret import Secret

_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def text_problem(secret: Secret, *, most_bytes: int | None = None) -> str | None:
    """Return why a value cannot be stored as text, or None when it can.

    Args:
        secret: the value.
        most_bytes: what the store takes, in bytes of UTF-8; None where there is no limit.
    """
    if not secret.reveal() or _SURROGATE.search(secret.reveal()):
        return "the secret is empty or no text; ask the provider for another one"
    if most_bytes is not None and len(secret.reveal().encode()) > most_bytes:
        return f"the value is longer than the {most_bytes} bytes that the store takes; use another sink"
    return None
