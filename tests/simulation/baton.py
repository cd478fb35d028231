"""Several writers at once, of which exactly one runs: the seed decides who goes on at each port call."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from tests.simulation.faults import KilledError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random


class Alone:
    """One writer; there is nobody to give way to."""

    def pause(self, writer: str) -> None:
        """Go on."""


class Baton:
    """Passes the right to run between threads.

    Args:
        rng: of the history.
        stay: probability that the running writer goes on.
    """

    def __init__(self, rng: Random, stay: float) -> None:
        self._rng = rng
        self._stay = stay
        self._turns: dict[str, threading.Semaphore] = {}
        self._alive: list[str] = []
        self._failure: BaseException | None = None

    def pause(self, writer: str) -> None:
        """Let the seed decide who makes the next call of a port."""
        if self._failure is not None:
            raise KilledError
        if len(self._alive) < 2 or self._rng.random() < self._stay:
            return
        chosen = self._rng.choice(self._alive)
        if chosen != writer:
            self._turns[chosen].release()
            self._turns[writer].acquire()
            if self._failure is not None:
                raise KilledError

    def run(self, jobs: Mapping[str, Callable[[], None]]) -> None:
        """Run all jobs to their ends, and raise what the first failure was."""
        self._turns = {name: threading.Semaphore(0) for name in jobs}
        self._alive = list(jobs)
        threads = [threading.Thread(target=self._work, args=(name, job)) for name, job in jobs.items()]
        for thread in threads:
            thread.start()
        self._turns[self._rng.choice(self._alive)].release()
        for thread in threads:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self, name: str, job: Callable[[], None]) -> None:
        self._turns[name].acquire()
        try:
            if self._failure is None:
                job()
        except BaseException as error:  # noqa: BLE001  # raised again by `run`, in the thread of the history
            self._failure = self._failure or error
        self._alive.remove(name)
        if self._alive:
            self._turns[self._rng.choice(self._alive)].release()
