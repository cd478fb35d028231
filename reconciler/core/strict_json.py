"""Strict JSON (RFC 8259) for documents that nobody here controls."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, Never

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Json = None | bool | int | Decimal | str | list["Json"] | dict[str, "Json"]
OddNumbers = Literal["refused", "text"]

_MAX_DEPTH: Final = 32
_MAX_NUMBER: Final = 2**53
_MAX_DIGITS: Final = 17
_MAX_PLACES: Final = 64
_SURROGATE_ESCAPE: Final = re.compile(rb"\\u[dD][89a-fA-F]")


class BadJsonError(ValueError):
    """Raised with the reason only; the text that was refused is in no attribute."""


def parse(body: bytes, *, odd_numbers: OddNumbers = "refused") -> Json:
    """Return the document in a body.

    Args:
        body: one UTF-8 document.
        odd_numbers: "refused" reads fractions and exponents as `Decimal` and refuses what is larger than
            2^53; "text" keeps as text whatever is no plain integer of 17 characters, for documents that
            hold anybody's values beside ours.

    Raises:
        BadJsonError: for anything but one UTF-8 document without duplicate names, numbers that are not
            finite or absurd, lone surrogates, or more than 32 levels.
    """
    try:
        document: Json = _DECODERS[odd_numbers].decode(body.decode("utf-8"))
    except BadJsonError:
        raise
    except UnicodeDecodeError:
        reason = "not UTF-8"
    except RecursionError:
        reason = "nested too deeply"
    except (ValueError, ArithmeticError):
        # The latter is an exponent of twenty digits, which no `Decimal` has.
        reason = "not JSON"
    else:
        _check_depth(document)
        if _SURROGATE_ESCAPE.search(body):
            _check_surrogates(document)
        return document
    # Raised outside the handler: the decoder's error holds the whole body.
    raise BadJsonError(reason)


def unique_members(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Return the object with these members, as the `object_pairs_hook` of a decoder.

    Raises:
        BadJsonError: when a name stands twice; which of the values counts, every reader says otherwise.
    """
    result = dict(pairs)
    if len(result) != len(pairs):
        reason = "a duplicate member"
        raise BadJsonError(reason)
    return result


def no_constant(_text: str) -> Never:
    """Refuse NaN and the infinities, as the `parse_constant` of a decoder.

    Raises:
        BadJsonError: always.
    """
    reason = "a number that is not finite"
    raise BadJsonError(reason)


def _integer(text: str) -> int:
    # The length comes first: converting a 5,000-digit number is what an attacker would like.
    if len(text) > _MAX_DIGITS or abs(number := int(text)) > _MAX_NUMBER:
        raise BadJsonError(_TOO_LARGE)
    return number


def _decimal(text: str) -> Decimal:
    if len(text) > _MAX_PLACES or (number := Decimal(text)).copy_abs() > _MAX_NUMBER:
        raise BadJsonError(_TOO_LARGE)
    return number


def _integer_or_text(text: str) -> int | str:
    return int(text) if len(text) <= _MAX_DIGITS else text


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
_DECODERS: Final[dict[OddNumbers, json.JSONDecoder]] = {
    "refused": json.JSONDecoder(
        object_pairs_hook=unique_members,
        parse_int=_integer,
        parse_float=_decimal,
        parse_constant=no_constant,
    ),
    "text": json.JSONDecoder(
        object_pairs_hook=unique_members,
        parse_int=_integer_or_text,
        parse_float=str,
        parse_constant=no_constant,
    ),
}
