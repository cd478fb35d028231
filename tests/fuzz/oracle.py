"""Whether an input crashes a target: a foreign exception, too much time, a secret in an error."""

from __future__ import annotations

import signal
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.fuzz.target import CANARY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fuzz.target import Target

MOST_SECONDS: Final = 2.0
"""CPU time of the whole process for one input."""

MOST_MESSAGE: Final = 100_000
"""Characters of an error; a file of 1 MiB must not come back as its own error."""

_PROGRAM: Final = f"{Path(__file__).resolve().parents[2] / 'reconciler'}/"


class TooSlowError(BaseException):
    """Raised inside a feed whose time is over; no `except Exception` may swallow it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Crash:
    """What went wrong.

    Attributes:
        kind: the exception, and the innermost line of the program, or of the feed, that it came from.
        story: the traceback.
    """

    kind: str
    story: str


def crash_of(target: Target, data: bytes, *, seconds: float = MOST_SECONDS) -> Crash | None:
    """Return how an input crashes a target, or None when the target takes or refuses it as it should.

    Args:
        target: what to feed.
        data: the input.
        seconds: most CPU time; measured coverage makes everything slower.
    """
    try:
        with _limited(seconds):
            target.feed(data)
    except target.errors as error:
        return _flaw(error, public=target.shown is not None and bool(target.shown.search(data)))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # a Rust panic is no Exception
        story = "".join(traceback.format_exception(error))
        return Crash(kind=f"{type(error).__name__} at {_place(error)}", story=story)
    return None


def _flaw(error: Exception, *, public: bool) -> Crash | None:
    """Return what is wrong with an error that is of the right type; `public` for a secret that is none."""
    if len(str(error)) > MOST_MESSAGE:
        return Crash(kind=f"long {type(error).__name__} at {_place(error)}", story=str(error)[:1000])
    if CANARY in shown(error) and not public:
        story = "".join(traceback.format_exception(error))
        return Crash(kind=f"secret in {type(error).__name__} at {_place(error)}", story=story)
    return None


def shown(error: BaseException) -> str:
    """Return everything that an error shows, and those that it was raised for."""
    parts = []
    behind: BaseException | None = error
    while behind is not None:
        parts += [str(behind), repr(behind), *getattr(behind, "__notes__", ())]
        behind = behind.__cause__ or (None if behind.__suppress_context__ else behind.__context__)
    return "\n".join(parts)


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if frame.filename.startswith(_PROGRAM)] or frames[-1:]
    return f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "nowhere"


@contextmanager
def _limited(seconds: float) -> Iterator[None]:
    def stop(_number: int, _frame: object) -> None:
        message = f"more than {seconds:g} s of CPU time"
        raise TooSlowError(message)

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
