"""One child process that may be given a secret, with a bound on its time and on what it says."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.secret import Secret
from reconciler.errors import SinkError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from io import FileIO

_KEPT_BYTES: Final = 16 * 1024
_CHUNK_BYTES: Final = 64 * 1024
# How soon it is noticed that a program ended and left a child of its own holding the output open.
_POLL_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended.

    Attributes:
        status: its exit status, negative for a signal; None when the time was up and it was killed.
        output: the end of what it said; it may have repeated the secret.
    """

    status: int | None
    output: Secret


def run(
    arguments: Sequence[str], *, stdin: Secret | None, environment: Mapping[str, str], timeout: float
) -> Ended:
    """Run a program in a session of its own; stdout and stderr are read as one.

    Args:
        arguments: program and arguments; no shell is involved, and no secret is among them.
        stdin: what the program reads, without a newline at the end; None stands for nothing.
        environment: all that the program sees.
        timeout: in seconds; then the program's whole process group is killed.

    Raises:
        SinkError: when the program did not start.
    """
    deadline = time.monotonic() + timeout
    with ExitStack() as open_ends:
        try:
            said, target = _pipe(open_ends)
            source, feed = _pipe(open_ends)
            _fill(feed, stdin)
            process = subprocess.Popen(  # noqa: S603  # the settings name the program, and they are trusted
                arguments,
                stdin=source,
                stdout=target,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "an argument cannot be passed on"
            msg = f"program {arguments[0]}: it does not start: {reason}; correct the command and run again"
            raise SinkError(msg) from None
        source.close()
        target.close()
        with process:
            output = _read(said, process, deadline)
            return Ended(status=_status(process, deadline), output=output)


def _pipe(open_ends: ExitStack) -> tuple[FileIO, FileIO]:
    reader, writer = os.pipe()
    return (
        open_ends.enter_context(os.fdopen(reader, "rb", buffering=0)),
        open_ends.enter_context(os.fdopen(writer, "wb", buffering=0)),
    )


def _fill(feed: FileIO, content: Secret | None) -> None:
    """Put everything into the pipe before there is a reader, so that no write can block or break later."""
    os.set_blocking(feed.fileno(), False)
    if content is not None and not _written(feed, content):
        msg = "the secret is too long to be handed over through a pipe; use another sink"
        raise SinkError(msg)
    feed.close()


def _written(feed: FileIO, content: Secret) -> bool:
    whole = memoryview(content.reveal().encode())
    return feed.write(whole) == len(whole)


def _read(said: FileIO, process: subprocess.Popen[bytes], deadline: float) -> Secret:
    """Return the end of the output; reading stops with the output, the program or the time."""
    kept = b""
    with selectors.DefaultSelector() as selector:
        selector.register(said, selectors.EVENT_READ)
        while (left := deadline - time.monotonic()) > 0:
            if selector.select(min(left, _POLL_SECONDS)):
                chunk = said.read(_CHUNK_BYTES)
                if not chunk:
                    break
                kept = (kept + chunk)[-_KEPT_BYTES:]
            elif process.poll() is not None:
                break
    return Secret(kept.decode("utf-8", "replace"))


def _status(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        with suppress(ProcessLookupError, PermissionError):  # it ended just now
            os.killpg(process.pid, signal.SIGKILL)
        return None
