"""The `dotenv` sink: `NAME=value` lines that shells, docker and the dotenv libraries read alike."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

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
_ASSIGNMENT: Final = re.compile(
    r"\ufeff?[ \t]*(?:export[ \t]+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)[ \t]*=[ \t]*"
)
_QUOTES: Final = frozenset("'\"`")
_QUOTED: Final = re.compile(
    r"(?P<triple>'{3}|\"{3}).*?(?P=triple)|(?P<quote>['\"`])(?:\\.|(?!(?P=quote))[^\\])*(?P=quote)", re.DOTALL
)
_UNQUOTED: Final = re.compile(r"(?:(?![ \t]+(?:#|\r?$))[^\r\n])*", re.MULTILINE)
_REST: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\r?$", re.MULTILINE)


class _Assignment(NamedTuple):
    """Where in the text a name is set, and where its value is; no plaintext, and cheap in large files."""

    name: str
    start: int
    end: int
    value: slice | None


class _Document:
    """The text of a dotenv file and the assignments in it."""

    def __init__(self, text: Secret, assignments: Mapping[str, list[_Assignment]], quote: str) -> None:
        self._text = text
        self._assignments = assignments
        self._quote = quote

    def holds(self, name: str) -> bool:
        return name in self._assignments

    def problem(self, name: str) -> str | None:
        if len(self._assignments[name]) == 1:
            return None
        lines = [str(_line(self._text, assignment.start)) for assignment in self._assignments[name]]
        return f"entry {name}: lines {', '.join(lines)} all set it; keep one of them"

    def value(self, name: str) -> Secret | None:
        found = self._assignments.get(name, [])
        place = found[0].value if len(found) == 1 else None
        return Secret(self._text.reveal()[place]) if place else None

    def with_value(self, name: str, secret: Secret) -> Secret:
        text = self._text.reveal()
        value = f"{self._quote}{secret.reveal()}{self._quote}"
        if name in self._assignments:
            place = self._assignments[name][0]
            return Secret(f"{text[: place.start]}={value}{text[place.end :]}")
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
        found = _assignments(text)
        if isinstance(found, int):
            return f"line {found}: a quote is not closed; close it"
        by_name: dict[str, list[_Assignment]] = {}
        for assignment in found:
            by_name.setdefault(assignment.name, []).append(assignment)
        return _Document(text, by_name, "'" if self.quoted else "")

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


def _assignments(content: Secret) -> list[_Assignment] | int:
    """Return every assignment, or the number of the line whose quote is not closed."""
    text = content.reveal()
    assignments = []
    position = 0
    while position < len(text):
        end = position
        found = _ASSIGNMENT.match(text, position)
        if found:
            value = _value(text, found.end())
            if value is None:
                return _line(content, position)
            known = _REST.match(text, value.end())
            end = value.end() if known else _line_end(text, value.end())
            place = _inside(value) if known else None
            assignments.append(_Assignment(found["name"], found.end("name"), end, place))
        position = (text.find("\n", end) + 1) or len(text)
    return assignments


def _value(text: str, position: int) -> re.Match[str] | None:
    if text[position : position + 1] in _QUOTES:
        return _QUOTED.match(text, position)
    return _UNQUOTED.match(text, position)


def _inside(value: re.Match[str]) -> slice:
    quotes = 0 if value.re is _UNQUOTED else len(value["triple"] or value["quote"])
    return slice(value.start() + quotes, value.end() - quotes)


def _line(text: Secret, position: int) -> int:
    return text.reveal().count("\n", 0, position) + 1


def _line_end(text: str, position: int) -> int:
    following = (text.find("\n", position) + 1) or len(text)
    return position + len(text[position:following].rstrip("\r\n"))
