"""Scripted HTTP answers: an input says what is asked and what a server answers, and no socket is opened.

An input is a line with words for the target, and then one block for each answer, divided by a line `%%`:
a line with the status, header lines, an empty line, the body. In place of a status, `lost` and `unsent`
stand for an exchange without an answer. When the answers are used up, the last one comes again, up to 300.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self
from unittest.mock import patch

from reconciler.core.secret import Secret
from reconciler.transport.connections import Connections, HttpAnswer
from reconciler.transport.transfer_errors import TransferError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.transport.connections import HttpRequest

CUT: Final = b"\n%%\n"
_MOST_ANSWERS: Final = 300
_ENDLESS: Final = 10_000
_STATUS: Final = re.compile(r"[1-5][0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """One answer; `status` is a number, `lost` or `unsent`."""

    status: str
    headers: dict[str, str]
    body: bytes

    @classmethod
    def read(cls, block: bytes) -> Self:
        """Return the answer in a block."""
        head, _, body = block.partition(b"\n\n")
        first, *lines = head.decode("latin-1").split("\n")
        headers = {}
        for line in lines:
            name, _, value = line.partition(":")
            # What the HTTP library lets through: printable, and names in lower case.
            headers[name.strip().lower()] = value.strip()
        return cls(status=first.strip(), headers=headers, body=body)

    @property
    def code(self) -> int:
        """The number in the status; 200 where there is none."""
        return int(self.status) if _STATUS.fullmatch(self.status) else 200


class Script:
    """The answers of one input, given one after the other.

    Args:
        data: the input.

    Attributes:
        words: of its first line.
        asked: the requests, as method and URL.
    """

    def __init__(self, data: bytes) -> None:
        first, *blocks = data.split(CUT)
        self.words = first.decode("latin-1").split()
        self._answers = [Scripted.read(block) for block in blocks] or [Scripted.read(b"200\n\n")]
        self.asked: list[str] = []

    def next(self, request: str) -> Scripted:
        """Return the answer to the next request."""
        assert len(self.asked) < _ENDLESS, "requests without an end"
        answer = self._answers[min(len(self.asked), len(self._answers) - 1)]
        self.asked.append(request)
        return answer if len(self.asked) <= _MOST_ANSWERS else Scripted.read(b"lost")

    def word(self, position: int, words: tuple[str, ...]) -> str:
        """Return a word of the first line if it is one of some words, and else the first of those."""
        found = self.words[position] if position < len(self.words) else ""
        return found if found in words else words[0]


@contextmanager
def answered(script: Script) -> Iterator[None]:
    """Let every client of `reconciler.transport` get its answers from a script."""

    def exchange(_self: Connections, request: HttpRequest) -> HttpAnswer:
        answer = script.next(f"{request.method} {request.url}")
        if answer.status in {"lost", "unsent"}:
            reason = "the connection broke while reading"
            raise TransferError(reason, sent=answer.status == "lost")
        body = Secret(answer.body.decode("latin-1"))
        return HttpAnswer(status=answer.code, headers=answer.headers, body=body)

    with patch.object(Connections, "exchange", exchange):
        yield
