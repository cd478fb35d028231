"""Changing single fields of declared keys, with every other byte of the file kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ruamel.yaml.error import MarkedYAMLError
from ruamel.yaml.events import (
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.errors import ManifestError, Problem
from reconciler.manifest.tree import events_of, parse, pure_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ruamel.yaml.events import Event

_STARTS = (MappingStartEvent, SequenceStartEvent)
_ENDS = (MappingEndEvent, SequenceEndEvent)


def set_fields(text: str, name: str, changes: Mapping[str, int | bool | str], *, file: str) -> str:
    """Return the text of a key file with some fields of one key set.

    Args:
        text: of the file, which is valid.
        name: of a key that the file declares.
        changes: top-level fields of the key by name.
        file: its name, for messages.

    Raises:
        ManifestError: when the file cannot be edited so that it says this and nothing else new.
    """
    before = parse(text, file)
    for field, value in reversed(list(changes.items())):
        written = str(value).lower() if isinstance(value, bool) else str(value)
        text = _Editor(text, name).set(field, written)
    keys: Any = before["keys"]
    wanted = {**before, "keys": {**keys, name: {**keys[name], **changes}}}
    if parse(text, file) != wanted:
        message = f"this file cannot be edited safely; set {', '.join(changes)} of {name} by hand"
        raise ManifestError([Problem(file=file, line=1, column=1, message=message)])
    return text


@dataclass(frozen=True, slots=True)
class _Editor:
    """The text of one key file, and the key in it."""

    text: str
    name: str

    def set(self, field: str, value: str) -> str:
        """Return the text with one field of the key replaced or added."""
        try:
            return self._set(events_of(self.text), field, value)
        except MarkedYAMLError:
            # As in `parse`: libyaml does not read everything that YAML 1.2 allows inside of `{…}`.
            return self._set(pure_events(self.text), field, value)

    def _set(self, events: Iterator[Event], field: str, value: str) -> str:
        body = _body_of(events, ("keys", self.name))
        first = next(events)
        if isinstance(first, MappingEndEvent):
            return self._inserted(self._offset(first), f"{field}: {value}")
        start = self._offset(first)
        for key in _keys(events, first):
            if key == field:
                found = next(events)
                return self._replaced(self._offset(found), self._end(found), value)
        if body.flow_style:
            return self._inserted(start, f"{field}: {value}, ")
        line_end = "\r\n" if "\r\n" in self.text else "\n"
        return self._inserted(start, f"{field}: {value}{line_end}{' ' * first.start_mark.column}")

    def _inserted(self, at: int, text: str) -> str:
        return self._replaced(at, at, text)

    def _replaced(self, start: int, end: int, text: str) -> str:
        return f"{self.text[:start]}{text}{self.text[end:]}"

    def _offset(self, event: Event) -> int:
        return self._index(event.start_mark.line, event.start_mark.column)

    def _end(self, event: Event) -> int:
        return self._index(event.end_mark.line, event.end_mark.column)

    def _index(self, line: int, column: int) -> int:
        start = 0
        for _ in range(line):
            start = self.text.index("\n", start) + 1
        return start + column


def _body_of(events: Iterator[Event], path: tuple[str, ...]) -> MappingStartEvent:
    """Return the event that begins the mapping at a path, and leave the iterator right after it."""
    for step in path:
        next(event for event in events if isinstance(event, MappingStartEvent))
        next(key for key in _keys(events, next(events)) if key == step)
    body = next(events)
    # The schema has seen to it that a declared key is a mapping.
    assert isinstance(body, MappingStartEvent)  # noqa: S101
    return body


def _keys(events: Iterator[Event], first: Event) -> Iterator[str]:
    """Yield the keys of a mapping from its first one on; whoever stops there finds the value next."""
    event = first
    while isinstance(event, ScalarEvent):
        yield event.value
        _skip(events)
        event = next(events)


def _skip(events: Iterator[Event]) -> None:
    """Pass over one value."""
    depth = int(isinstance(next(events), _STARTS))
    while depth:
        event = next(events)
        depth += isinstance(event, _STARTS) - isinstance(event, _ENDS)
