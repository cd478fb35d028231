"""The real clock: UTC, monotonic, and a sleep that a signal handler can end."""

from __future__ import annotations

import signal
import threading
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.cli.clock import SystemClock

if TYPE_CHECKING:
    from types import FrameType

LONG_SECONDS = 60.0


def test_now_is_utc() -> None:
    """The wall clock has a zone, and it is UTC."""
    now = SystemClock().now()

    assert now.tzinfo is UTC
    assert abs(now - datetime.now(UTC)) < timedelta(minutes=1)


def test_monotonic_does_not_go_back() -> None:
    """Two looks are in order."""
    clock = SystemClock()

    assert clock.monotonic() <= clock.monotonic()


def test_a_sleep_of_nothing_is_a_whole_one() -> None:
    """A wait that is over was not interrupted, not even one of negative length."""
    clock = SystemClock()

    assert clock.sleep(0)
    assert clock.sleep(-1)
    assert clock.sleep(0.001)


def test_wake_ends_every_sleep() -> None:
    """All threads that wait are released at once and told so."""
    clock = SystemClock()
    ended: list[bool] = []
    threads = [threading.Thread(target=lambda: ended.append(clock.sleep(LONG_SECONDS))) for _ in range(3)]
    for thread in threads:
        thread.start()

    clock.wake()
    for thread in threads:
        thread.join(LONG_SECONDS)

    assert ended == [False, False, False]


def test_after_wake_nothing_waits() -> None:
    """A sleep that begins after the interruption ends at once; waking often does no harm."""
    clock = SystemClock()
    for _ in range(100_000):
        clock.wake()

    assert not clock.sleep(LONG_SECONDS)


def test_a_signal_handler_may_wake_the_sleeper_that_it_interrupts() -> None:
    """The handler runs in the thread that sleeps and does not lock itself out."""
    clock = SystemClock()

    def handler(number: int, frame: FrameType | None) -> None:
        del number, frame
        clock.wake()

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        assert not clock.sleep(LONG_SECONDS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
