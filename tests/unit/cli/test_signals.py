"""Signal handlers: when to quit, when to drain, what to leave alone."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest

from reconciler.app.control import RunControl
from reconciler.cli.clock import SystemClock
from reconciler.cli.signals import drain, quit_at_once

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """Begin with the usual handlers and put the real ones back."""
    before = {number: signal.getsignal(number) for number in NUMBERS}
    for number in NUMBERS:
        signal.signal(number, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_reading_quits_at_once(monkeypatch: pytest.MonkeyPatch, number: signal.Signals, code: int) -> None:
    """The process ends inside the handler, with the code of the signal."""
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    quit_at_once()

    signal.raise_signal(number)

    assert codes == [code]


def test_draining_never_raises_and_the_first_signal_counts() -> None:
    """The control is told once, and no wait is left."""
    clock = SystemClock()
    control = RunControl(clock=clock)
    drain(control, clock)

    signal.raise_signal(signal.SIGTERM)
    signal.raise_signal(signal.SIGINT)

    assert control.interrupted == 143
    assert not clock.sleep(60)


def test_an_ignored_signal_stays_ignored() -> None:
    """A run under nohup survives the end of its terminal."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    clock = SystemClock()
    control = RunControl(clock=clock)

    drain(control, clock)
    signal.raise_signal(signal.SIGHUP)

    assert control.interrupted is None
