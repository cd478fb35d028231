"""What leaves the program: the result on stdout, everything else on stderr."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TextIO

from reconciler.core.sanitize import redact

if TYPE_CHECKING:
    from typing import Self

WIDTH_WITHOUT_TERMINAL: Final = 100
_LONGEST_LINE: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """How text for people is shown on one stream.

    Attributes:
        width: in columns.
        color: whether ANSI colours are wanted.
        ascii_only: the stream's encoding has no arrows.
    """

    width: int
    color: bool
    ascii_only: bool

    @classmethod
    def of(cls, stream: TextIO, *, no_color: bool) -> Self:
        """Return the look of a stream: colour only on a terminal, and never against NO_COLOR."""
        wanted = not no_color and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        return cls(
            width=shutil.get_terminal_size((WIDTH_WITHOUT_TERMINAL, 24)).columns,
            color=wanted and stream.isatty(),
            ascii_only=not _encodes(stream, "→…✓"),
        )


def write_result(text: str) -> None:
    """Write a command's result to stdout; a reader who has gone changes nothing."""
    try:
        sys.stdout.write(text if _encodes(sys.stdout, text) else _escaped(sys.stdout, text))
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout)


def explain(text: str) -> None:
    """Write text that is already safe to stderr; when even that fails there is nobody left to tell."""
    try:
        sys.stderr.write(text if _encodes(sys.stderr, text) else _escaped(sys.stderr, text))
        sys.stderr.flush()
    except OSError:
        discard(sys.stderr)


def complain(message: str) -> None:
    """Write an error message to stderr, without control characters or anything like a credential."""
    for line in message.splitlines():
        explain(f"error: {redact(line, limit=_LONGEST_LINE)}\n")


def discard(stream: TextIO) -> None:
    """Send what a stream still holds nowhere, so that the interpreter's last flush does not complain."""
    with suppress(OSError, ValueError):
        descriptor = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, descriptor)
        os.close(nowhere)


def open_missing_streams() -> None:
    """Open the null device where the caller closed a standard stream, before a file takes its number."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            with suppress(OSError):
                os.close(number)
            # The lowest free number is the one wanted, as those below it are open.
            descriptor = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(descriptor, True)  # noqa: FBT003  # it takes no keyword
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


def settle_streams() -> None:
    """Write out what the streams hold, here where a failure cannot change the exit code any more."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            discard(stream)


def interactive() -> bool:
    """Tell whether a person can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def _encodes(stream: TextIO, text: str) -> bool:
    try:
        text.encode(stream.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _escaped(stream: TextIO, text: str) -> str:
    encoding = stream.encoding or "utf-8"
    return text.encode(encoding, "backslashreplace").decode(encoding)
