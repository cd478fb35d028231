"""What a foreign program printed, made fit to be shown: no secret in a usual form, no control characters."""

from __future__ import annotations

import base64
import re
import string
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from reconciler.core.secret import Secret

MARK: Final = "[redacted]"
_WINDOW: Final = 8
_SHOWN_CHARACTERS: Final = 400
_ESCAPE_SEQUENCE: Final = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_LOWER: Final = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)


def presentable(output: Secret, secret: Secret | None) -> str:
    """Return the end of an output on one line, without the secret and without anything that acts.

    Any eight characters in a row of the secret, or of its base64, hex or URL form, are taken out,
    whatever white space stands between them.

    Args:
        output: what was printed; it may contain the secret.
        secret: what must not be shown; None when the program was given none.
    """
    text = _ESCAPE_SEQUENCE.sub("", output.reveal())
    # Removed, not replaced: a program that prints UTF-16 puts a NUL between any two characters.
    text = "".join(character for character in text if character.isprintable() or character.isspace())
    if secret is not None:
        text = _redacted(text, secret)
    text = " ".join(text.split())
    return text if len(text) <= _SHOWN_CHARACTERS else f"…{text[-_SHOWN_CHARACTERS:]}"


def _redacted(text: str, secret: Secret) -> str:
    places = [index for index, character in enumerate(text) if not character.isspace()]
    compact = "".join(text[place] for place in places).translate(_LOWER)
    hidden = bytearray(len(text))
    for form in _forms(secret.reveal().encode("utf-8", "surrogateescape")):
        size = min(_WINDOW, len(form))
        windows = {form[start : start + size] for start in range(len(form) - size + 1)}
        for start in range(len(compact) - size + 1):
            if compact[start : start + size] in windows:
                first, last = places[start], places[start + size - 1]
                hidden[first : last + 1] = b"\1" * (last + 1 - first)
    shown = (MARK if hidden[index] else character for index, character in enumerate(text))
    return re.sub(f"(?:{re.escape(MARK)})+", MARK, "".join(shown))


def _forms(value: bytes) -> set[str]:
    """Return the forms in which a secret is usually printed, in lower case, as the output is compared."""
    forms = {value.decode("utf-8", "replace"), quote(value, safe=""), value.hex()}
    forms.add("".join(f"%{byte:02x}" for byte in value))
    for offset in range(3):  # base64 of a longer text that contains the secret
        encoded = base64.b64encode(b"\0" * offset + value).decode().rstrip("=")
        forms |= {encoded, encoded.replace("+", "-").replace("/", "_")}
    return {form.translate(_LOWER) for form in forms}
