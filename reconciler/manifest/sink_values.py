"""The values that only sinks have, and which shape of the settings a sink is checked against."""

from __future__ import annotations

from typing import Annotated, Final

from reconciler.manifest.scalars import Checked, matching, refuse

BUILT_IN: Final = "[built-in]"
PLUG_IN: Final = "[plug-in]"
TAGS: Final = frozenset({BUILT_IN, PLUG_IN})
"""Steps that pydantic puts into the path of an error and that no file has; no label has brackets."""

_PLACEHOLDER: Final = "{key}"
_LONGEST_TEMPLATE: Final = 4096
TYPE_PATTERN: Final = r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$"
RECIPIENT_PATTERN: Final = (
    r"^(age1[02-9ac-hj-np-z]{58}|ssh-(ed25519|rsa) [A-Za-z0-9+/]{32,2048}={0,2}( [A-Za-z0-9@._-]{1,128})?)$"
)


def shape_of(value: object) -> str:
    """Return which of `TAGS` a sink belongs to: only a plug-in keeps what it takes under `options`."""
    has_options = "options" in value if isinstance(value, dict) else hasattr(value, "options")
    return PLUG_IN if has_options else BUILT_IN


def _template(value: object) -> str:
    if not isinstance(value, str) or value.count(_PLACEHOLDER) != 1:
        return refuse(f"must be text with {_PLACEHOLDER} in it exactly once, like `Bearer {_PLACEHOLDER}`")
    if len(value) > _LONGEST_TEMPLATE or not value.replace("\n", "").replace("\t", "").isprintable():
        return refuse(f"must be at most {_LONGEST_TEMPLATE} printable characters, line feeds and tabs")
    return value


Template = Annotated[
    str, Checked(_template, {"type": "string", "pattern": r"\{key\}", "maxLength": _LONGEST_TEMPLATE})
]
SinkType = Annotated[str, matching(TYPE_PATTERN, "must be lower-case words with `-` between, like my-store")]
Recipient = Annotated[
    str,
    matching(
        RECIPIENT_PATTERN,
        "must hold public keys that start with age1, ssh-ed25519 or ssh-rsa; a private key never goes here",
    ),
]
