"""The comparable fields of a key: their kinds, their canonical values and how two specs differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final

Value = bool | int | str | tuple[str, ...]
"""Money as integer micro-USD, instants as `YYYY-MM-DDTHH:MM:SSZ`, sets as sorted tuples."""

Spec = Mapping[str, Value]
"""The managed fields of a key by name; a field that is absent is unmanaged."""

MICRO: Final = 1_000_000
MONEY_DIGITS: Final = 24


class Kind(StrEnum):
    """What sort of value a field holds."""

    SWITCH = "switch"
    MONEY = "money"
    COUNT = "count"
    INSTANT = "instant"
    NAMES = "names"
    LIST = "list"
    TEXT = "text"


class Direction(StrEnum):
    """What a change does to the access that the key gives."""

    WIDENS = "widens"
    NARROWS = "narrows"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One comparable field.

    Attributes:
        name: dotted where it stands in a block: `limits.…`, or `<provider>.…` for what only that one has.
        kind: of its values; names are a set, and a list has an order.
        clear: the word that means "no limit" for it.
        about: what it is for, where a provider declares it.
        needs: another field and the value that it must have for this one to mean anything.
    """

    name: str
    kind: Kind
    clear: str | None = None
    about: str = ""
    needs: tuple[str, Value] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One field that differs; `None` stands for a field without a known value."""

    name: str
    before: Value | None
    after: Value | None


UNLIMITED: Final = "unlimited"
NEVER: Final = "never"
ALL: Final = "all"
ANY: Final = "any"

ENABLED: Final = "enabled"
TOTAL_USD: Final = "limits.total_usd"
DAILY_USD: Final = "limits.daily_usd"

FIELDS: Final[Mapping[str, Field]] = {
    field.name: field
    for field in (
        Field(name=ENABLED, kind=Kind.SWITCH),
        Field(name=DAILY_USD, kind=Kind.MONEY, clear=UNLIMITED),
        Field(name="limits.weekly_usd", kind=Kind.MONEY, clear=UNLIMITED),
        Field(name="limits.monthly_usd", kind=Kind.MONEY, clear=UNLIMITED),
        Field(name=TOTAL_USD, kind=Kind.MONEY, clear=UNLIMITED),
        Field(name="limits.total_units", kind=Kind.COUNT, clear=UNLIMITED),
        Field(name="limits.concurrency", kind=Kind.COUNT, clear=UNLIMITED),
        Field(name="limits.requests_per_minute", kind=Kind.COUNT, clear=UNLIMITED),
        Field(name="limits.tokens_per_minute", kind=Kind.COUNT, clear=UNLIMITED),
        Field(name="expires", kind=Kind.INSTANT, clear=NEVER),
        Field(name="models", kind=Kind.NAMES, clear=ALL),
        Field(name="allow_ips", kind=Kind.NAMES, clear=ANY),
        Field(name="group", kind=Kind.TEXT),
    )
}
"""Every neutral field; what only one provider has is `<provider>.<field>`, compared as it stands."""


def kind_of(name: str) -> Kind:
    """Return the kind of a field; a provider's own field counts as text."""
    field = FIELDS.get(name)
    return field.kind if field else Kind.TEXT


def differs(managed: Spec, actual: Spec) -> bool:
    """Tell whether a managed field has another known value; a field unknown in `actual` is none."""
    return any(name in actual and actual[name] != value for name, value in managed.items())


def changed_fields(before: Spec, after: Spec) -> tuple[FieldChange, ...]:
    """Return the fields in which two specs differ, sorted by name."""
    return tuple(
        FieldChange(name=name, before=before.get(name), after=after.get(name))
        for name in sorted({*before, *after})
        if _changed(name, before.get(name), after.get(name))
    )


def _changed(name: str, before: Value | None, after: Value | None) -> bool:
    if before == after and type(before) is type(after):
        return False
    if not isinstance(before, tuple) or not isinstance(after, tuple) or kind_of(name) is not Kind.NAMES:
        return True
    from deepdiff import DeepDiff  # noqa: PLC0415  # slow to import, and few plans change a set

    return bool(DeepDiff(before, after, ignore_order=True, report_repetition=True))


def direction(before: Spec, after: Spec) -> Direction:
    """Return the widest direction among the fields: one that widens outweighs those that narrow."""
    directions = {
        _direction(name, before[name], value)
        for name, value in after.items()
        if name in before and before[name] != value
    }
    if Direction.WIDENS in directions:
        return Direction.WIDENS
    return Direction.NARROWS if Direction.NARROWS in directions else Direction.NEUTRAL


def _direction(name: str, before: Value, after: Value) -> Direction:
    if kind_of(name) is Kind.TEXT:
        return Direction.NEUTRAL
    return Direction.NARROWS if _covers(FIELDS[name].clear, before, after) else Direction.WIDENS


def _covers(clear: str | None, wide: Value, narrow: Value) -> bool:
    """Tell whether everything that `narrow` allows is allowed by `wide` too."""
    if clear in (wide, narrow):
        return wide == clear
    if isinstance(wide, tuple) and isinstance(narrow, tuple):
        return set(narrow) <= set(wide)
    if isinstance(wide, str) and isinstance(narrow, str):
        return narrow <= wide
    return isinstance(wide, int) and isinstance(narrow, int) and narrow <= wide


def to_document(spec: Spec) -> dict[str, object]:
    """Return a spec as JSON data: money as a decimal string, sets as lists."""
    return {name: _to_json(name, value) for name, value in sorted(spec.items())}


def from_document(document: Mapping[str, object]) -> dict[str, Value]:
    """Return the spec that `to_document` wrote.

    Raises:
        ValueError: when a value does not have the form of its field.
    """
    return {name: _from_json(name, value) for name, value in document.items()}


def money(text: str) -> int:
    """Return a decimal amount as micro-USD.

    Raises:
        ValueError: when it is not a finite decimal with at most six places.
    """
    # A bound on the text before Decimal sees it: "1e400" would otherwise become a 400-digit integer.
    if not text or len(text) > MONEY_DIGITS or not text.replace(".", "", 1).isdecimal() or not text.isascii():
        msg = "not a plain decimal amount"
        raise ValueError(msg)
    scaled = Decimal(text) * MICRO
    if scaled != int(scaled):
        msg = "more than six decimal places"
        raise ValueError(msg)
    return int(scaled)


def money_text(micro_usd: int) -> str:
    """Return micro-USD as the shortest decimal text, for example `10` or `0.25`."""
    whole, part = divmod(abs(micro_usd), MICRO)
    sign = "-" if micro_usd < 0 else ""
    return f"{sign}{whole}.{part:06d}".rstrip("0").rstrip(".")


def value_text(name: str, value: Value | None) -> str:
    """Return a value as people write it in the declarations; an unknown one is a question mark."""
    if value is None:
        return "?"
    plain = _to_json(name, value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return ", ".join(plain) if isinstance(plain, list) else str(plain)


def _to_json(name: str, value: Value) -> bool | int | str | list[str]:
    if isinstance(value, tuple):
        return list(value)
    if kind_of(name) is Kind.MONEY and isinstance(value, int):
        return money_text(value)
    return value


def _from_json(name: str, value: object) -> Value:
    field = FIELDS.get(name)
    if field and field.clear is not None and value == field.clear:
        return field.clear
    kind = kind_of(name)
    match value:
        case bool() if kind in {Kind.SWITCH, Kind.TEXT}:
            return value
        case int() if kind in {Kind.COUNT, Kind.TEXT} and not isinstance(value, bool):
            return value
        case str() if kind is Kind.MONEY:
            return money(value)
        case str() if kind in {Kind.INSTANT, Kind.TEXT}:
            return value
        case list() if kind in {Kind.NAMES, Kind.TEXT} and all(isinstance(item, str) for item in value):
            return tuple(value)
        case _:
            msg = f"{name} has a value of the wrong type"
            raise ValueError(msg)
