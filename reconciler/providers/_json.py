"""Strict JSON (RFC 8259) for answers that nobody here controls."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Final, Never

if TYPE_CHECKING:
    from collections.abc import Iterable

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]

_MAX_DEPTH: Final = 32
_MAX_NUMBER: Final = 2**53
_MAX_DIGITS: Final = 17
_MAX_PLACES: Final = 64
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class BadJsonError(ValueError):
    """Raised with the reason only; the text that was refused is in no attribute."""


def parse(body: bytes) -> Json:
    """Return the document in a body; numbers with a fraction or an exponent are `Decimal`.

    Raises:
        BadJsonError: for anything but one UTF-8 document without duplicate keys, non-finite or absurd
            numbers, lone surrogates, or more than 32 levels.
    """
    try:
        document: Json = _DECODER.decode(body.decode("utf-8"))
    except BadJsonError:
        raise
    except UnicodeDecodeError:
        reason = "not UTF-8"
    except RecursionError:
        reason = "nested too deeply"
    except ValueError:
        reason = "not JSON"
    else:
        _check_depth(document)
        if _SURROGATE_ESCAPE.search(body):
            _check_surrogates(document)
        return document
    # Raised outside the handler: the decoder's error holds the whole body.
    raise BadJsonError(reason)


def _object(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    result = dict(pairs)
    if len(result) != len(pairs):
        reason = "a duplicate member"
        raise BadJsonError(reason)
    return result


def _integer(text: str) -> int:
    # The length comes first: converting a 5,000-digit number is what an attacker would like.
    if len(text) > _MAX_DIGITS or abs(number := int(text)) > _MAX_NUMBER:
        raise BadJsonError(_TOO_LARGE)
    return number


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_PLACES or (number := Decimal(text)).copy_abs() > _MAX_NUMBER:
        raise BadJsonError(_TOO_LARGE)
    return number


def _constant(_text: str) -> Never:
    reason = "a number that is not finite"
    raise BadJsonError(reason)


def _check_depth(document: Json) -> None:
    level: list[Json] = [document] if isinstance(document, (dict, list)) else []
    for _ in range(_MAX_DEPTH):
        if not level:
            return
        level = [
            child
            for node in level
            for child in _children(node)
            if child.__class__ is dict or child.__class__ is list
        ]
    if level:
        reason = "nested too deeply"
        raise BadJsonError(reason)


def _check_surrogates(document: Json) -> None:
    nodes = [document]
    while nodes:
        node = nodes.pop()
        if isinstance(node, str):
            _check_text(node)
        elif isinstance(node, dict):
            for name in node:
                _check_text(name)
        nodes.extend(_children(node))


def _check_text(text: str) -> None:
    if any("\ud800" <= char <= "\udfff" for char in text):
        reason = "half a character"
        raise BadJsonError(reason)


def _children(node: Json) -> Iterable[Json]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


_TOO_LARGE: Final = "a number larger than 2^53"
_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)
