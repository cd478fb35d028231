"""What a test has made secret, what it has shown since, and whether the one is in the other."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.canary.planted import planted
from tests.canary.search import LEAST_LENGTH, Search

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_SQLITE: Final = b"SQLite format 3\0"
_SECRET_VARIABLE: Final = re.compile(r"TOKEN|SECRET|SALT|PASSWORD|KEY")
_SETTINGS: Final = re.compile(r"""\b(?:sinks|accounts)["']?:""")
_DECLARED: Final = re.compile(r"""\b(?:path|file)["']?:\s*["']?([^\s"',}]+)""")
# Sections whose files must show nothing either, in flow and in block style.
_NO_SINK: Final = re.compile(r"""\b(?:audit|escrow|lease)["']?:(?:\s*\{[^}]*\}|.*(?:\n[ \t]+.*)*)""")
_MOST_BYTES: Final = 64 * 1024 * 1024


class Watch:
    """One search from its beginning to its end.

    Args:
        durable: secrets that were there before, such as the token of a server of the whole run.
        muted: hear nothing, as nobody is going to search.
    """

    def __init__(self, durable: Iterable[str] = (), *, muted: bool = False) -> None:
        self.secrets = set(durable)
        self._heard: dict[str, set[str]] = {}
        self._kept: set[Path] = set()
        self._put: dict[Path, bytes] = {}
        self._muted = int(muted)

    def plant(self, prefix: str = "sk-") -> str:
        """Return a new secret that must not be shown."""
        secret = planted(prefix)
        self.learn(secret)
        return secret

    def learn(self, value: str) -> None:
        """Take a value for secret; one that is too short to be one is ignored by the search."""
        if len(value) >= LEAST_LENGTH:
            self.secrets.add(value)

    def learn_environment(self, variables: Mapping[str, str]) -> None:
        """Take the credentials in the environment of a process for secret."""
        for name, value in variables.items():
            # Some name the place of a credential.
            if _SECRET_VARIABLE.search(name.upper()) and not value.startswith(("/", "http")):
                self.learn(value)

    def hear(self, channel: str, said: str | bytes) -> None:
        """Note what was shown.

        Args:
            channel: what a failure calls the place; no secret is in it.
            said: text, or bytes of any kind.
        """
        text = said.decode("latin-1") if isinstance(said, bytes) else said
        if text and not self._muted:
            self._heard.setdefault(channel, set()).add(text)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Hear nothing meanwhile: somebody is asked to show a secret, such as the reader of a store."""
        self._muted += 1
        try:
            yield
        finally:
            self._muted -= 1

    def keeps(self, path: Path) -> None:
        """Exempt a file, or all below a directory: it is there to hold a secret."""
        self._kept.add(path)

    def put(self, path: Path, content: str | bytes) -> None:
        """Exempt what a test itself has written to a file, as long as nobody changes it."""
        self._put[path] = content if isinstance(content, bytes) else content.encode("utf-8", "replace")

    def leaks(self, *folders: Path) -> list[str]:
        """Return each place that shows a secret and the encoding, without the secret.

        Args:
            folders: whose files and names of files are searched too, but for sinks and files of tokens.
        """
        paths = {path: path.relative_to(folder).as_posix() for folder in folders for path in _files(folder)}
        for path in paths:
            self._learn_database(path)
        search = Search(self.secrets)
        if not search:
            return []
        shown = [(channel, text) for channel, texts in self._heard.items() for text in texts]
        declared = tuple({name for path in paths for name in _declared(path)})
        for path, name in paths.items():
            if not name.endswith(declared) and not any(path.is_relative_to(kept) for kept in self._kept):
                shown.append(("names of files", name))
                found = _read(path, _MOST_BYTES)
                if found != self._put.get(path):
                    shown.append((f"file {name}", found.decode("latin-1")))
        places = {(channel, encoding) for channel, text in shown if (encoding := search.encoding(text))}
        return sorted(f"{_harmless(channel, search)}: {encoding}" for channel, encoding in places)

    def _learn_database(self, path: Path) -> None:
        if _read(path, len(_SQLITE)) == _SQLITE:
            self._kept.update(path.with_name(f"{path.name}{end}") for end in ("", "-wal", "-shm"))
            self.secrets.update(_secrets_of_sandbox(path))


def _files(folder: Path) -> Iterator[Path]:
    for directory, _, names in os.walk(folder):
        for name in names:
            path = Path(directory, name)
            if path.is_file() and not path.is_symlink():
                yield path


def _read(path: Path, most: int) -> bytes:
    # A test may have taken the right to read away, also from itself.
    with suppress(OSError), path.open("rb") as file:
        return file.read(most)
    return b""


def _declared(path: Path) -> list[str]:
    """Return where a settings file says that secrets and tokens are."""
    if path.suffix not in {".yaml", ".yml", ".json"}:
        return []
    text = _read(path, _MOST_BYTES).decode("utf-8", "replace")
    found = _DECLARED.findall(_NO_SINK.sub("", text)) if _SETTINGS.search(text) else []
    return [name.removeprefix("./") for name in found]


def _secrets_of_sandbox(path: Path) -> set[str]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database, suppress(sqlite3.Error):
        return {
            row[0]
            for statement in ("SELECT secret FROM secrets", "SELECT token FROM accounts")
            for row in database.execute(statement)
        }
    return set()


def _harmless(channel: str, search: Search) -> str:
    return "a file whose name shows it too" if search.encoding(channel) else channel
