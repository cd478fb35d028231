"""Tests of the sandbox clock."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.clock import DAY_SECONDS, SandboxClock, start_of_day

if TYPE_CHECKING:
    from reconciler.sandbox.database import Database


class Ticker:
    """A source of real time that the test moves."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.seconds


def test_time_runs_with_an_offset(database: Database) -> None:
    """Advancing adds to real time, which goes on."""
    real = Ticker()
    clock = SandboxClock(database, real)
    clock.advance(3600)
    real.seconds += 5
    assert clock.now() == 1000 + 3600 + 5
    clock.advance(-10)
    assert clock.now() == 4595


def test_frozen_time_moves_only_by_hand(database: Database) -> None:
    """A frozen clock ignores real time until it is set running from where it stood."""
    real = Ticker()
    clock = SandboxClock(database, real)
    clock.set(50.0, frozen=True)
    real.seconds += 100
    clock.advance(1)
    assert (clock.now(), clock.frozen) == (51.0, True)
    clock.set(clock.now(), frozen=False)
    real.seconds += 2
    assert (clock.now(), clock.frozen) == (53.0, False)


def test_the_offset_survives_a_restart(database: Database) -> None:
    """A second clock on the same database shows the same time."""
    real = Ticker()
    SandboxClock(database, real).set(9.0)
    assert SandboxClock(database, real).now() == 9.0


def test_a_day_begins_at_midnight_of_its_offset() -> None:
    """At UTC+8 the day begins at 16:00 UTC of the day before."""
    noon = 10 * DAY_SECONDS + 12 * 3600
    assert start_of_day(noon, 0) == 10 * DAY_SECONDS
    assert start_of_day(noon, 8) == 9 * DAY_SECONDS + 16 * 3600
    assert start_of_day(noon + 5 * 3600, 8) == 10 * DAY_SECONDS + 16 * 3600
