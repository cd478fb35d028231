"""The `dotenv` sink: `NAME=value` lines that shells, docker and the dotenv libraries read alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from reconciler.core.secret import Secret
from reconciler.sinks._file_sink import FileSink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sinks._file_sink import Document

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# Characters that mean the same, unquoted, to a shell, to `docker --env-file` and to every dotenv library.
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./+=:@-]+")
# Some libraries unescape and expand inside single quotes too: no backslash, and no `${`.
_QUOTABLE: Final = re.compile(r"(?:(?!\$\{)[ -&(-\[\]-~])+")
# One line, or several where quotes go on; possessive, because a file of blanks must not take minutes. A group
# is so only if it fails where it began: before Python 3.11.5 others do not go back (python/cpython#106052).
_ASSIGNMENT: Final = re.compile(
    r"""
    ^\ufeff?[ \t]*+(?:export[ \t]++)?(?P<name>[A-Za-z_][A-Za-z0-9_]*+)[ \t]*+=[ \t]*+
    (?:
        (?P<triple>'{3}|"{3})(?P<lines>.*?)(?P=triple)
      | '(?P<single>(?:[^'\\]++|\\.)*+)'
      | "(?P<double>(?:[^"\\]++|\\.)*+)"
      | `(?P<tick>(?:[^`\\]++|\\.)*+)`
      | (?P<open>['"`])
      | (?P<bare>(?:[^ \t\r\n][^\r\n]*?(?<![ \t])(?=[ \t]++\#|[ \t]*+(?:[\r\n]|\Z)))?)
    )
    (?P<known>[ \t]*+(?:\#[^\n]*+)?\r?$)?
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
_VALUES: Final = ("bare", "single", "double", "lines", "tick")


class _Document:
    """The text of a dotenv file and where names are set in it; only that is kept of a large file."""

    def __init__(self, text: Secret, places: Mapping[str, int | list[int]], quote: str) -> None:
        self._text = text
        self._places = places
        self._quote = quote

    def holds(self, name: str) -> bool:
        return name in self._places

    def problem(self, name: str) -> str | None:
        places = self._places[name]
        if isinstance(places, int):
            return None
        lines = ", ".join(str(_line(self._text, place)) for place in places)
        return f"entry {name}: lines {lines} all set it; keep one of them"

    def value(self, name: str) -> Secret | None:
        place = self._places.get(name)
        return _value(self._text, place) if isinstance(place, int) else None

    def with_value(self, name: str, secret: Secret) -> Secret:
        text = self._text.reveal()
        value = f"{self._quote}{secret.reveal()}{self._quote}"
        if name in self._places:
            places = self._places[name]
            start, end = _span(self._text, places if isinstance(places, int) else places[0])
            return Secret(f"{text[:start]}={value}{text[end:]}")
        newline = "\r\n" if "\r\n" in text else "\n"
        gap = newline if text and not text.endswith("\n") else ""
        return Secret(f"{text}{gap}{name}={value}{newline}")


@dataclass(frozen=True, slots=True, kw_only=True)
class DotenvFormat:
    """Lines of `NAME=value`; everything that is not an entry of ours stays as it is, byte for byte.

    Args:
        quoted: values are written in single quotes, which allows more characters in them.
    """

    quoted: bool = False

    def parse(self, content: Secret | None) -> Document | str:
        """Return the document, or which line has a quote that is not closed."""
        text = content or Secret("")
        found = _places(text)
        if isinstance(found, int):
            return f"line {found}: a quote is not closed; close it"
        return _Document(text, found, "'" if self.quoted else "")

    def name_problem(self, name: str) -> str | None:
        """Return why the name is no name of an environment variable, or None when it is one."""
        if _NAME.fullmatch(name):
            return None
        return f"entry {name!r}: a name has only letters, digits and `_`, and no digit first; rename it"

    def secret_problem(self, secret: Secret) -> str | None:
        """Return why the secret cannot be written so that everybody reads the same, or None when it can."""
        if self.quoted and not _QUOTABLE.fullmatch(secret.reveal()):
            return "the secret has characters that single quotes do not protect everywhere; use a json sink"
        if not self.quoted and not _PLAIN.fullmatch(secret.reveal()):
            return "the secret has characters outside A-Z a-z 0-9 _./+=:@-; set `quoted: true` on the sink"
        return None


def build(options: Mapping[str, object]) -> FileSink:
    """Return the sink that the options `path`, `quoted` and `allow_tracked` describe."""
    return FileSink(
        Path(str(options["path"])),
        DotenvFormat(quoted=bool(options.get("quoted", False))),
        allow_tracked=bool(options.get("allow_tracked", False)),
    )


def _places(content: Secret) -> dict[str, int | list[int]] | int:
    """Return where each name is set, or the number of the line whose quote is not closed."""
    places: dict[str, int | list[int]] = {}
    for found in _ASSIGNMENT.finditer(content.reveal()):
        name, place = found["name"], found.start()
        if found.start("open") >= 0:
            return _line(content, place)
        first = places.get(name)
        if isinstance(first, list):
            first.append(place)
        else:
            places[name] = place if first is None else [first, place]
    return places


def _found(text: str, place: int) -> re.Match[str]:
    return cast("re.Match[str]", _ASSIGNMENT.match(text, place))


def _span(content: Secret, place: int) -> tuple[int, int]:
    """Return from where to where a new value is put, equals sign included; a comment after it stays."""
    text = content.reveal()
    found = _found(text, place)
    end = _line_end(text, found.end()) if found["known"] is None else found.start("known")
    return found.end("name"), end


def _value(content: Secret, place: int) -> Secret | None:
    """Return the value of an assignment, None where readers disagree about it."""
    found = _found(content.reveal(), place)
    if found["known"] is None:
        return None
    return next(Secret(found[name]) for name in _VALUES if found.start(name) >= 0)


def _line(text: Secret, position: int) -> int:
    return text.reveal().count("\n", 0, position) + 1


def _line_end(text: str, position: int) -> int:
    following = (text.find("\n", position) + 1) or len(text)
    return position + len(text[position:following].rstrip("\r\n"))
