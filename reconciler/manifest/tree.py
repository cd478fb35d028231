"""YAML text to mappings and lists that know the line and column of every key and item.

The tree is built from parser events, so no node graph is ever held, and the scalar rules are ours:
quoted is text, and a plain scalar follows the core schema of YAML 1.2 (section 10.3), where only the
spellings `null`, `~`, `true` and `false` are words. What would make a reviewed line mean something
that stands elsewhere is refused: anchors, aliases, merge keys, tags and further documents.
"""

from __future__ import annotations

import re
from array import array
from typing import TYPE_CHECKING, Any, Final, Never

from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from reconciler.errors import ManifestError, Problem
from reconciler.manifest.source_text import CONTROL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ruamel.yaml.events import Event

MAX_DEPTH: Final = 32
MAX_PROBLEMS: Final = 100
"""A file with more structural problems than this is given up, so that its size bounds our memory."""

_FLOW: Final = ("while scanning a plain scalar", "while parsing a flow")
_SYNTAX: Final = "check indentation, colons and quotes"
_COLUMN_BITS: Final = 32
_COLUMN_MASK: Final = (1 << _COLUMN_BITS) - 1


class MarkedMapping(dict[str, object]):
    """A mapping of the file, in the file's order; its marks stand together in the array of the file."""

    __slots__ = ("first", "marks", "places")

    first: int
    marks: array[int]
    places: dict[str, tuple[int, int]]

    def own_marks(self) -> Iterator[tuple[int, int]]:
        """Yield line and column of each key, in order."""
        for packed in self.marks[self.first : self.first + len(self)]:
            yield _unpacked(packed)

    def mark(self, step: object) -> tuple[int, int] | None:
        """Return line and column of a key, or None when there is no such key."""
        if not isinstance(step, str):
            return None
        if not hasattr(self, "places"):
            # Only problems ask, and one file may have very many of them.
            self.places = dict(zip(self, self.own_marks(), strict=True))
        return self.places.get(step)


class MarkedList(list[object]):
    """A list of the file; its marks stand together in the array of the file."""

    __slots__ = ("first", "marks")

    first: int
    marks: array[int]

    def mark(self, step: object) -> tuple[int, int] | None:
        """Return line and column of an item, or None when there is no such item."""
        if not isinstance(step, int) or step >= len(self):
            return None
        return _unpacked(self.marks[self.first + step])


def _unpacked(mark: int) -> tuple[int, int]:
    return mark >> _COLUMN_BITS, mark & _COLUMN_MASK


def locate(tree: MarkedMapping, path: Iterable[object]) -> tuple[int, int]:
    """Return line and column of the deepest key or item that a path leads to.

    Steps that are not in the tree are passed over: a validator puts words of its own in a path, and a
    missing field is best shown at what it is missing from.
    """
    node: object = tree
    found = (1, 1)
    for step in path:
        if isinstance(node, MarkedMapping | MarkedList) and (mark := node.mark(step)):
            found = mark
            container: Any = node
            node = container[step]
    return found


def c_events(text: str) -> Iterator[Event]:
    """Yield the events of libyaml; the import fails where the C parser is not installed."""
    # Optional: there is no wheel of it for every platform.
    from _ruamel_yaml import CParser  # type: ignore[import-not-found]  # noqa: PLC0415

    return iter(CParser(text).get_event, None)


def pure_events(text: str) -> Iterator[Event]:
    """Yield the events of ruamel.yaml's own parser: the same ones, about twenty times slower."""
    from ruamel.yaml import YAML  # noqa: PLC0415  # only where there is no C parser

    events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
    return events


def events_of(text: str) -> Iterator[Event]:
    """Yield the events of some YAML text from the fastest parser that is installed."""
    try:
        return c_events(text)
    except ImportError:
        return pure_events(text)


def parse(text: str, file: str) -> MarkedMapping:
    """Return the mapping that a file holds.

    Args:
        text: the file's text, already free of control characters.
        file: the name to show in problems.

    Raises:
        ManifestError: with every structural problem; the text of the file is never quoted.
    """
    try:
        return _built(events_of(text), file)
    except MarkedYAMLError as error:
        # libyaml reads `{…}` and `[…]` by YAML 1.1, without a plain `a:b`; the other parser knows 1.2.
        if not str(error.context).startswith(_FLOW):
            raise _syntax_problem(error, file) from None
    try:
        return _built(pure_events(text), file)
    except MarkedYAMLError as error:
        raise _syntax_problem(error, file) from None


def _built(events: Iterator[Event], file: str) -> MarkedMapping:
    builder = _Builder(file)
    try:
        builder.read(events)
    except MarkedYAMLError:
        raise
    except (YAMLError, ValueError, OverflowError):
        # So does the pure parser end on an impossible \U escape.
        builder.stop(1, 1, f"not valid YAML; {_SYNTAX}")
    return builder.finish()


def _syntax_problem(error: MarkedYAMLError, file: str) -> ManifestError:
    mark = error.problem_mark or error.context_mark
    message = f"not valid YAML here; {_SYNTAX}"
    return ManifestError([Problem(file=file, line=mark.line + 1, column=mark.column + 1, message=message)])


class _Builder:
    """Builds the tree of one file and collects what is wrong with its structure."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._marks: array[int] = array("Q")
        self._problems: list[Problem] = []
        self._stack: list[tuple[Any, str | None, list[int]]] = []
        # A mapping, a list, or None before the first one opens; checked by `_mapping`, for speed.
        self._node: Any = None
        self._mapping = False
        self._key: str | None = None
        self._own: list[int] = []
        self._names: dict[str, str] = {}
        self._root: MarkedMapping | None = None
        self._documents = 0

    def read(self, events: Iterator[Any]) -> None:
        """Take every event of the file."""
        handlers: dict[type, Callable[[Any], None]] = {
            MappingStartEvent: self._open_mapping,
            SequenceStartEvent: self._open_list,
            MappingEndEvent: self._close,
            SequenceEndEvent: self._close,
            AliasEvent: self._alias,
            DocumentStartEvent: self._document,
        }
        for event in events:
            kind = event.__class__
            if kind is ScalarEvent:
                value = event.value
                if event.anchor is not None or event.tag is not None or not value.isprintable():
                    self._check(event)
                if not self._mapping:
                    self._put(event, value if event.style else plain_value(value))
                elif self._key is None:
                    self._name(event, value)
                else:
                    # A field's value, the commonest event, without a call where it is plainly text.
                    plain = not event.style and value[:1] in _SPECIAL
                    self._node[self._key] = plain_value(value) if plain else value
                    self._key = None
            elif kind in handlers:
                handlers[kind](event)

    def finish(self) -> MarkedMapping:
        """Return the tree, or raise what was collected."""
        if self._root is None and not self._problems:
            self.stop(1, 1, "the file is empty; it starts with `version: 1`")
        if self._problems or self._root is None:
            raise ManifestError(self._problems)
        return self._root

    def stop(self, line: int, column: int, message: str) -> Never:
        """Give up on the file."""
        self._problems.append(Problem(file=self._file, line=line, column=column, message=message))
        # The parser's own error may quote the file, which may hold a secret.
        raise ManifestError(self._problems) from None

    def _stop_at(self, event: Any, message: str) -> Never:
        self.stop(event.start_mark.line + 1, event.start_mark.column + 1, message)

    def _refuse(self, event: Any, message: str) -> None:
        mark = event.start_mark
        problem = Problem(file=self._file, line=mark.line + 1, column=mark.column + 1, message=message)
        self._problems.append(problem)
        if len(self._problems) >= MAX_PROBLEMS:
            raise ManifestError(self._problems)

    def _document(self, event: Any) -> None:
        self._documents += 1
        if self._documents > 1:
            self._stop_at(
                event, "a second document begins here; a file holds one, so split it into two files"
            )
        if event.version or event.tags:
            self._stop_at(event, "YAML directives (`%…`) are not supported; remove them")

    def _alias(self, event: Any) -> None:
        if self._mapping and self._key is None:
            self._stop_at(event, "a name cannot be an alias; write the name out")
        self._refuse(event, "aliases are not supported; use `defaults` or `profiles` to share settings")
        self._put(event, None)

    def _check(self, event: Any) -> None:
        if event.anchor is not None:
            self._refuse(event, "anchors are not supported; use `defaults` or `profiles` to share settings")
        if event.tag is not None:
            self._refuse(event, "tags (`!…`) are not supported; remove the tag")
        if event.__class__ is ScalarEvent and CONTROL.search(event.value):
            self._refuse(event, "text with control or invisible direction characters is refused; remove them")

    def _name(self, event: Any, name: str) -> None:
        # Field names repeat in every key; one text for all of them saves memory and later comparisons.
        name = self._key = self._names.setdefault(name, name)
        node, mark = self._node, event.start_mark
        if name in node:
            first = self._own[list(node).index(name)]
            line, column = _unpacked(first)
            place = f"{self._file}:{line}:{column}"
            self._refuse(event, f"{shown(name)} is written twice, first at {place}; keep one of the two")
            return
        self._own.append((mark.line + 1) << _COLUMN_BITS | mark.column + 1)
        if event.style or name[:1] not in _SPECIAL:
            return
        if name == "<<":
            self._refuse(event, "merge keys (`<<`) are not supported; use `defaults` or `profiles`")
        elif not isinstance(plain_value(name), str):
            self._refuse(event, "a name must be text; put this one in quotes")

    def _put(self, event: Any, value: object) -> None:
        node = self._node
        if node is None:
            self._stop_at(event, "a file holds a mapping (`name: value` lines), starting with `version: 1`")
        if self._mapping:
            node[self._key] = value
            self._key = None
        else:
            self._own.append((event.start_mark.line + 1) << _COLUMN_BITS | event.start_mark.column + 1)
            node.append(value)

    def _open(self, event: Any, node: MarkedMapping | MarkedList) -> None:
        if event.anchor is not None or event.tag is not None:
            self._check(event)
        if self._mapping and self._key is None:
            self._stop_at(event, "a name must be text, not a mapping or a list")
        if len(self._stack) >= MAX_DEPTH:
            self._stop_at(event, f"nested deeper than {MAX_DEPTH} levels; flatten it")
        mapping = isinstance(node, MarkedMapping)
        if self._node is None and isinstance(node, MarkedMapping):
            self._root = node
        else:
            self._put(event, node)
        self._stack.append((self._node, self._key, self._own))
        self._node, self._mapping, self._key, self._own = node, mapping, None, []

    def _open_mapping(self, event: Any) -> None:
        self._open(event, MarkedMapping())

    def _open_list(self, event: Any) -> None:
        self._open(event, MarkedList())

    def _close(self, _event: Any) -> None:
        node, marks = self._node, self._marks
        node.first, node.marks = len(marks), marks
        marks.fromlist(self._own)
        self._node, self._key, self._own = self._stack.pop()
        self._mapping = self._node.__class__ is MarkedMapping


_INFINITY: Final = {
    f"{sign}.{word}": float(f"{sign}inf") for sign in ("", "+", "-") for word in ("inf", "Inf", "INF")
}
_WORDS: Final[dict[str, object]] = {
    "": None,
    "~": None,
    "null": None,
    "true": True,
    "false": False,
    **_INFINITY,
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
}
_NUMERIC: Final = frozenset("+-.0123456789")
_SPECIAL: Final = _NUMERIC | {word[:1] for word in _WORDS} | {"<"}
"""First characters of plain scalars that may be something else than text."""

_WHOLE: Final = re.compile(r"[-+]?[0-9]+")
_BASED: Final = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+")
_BROKEN: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_LONGEST_WHOLE: Final = 20
_SHOWABLE: Final = re.compile(r"[A-Za-z0-9_.-]{1,40}")


def plain_value(text: str) -> object:
    """Return what a plain scalar stands for in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    return _number(text) if text[0] in _NUMERIC else text


def _number(text: str) -> object:
    # Python refuses to parse very long integers; as a float it is refused by every field anyway.
    if len(text) <= _LONGEST_WHOLE and _WHOLE.fullmatch(text):
        return int(text)
    if _BASED.fullmatch(text):
        return int(text, 0)
    return float(text) if _BROKEN.fullmatch(text) else text


def is_showable(name: str) -> bool:
    """Tell whether a name looks like a name; anything else may be a pasted secret and is not shown."""
    return _SHOWABLE.fullmatch(name) is not None


def shown(name: str) -> str:
    """Return a name in backquotes, or words in its place where it is not showable."""
    return f"`{name}`" if is_showable(name) else "this name"
