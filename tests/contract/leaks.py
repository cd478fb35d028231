"""Whether a secret is to be found in an exception, in any of the ways that one is shown or kept."""

from __future__ import annotations

import base64
import traceback

WINDOW = 8


def windows(secret: str) -> set[str]:
    """Return every eight characters in a row of a secret and of its usual encodings."""
    raw = secret.encode()
    forms = [secret, raw.hex(), base64.b64encode(raw).decode().rstrip("="), secret[::-1]]
    return {form[start : start + WINDOW] for form in forms for start in range(len(form) - WINDOW + 1)}


def leaked(text: str, *secrets: str) -> list[str]:
    """Return the pieces of secrets that a text contains."""
    return sorted(piece for secret in secrets for piece in windows(secret) if piece in text)


def shown(error: BaseException) -> str:
    """Return what an exception and those behind it show, local variables of each frame included."""
    parts: list[str] = []
    behind: BaseException | None = error
    while behind is not None:
        attributes = [getattr(behind, name, None) for name in ("__dict__", "__notes__", "args")]
        slots = [
            getattr(behind, name, None) for name in ("doc", "object", "output", "stderr", "cmd", "input")
        ]
        parts += [str(behind), repr(behind), repr(attributes), repr(slots)]
        parts += traceback.TracebackException.from_exception(behind, capture_locals=True).format()
        behind = behind.__cause__ or behind.__context__
    return "\n".join(parts)
