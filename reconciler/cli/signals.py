"""What SIGINT, SIGTERM and SIGHUP do: end a run that reads, drain one that writes."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Final

from reconciler.errors import ExitCode
from reconciler.posix import HANG_UP

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from reconciler.app.control import RunControl
    from reconciler.cli.clock import SystemClock

_CODES: Final = {
    signal.SIGINT: ExitCode.SIGINT,
    signal.SIGTERM: ExitCode.SIGTERM,
    # A lost terminal ends a run as politely as a supervisor does.
    **({HANG_UP: ExitCode.SIGTERM} if HANG_UP else {}),
}


def quit_at_once() -> None:
    """End the process at the first signal: a run that only reads leaves nothing half done.

    Raising would not do it: a thread pool waits for the requests in flight before it lets go.
    """

    def handler(number: int, frame: FrameType | None) -> None:
        del frame
        # The only output that is safe inside a handler.
        os.write(2, b"\ninterrupted; nothing was changed\n")
        os._exit(_CODES[signal.Signals(number)])

    _install(handler)


def drain(control: RunControl, clock: SystemClock) -> None:
    """Let the first signal stop the run after the key in hand; a second one changes nothing.

    The handler never raises: between a provider's answer and the sink, that would lose a secret.
    """

    def handler(number: int, frame: FrameType | None) -> None:
        del frame
        if control.interrupted is None:
            control.interrupt(_CODES[signal.Signals(number)])
            clock.wake()
            os.write(2, b"\ninterrupted; finishing the key in hand\n")

    _install(handler)


def _install(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in _CODES:
        # What the parent had us ignore (nohup) stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, handler)
