"""The values that people write for keys, each with its check, canonical form and JSON Schema.

Pydantic calls these checks; every message is a sentence of ours that follows the field's name and says
what to write. None of them repeats the value, which may be a secret pasted in the wrong place.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Never

from pydantic_core import PydanticCustomError, core_schema

from reconciler.core.fields import ALL, ANY, MICRO, NEVER, UNLIMITED, money

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic.json_schema import JsonSchemaValue

ERROR: Final = "reconciler"
"""The error type under which pydantic carries the messages of these checks."""

MOST: Final = 2**53
"""The largest whole number that every JSON reader keeps exact."""

MOST_USD: Final = 10**12
LONGEST_TEXT: Final = 200
LONGEST_NOTE: Final = 2000

_NAME: Final = r"[^/~\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+"
NAME_PATTERN: Final = rf"^(?! ){_NAME}(?<! )$"
FORMER_PATTERN: Final = rf"^(?! ){_NAME}(?<! )(/(?! ){_NAME}(?<! ))?$"
CAP_PATTERN: Final = r"^(?=.*[1-9])[0-9]{1,13}(\.[0-9]{1,6})?$"
MONEY_PATTERN: Final = r"^[0-9]{1,13}(\.[0-9]{1,6})?$"
DURATION_PATTERN: Final = r"^(0|[1-9][0-9]{0,5})[smhd]$"
INSTANT_PATTERN: Final = r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d([Zz]|[+-]\d\d:\d\d)$"

_AMOUNT: Final = re.compile(MONEY_PATTERN[1:-1])
_INSTANT: Final = re.compile(INSTANT_PATTERN[1:-1], re.ASCII)
_DURATION: Final = re.compile(r"(0|[1-9][0-9]{0,5})([smhd])")
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_ZERO: Final = f"cannot be 0; write `{UNLIMITED}` for no limit, or `enabled: false` to stop the key"


@dataclass(frozen=True, slots=True, eq=False)
class Checked:
    """What makes a type one of ours in pydantic's eyes: a check, and the JSON Schema of what it takes."""

    check: Callable[[object], Any]
    schema: dict[str, Any]

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self.check)

    def __get_pydantic_json_schema__(
        self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return dict(self.schema)


def refuse(message: str) -> Never:
    """Refuse a value with a sentence of ours."""
    raise PydanticCustomError(ERROR, message)


def one_of(*words: str) -> Checked:
    """Return the check of a field that takes one of some words."""

    def check(value: object) -> str:
        if isinstance(value, str) and value in words:
            return value
        return refuse(f"must be one of: {', '.join(words)}")

    return Checked(check, {"enum": [str(word) for word in words]})


def whole(least: int, most: int = MOST) -> Checked:
    """Return the check of a whole number between two bounds."""
    bounds = f"be {least}" if least == most else f"be a whole number from {least} to {most}"

    def check(value: object) -> int:
        if isinstance(value, int) and not isinstance(value, bool) and least <= value <= most:
            return value
        return refuse(f"must {bounds}")

    return Checked(check, {"type": "integer", "minimum": least, "maximum": most})


def duration(least: int = 0) -> Checked:
    """Return the check of a span of time of at least some seconds."""
    above = f" of at least {least} s" if least else ""

    def check(value: object) -> timedelta:
        found = _DURATION.fullmatch(value) if isinstance(value, str) else None
        if found is None or (seconds := int(found[1]) * _UNITS[found[2]]) < least:
            refuse(f"must be a duration{above}: a whole number and one of s, m, h, d, like 24h")
        return timedelta(seconds=seconds)

    return Checked(check, {"type": "string", "pattern": DURATION_PATTERN})


def matching(pattern: str, message: str) -> Checked:
    """Return the check of text that matches an anchored pattern."""
    compiled = re.compile(pattern.removeprefix("^").removesuffix("$"), re.ASCII)

    def check(value: object) -> str:
        if isinstance(value, str) and compiled.fullmatch(value):
            return value
        return refuse(message)

    return Checked(check, {"type": "string", "pattern": pattern})


def is_clean(value: object, longest: int = LONGEST_TEXT) -> bool:
    """Tell whether a value is printable text without blanks around it."""
    return (
        isinstance(value, str)
        and 0 < len(value) <= longest
        and value.isprintable()
        and value == value.strip()
    )


def name_problem(name: str) -> str | None:
    """Return what keeps a text from being the name of a key, or None."""
    if not name or not name.isprintable() or name != name.strip(" "):
        return "a key's name must be printable text without blanks around it; rename it"
    if "/" in name or "~" in name:
        return "a key's name cannot hold `/` or `~`, which mark the namespace and the generation; rename it"
    if not name.isascii() and not unicodedata.is_normalized("NFC", name):
        return "a key's name must be in Unicode form NFC, into which providers may change it; retype it"
    return None


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    return refuse("must be true or false, without quotes")


def _amount(value: object) -> int:
    micro = None
    if isinstance(value, int) and not isinstance(value, bool):
        micro = value * MICRO
    elif isinstance(value, str) and _AMOUNT.fullmatch(value):
        micro = money(value)
    if micro is None:
        return refuse(
            "must be an amount in USD: a whole number, or a decimal of at most six places in quotes"
        )
    if not 0 <= micro <= MOST_USD * MICRO:
        return refuse(f"must be an amount from 0 to {MOST_USD} USD")
    return micro


def _cap(value: object) -> int | str:
    if value == UNLIMITED:
        return UNLIMITED
    micro = _amount(value)
    if micro == 0:
        return refuse(_ZERO)
    return micro


def _count(value: object) -> int | str:
    if value == UNLIMITED:
        return UNLIMITED
    if isinstance(value, int) and not isinstance(value, bool):
        if 1 <= value <= MOST:
            return value
        if value == 0:
            refuse(_ZERO)
    return refuse(f"must be a whole number from 1 to {MOST}, or `{UNLIMITED}`")


@lru_cache(maxsize=4096)
def _utc(text: str) -> str | None:
    try:
        moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    # Years before 1000 come out of strftime without their zeros.
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ").zfill(20)


def _expires(value: object) -> str:
    if value == NEVER:
        return NEVER
    found = _utc(value) if isinstance(value, str) and _INSTANT.fullmatch(value) else None
    if found is None:
        return refuse(
            f"must be an instant in whole seconds with a zone, like 2027-01-31T00:00:00Z, or `{NEVER}`"
        )
    return found


def _names(
    value: object, word: str, what: str, canonical: Callable[[object], str | None]
) -> tuple[str, ...] | str:
    if value == word:
        return word
    if not isinstance(value, list) or not value:
        return refuse(f"must be a list of {what} with at least one entry, or `{word}`")
    names = []
    for position, item in enumerate(value, start=1):
        name = canonical(item)
        if name is None:
            refuse(f"must hold only {what}; entry {position} is none")
        names.append(name)
    if len(set(names)) != len(names):
        return refuse("names an entry twice; keep one")
    return tuple(sorted(names))


def listed(word: str | None) -> Checked:
    """Return the check of texts in an order that means something.

    Args:
        word: that may stand in place of the list; None where there is none.
    """
    otherwise = f", or `{word}`" if word else ""

    def check(value: object) -> tuple[str, ...] | str:
        if word is not None and value == word:
            return word
        if not isinstance(value, list) or not value or not all(map(is_clean, value)):
            return refuse(f"must be a list of texts with at least one entry{otherwise}")
        if len(set(value)) != len(value):
            return refuse("names an entry twice; keep one")
        return tuple(value)

    array = {"type": "array", "items": _LINE, "minItems": 1, "uniqueItems": True}
    return Checked(check, {"anyOf": [array, {"const": word}]} if word else array)


def _model(value: object) -> str | None:
    return str(value) if is_clean(value) else None


def _models(value: object) -> tuple[str, ...] | str:
    return _names(value, ALL, "model names in text", _model)


@lru_cache(maxsize=4096)
def _network(text: str) -> str | None:
    # A scope (`%eth0`) means something on one machine only.
    if "%" in text:
        return None
    try:
        network = ipaddress.ip_network(text)
    except ValueError:
        return None
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)


def _address(value: object) -> str | None:
    return _network(value) if isinstance(value, str) else None


def _allow_ips(value: object) -> tuple[str, ...] | str:
    return _names(
        value, ANY, "IP addresses and networks in CIDR form (no bits set behind the prefix)", _address
    )


def _text(value: object) -> str:
    if isinstance(value, str) and is_clean(value):
        return value
    return refuse(
        f"must be printable text of 1 to {LONGEST_TEXT} characters; put numbers and words like true in quotes"
    )


def _note(value: object) -> str:
    # Line feeds and tabs are fine in a description; other control characters ended with the parser.
    if isinstance(value, str) and len(value) <= LONGEST_NOTE:
        return value
    return refuse(
        f"must be text of at most {LONGEST_NOTE} characters; put numbers and words like true in quotes"
    )


def _remote_id(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST:
        return str(value)
    if isinstance(value, str) and is_clean(value):
        return value
    return refuse("must be the id that the provider shows for the key")


def _key_name(value: object) -> str:
    if isinstance(value, str) and name_problem(value) is None:
        return value
    return refuse("must be a key's name: printable text without `/`, `~` and blanks around it")


def _former_name(value: object) -> str:
    account, _, name = value.rpartition("/") if isinstance(value, str) else ("", "", "")
    if name_problem(name) is None and (not account or name_problem(account) is None) and value != f"/{name}":
        return f"{account}/{name}" if account else name
    return refuse("must be the key's former name, or `account/name` where another account minted it")


_LINE: Final = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT}
_ADDRESS: Final = {"type": "string", "pattern": "^[0-9A-Fa-f:./]+$"}
_INSTANT_SCHEMA: Final = {"type": "string", "pattern": INSTANT_PATTERN, "examples": ["2027-01-31T00:00:00Z"]}


def _usd(least: int, pattern: str, *words: dict[str, str]) -> dict[str, Any]:
    number = {"type": "integer", "minimum": least, "maximum": MOST_USD}
    return {"anyOf": [number, {"type": "string", "pattern": pattern}, *words]}


def _list_or(word: str, item: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [{"type": "array", "items": item, "minItems": 1, "uniqueItems": True}, {"const": word}]}


_COUNT_SCHEMA: Final = {"anyOf": [{"type": "integer", "minimum": 1, "maximum": MOST}, {"const": UNLIMITED}]}
_ID_SCHEMA: Final = {"anyOf": [_LINE, {"type": "integer", "minimum": 0, "maximum": MOST}]}

Switch = Annotated[bool, Checked(_switch, {"type": "boolean"})]
Money = Annotated[int, Checked(_amount, _usd(0, MONEY_PATTERN))]
Cap = Annotated[int | str, Checked(_cap, _usd(1, CAP_PATTERN, {"const": UNLIMITED}))]
Count = Annotated[int | str, Checked(_count, _COUNT_SCHEMA)]
Expires = Annotated[str, Checked(_expires, {"anyOf": [_INSTANT_SCHEMA, {"const": NEVER}]})]
Models = Annotated[tuple[str, ...] | str, Checked(_models, _list_or(ALL, _LINE))]
AllowIps = Annotated[tuple[str, ...] | str, Checked(_allow_ips, _list_or(ANY, _ADDRESS))]
Text = Annotated[str, Checked(_text, _LINE)]
Note = Annotated[str, Checked(_note, {"type": "string", "maxLength": LONGEST_NOTE})]
RemoteId = Annotated[str, Checked(_remote_id, _ID_SCHEMA)]
KeyName = Annotated[str, Checked(_key_name, {"type": "string", "pattern": NAME_PATTERN})]
FormerName = Annotated[str, Checked(_former_name, {"type": "string", "pattern": FORMER_PATTERN})]
