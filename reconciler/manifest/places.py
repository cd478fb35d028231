"""The values in the settings that say where something is: labels, variables, URLs, paths and patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final, TypeGuard

from reconciler.manifest.scalars import LONGEST_TEXT, Checked, is_clean, matching, refuse

LABEL_PATTERN: Final = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"
VARIABLE_PATTERN: Final = r"^[A-Za-z_][A-Za-z0-9_]{0,127}$"
ENTRY_PATTERN: Final = (
    r"^(?!.*\.\.)(arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:)?"
    r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,254}(#[A-Za-z0-9_.-]{1,64})?$"
)
URL_PATTERN: Final = r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$"
GLOB_PATTERN: Final = r"^(?![/~])[^\\]+$"
LONGEST_PATH: Final = 4096
MOST_PORT: Final = 65535

_URL: Final = re.compile(
    r"(https?://)([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(/[A-Za-z0-9._~/-]*)?"
)
_TOO_LONG: Final = re.compile(r"[^.]{64}|.{254}")
_LOOPBACK: Final = frozenset({"127.0.0.1", "[::1]", "localhost"})
_LEAVING: Final = frozenset({"", ".", "..", "~"})
_PLAIN: Final = "http://"
_DEFAULT_PORT: Final = {"https://": 443, _PLAIN: 80}
_ORIGIN: Final = re.compile(r"https?://[^/]+")


def origin_of(base_url: str) -> str:
    """Return scheme, host and port of a checked URL."""
    found = _ORIGIN.match(base_url)
    return found[0] if found else base_url


def _base_url(value: object) -> str:
    found = _URL.fullmatch(value) if isinstance(value, str) else None
    # A pattern of what is allowed is safer than a URL parser that repairs what is not.
    if found is None or ".." in found[0] or not 1 <= int(found[3] or 1) <= MOST_PORT:
        refuse("must be https://host, with a port and a path at most; no user, query or fragment")
    scheme, host = found[1], found[2].lower()
    if scheme == _PLAIN and host not in _LOOPBACK:
        refuse("must start with https://; plain http is for 127.0.0.1, [::1] and localhost only")
    if _TOO_LONG.search(host):
        refuse("must have a host of at most 253 characters, and 63 between two dots")
    port = int(found[3] or _DEFAULT_PORT[scheme])
    suffix = "" if port == _DEFAULT_PORT[scheme] else f":{port}"
    return f"{scheme}{host}{suffix}{(found[4] or '').rstrip('/')}"


def _path(value: object) -> str:
    if isinstance(value, str) and is_clean(value, LONGEST_PATH) and not value.startswith("~"):
        return value
    return refuse("must be a path, absolute or from the settings' directory; `~` is not expanded")


def _argument(value: object) -> str:
    if isinstance(value, str) and 0 < len(value) <= LONGEST_PATH and value.isprintable():
        return value
    return refuse("must hold printable arguments in text; put numbers in quotes")


def is_glob(value: object) -> TypeGuard[str]:
    """Tell whether a value is a pattern that cannot leave the directory it starts from."""
    if not isinstance(value, str) or not is_clean(value) or "\\" in value:
        return False
    parts = value.split("/")
    return not _LEAVING & set(parts) and parts[-1] != "**"


def _glob(value: object) -> str:
    if is_glob(value):
        return value
    return refuse(
        "must hold patterns like keys/*.yaml inside the settings' directory: relative, without `..`"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a credential is read from, as it is written: exactly one of the two."""

    env: str | None = None
    file: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockSource(Source):
    """Where a credential of several lines is read from, like a key in PEM."""


def _source(value: object) -> Source:
    # One sentence for every wrong shape, because the likeliest one is the secret itself.
    if isinstance(value, dict) and len(value) == 1:
        word, where = next(iter(value.items()))
        if word == "env" and isinstance(where, str) and _VARIABLE.fullmatch(where):
            return Source(env=where)
        if word == "file":
            return Source(file=_path(where))
    return refuse("must be {env: VARIABLE} or {file: PATH}; never write the secret itself here")


def _block_source(value: object) -> BlockSource:
    found = _source(value)
    return BlockSource(env=found.env, file=found.file)


_VARIABLE: Final = re.compile(VARIABLE_PATTERN[1:-1])
_LABEL_RULE: Final = "must be 1 to 64 of A-Z a-z 0-9 . _ - and start with a letter or a digit"
_PATH_SCHEMA: Final = {"type": "string", "pattern": "^[^~]", "maxLength": LONGEST_PATH}
_ARGUMENT_SCHEMA: Final = {"type": "string", "minLength": 1, "maxLength": LONGEST_PATH}
_GLOB_SCHEMA: Final = {"type": "string", "pattern": GLOB_PATTERN, "maxLength": LONGEST_TEXT}
_ENV_SCHEMA: Final = {"type": "string", "pattern": VARIABLE_PATTERN, "description": "Variable that holds it."}
_SOURCE_SCHEMA: Final = {
    "type": "object",
    "properties": {
        "env": _ENV_SCHEMA,
        "file": {**_PATH_SCHEMA, "description": "File that holds it, not readable by all."},
    },
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
}

Label = Annotated[str, matching(LABEL_PATTERN, _LABEL_RULE)]
Variable = Annotated[str, matching(VARIABLE_PATTERN, "must be the name of an environment variable")]
EntryName = Annotated[
    str,
    matching(ENTRY_PATTERN, "must be an entry's name: letters, digits and . _ - / only, #FIELD at its end"),
]
BaseUrl = Annotated[str, Checked(_base_url, {"type": "string", "pattern": URL_PATTERN})]
FilePath = Annotated[str, Checked(_path, _PATH_SCHEMA)]
Argument = Annotated[str, Checked(_argument, _ARGUMENT_SCHEMA)]
Glob = Annotated[str, Checked(_glob, _GLOB_SCHEMA)]
CredentialSource = Annotated[Source, Checked(_source, _SOURCE_SCHEMA)]
CredentialBlock = Annotated[BlockSource, Checked(_block_source, _SOURCE_SCHEMA)]
