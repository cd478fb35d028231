"""Plain JSON values checked against the types that a dataclass declares."""

from __future__ import annotations

import math
import types
from dataclasses import MISSING, fields, is_dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    from collections.abc import Mapping

T = TypeVar("T")


class InvalidValueError(ValueError):
    """Raised when an operator value has a wrong name or type; the text ends with what is allowed."""


def build(kind: type[T], values: Mapping[str, object], *, base: T | None = None) -> T:
    """Return `base` (or a new `kind`) with the values set, after checking each name and type.

    Raises:
        InvalidValueError: a name is not declared, a value has another type, or a required one is missing.
    """
    hints = _hints(cast("Any", kind))
    unknown = sorted(set(values) - set(hints))
    if unknown:
        message = f"{kind.__name__} has no {', '.join(unknown)}; use one of: {', '.join(sorted(hints))}"
        raise InvalidValueError(message)
    checked = {name: _check(name, hints[name], value) for name, value in values.items()}
    if base is not None:
        return replace(base, **checked)  # type: ignore[type-var]  # every kind is a dataclass, see _hints
    missing = sorted(_required(kind) - set(checked))
    if missing:
        message = f"{kind.__name__} lacks {', '.join(missing)}; add it"
        raise InvalidValueError(message)
    return kind(**checked)


def allowed(hint: object) -> str:
    """Return the values that a type hint admits, as one would list them in a table."""
    if get_origin(hint) is Literal:
        return ", ".join(str(value) for value in get_args(hint))
    if hint is bool:
        return "true, false"
    if get_origin(hint) in {Union, types.UnionType}:
        return " or ".join("null" if part is type(None) else allowed(part) for part in get_args(hint))
    names: dict[object, str] = {int: "a whole number", float: "a number", str: "text", dict: "an object"}
    return names.get(get_origin(hint) or hint, "any value")


@cache
def _hints(kind: type[Any]) -> dict[str, object]:
    if not is_dataclass(kind):
        message = f"{kind.__name__} is not a dataclass"
        raise TypeError(message)
    return get_type_hints(kind)


def _required(kind: type[Any]) -> set[str]:
    return {item.name for item in fields(kind) if item.default is MISSING and item.default_factory is MISSING}


def _check(name: str, hint: object, value: object) -> object:
    if not _fits(hint, value):
        message = f"{name} cannot be {type(value).__name__} {value!r}; use {allowed(hint)}"
        raise InvalidValueError(message)
    return value


def _fits(hint: object, value: object) -> bool:
    if get_origin(hint) is Literal:
        return any(type(value) is type(choice) and value == choice for choice in get_args(hint))
    if get_origin(hint) in {Union, types.UnionType}:
        return any(_fits(part, value) for part in get_args(hint))
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if hint is object:
        return True
    plain = get_origin(hint) or hint
    return isinstance(plain, type) and isinstance(value, plain)
