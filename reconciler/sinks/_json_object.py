"""One JSON object whose members are secrets, edited so that the others keep every byte."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.secret import Secret
from reconciler.core.strict_json import no_constant, unique_members
from reconciler.sinks._text_value import text_problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sinks._file_sink import Document

_SPACE: Final = frozenset(" \t\r\n")


class _Number(str):
    """A number as it is written: converting it could round it, and nothing needs its value."""

    __slots__ = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    """Where in the text the value of a member is; only a string is shown."""

    start: int
    end: int
    value: Secret | None


class _Document:
    """The text of a JSON object and where its members are, so that the others keep every byte."""

    def __init__(self, text: Secret, members: Mapping[str, _Member], gap: str) -> None:
        self._text = text
        self._members = members
        self._gap = gap

    def holds(self, name: str) -> bool:
        return name in self._members

    def problem(self, name: str) -> str | None:
        if self._members[name].value is not None:
            return None
        return f"entry {name}: it holds something that is no string; remove it"

    def value(self, name: str) -> Secret | None:
        return self._members[name].value if name in self._members else None

    def with_value(self, name: str, secret: Secret) -> Secret:
        text = self._text.reveal()
        value = json.dumps(secret.reveal())
        if name in self._members:
            place = self._members[name]
            return Secret(f"{text[: place.start]}{value}{text[place.end :]}")
        if not self._members:
            return Secret(f"{{\n  {json.dumps(name)}: {value}\n}}\n")
        last = max(member.end for member in self._members.values())
        return Secret(f"{text[:last]},{self._gap}{json.dumps(name)}: {value}{text[last:]}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonFormat:
    """One JSON object; members that are not ours stay as they are, byte for byte."""

    def parse(self, content: Secret | None) -> Document | str:
        """Return the document, or what is wrong with the file; no exception keeps its text alive."""
        text = content or Secret("{}\n")
        try:
            return _parsed(text)
        except (_NotSimpleError, ValueError, RecursionError):
            return "it is not one JSON object with unique names; repair it or choose another path"

    def name_problem(self, name: str) -> str | None:
        """Return why the name is not one to be read in a terminal, or None when it is."""
        if name and name.isprintable():
            return None
        return f"entry {name!r}: the name is empty or has characters that cannot be shown; rename it"

    def secret_problem(self, secret: Secret) -> str | None:
        """Return why the secret is no text, or None when it is."""
        return text_problem(secret)


class _NotSimpleError(Exception):
    """Raised inside this module for text that is not one object with unique names."""


def _parsed(content: Secret) -> _Document:
    text = content.reveal()
    opened = _expect(text, _skip(text, 0), "{")
    position = _skip(text, opened)
    gap = text[opened:position] or " "
    members: dict[str, _Member] = {}
    while text[position : position + 1] != "}":
        if members:
            position = _skip(text, _expect(text, position, ","))
        name, position = _DECODER.raw_decode(text, position)
        if type(name) is not str or name in members:
            raise _NotSimpleError
        start = _skip(text, _expect(text, _skip(text, position), ":"))
        value, end = _DECODER.raw_decode(text, start)
        members[name] = _Member(start=start, end=end, value=Secret(value) if type(value) is str else None)
        position = _skip(text, end)
    if _skip(text, position + 1) != len(text):
        raise _NotSimpleError
    return _Document(content, members, gap)


def _skip(text: str, position: int) -> int:
    while text[position : position + 1] in _SPACE:
        position += 1
    return position


def _expect(text: str, position: int, mark: str) -> int:
    if text[position : position + 1] != mark:
        raise _NotSimpleError
    return position + 1


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=unique_members, parse_int=_Number, parse_float=_Number, parse_constant=no_constant
)
