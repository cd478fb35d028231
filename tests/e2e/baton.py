"""Two runs at once that take turns by a seed: the same seed is the same order of requests, every time."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from random import Random
from typing import TYPE_CHECKING, Any, Self

from tests.clocks import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PATIENCE_SECONDS = 60.0


class Baton:
    """Lets one of several threads go on at a time; who is next is drawn wherever one passes the baton on.

    Args:
        seed: decides everything.

    Attributes:
        order: who went on, at each drawing.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)
        # Some schedules change hands at nearly every request, others let one run get far ahead.
        self._keep = self._random.choice((0.0, 0.3, 0.6, 0.85))
        self._turn = threading.Condition()
        self._runners: list[str] = []
        self._holder = ""
        self.order: list[str] = []

    def race(self, runs: Iterable[tuple[str, Callable[[], None]]]) -> None:
        """Run functions at once, each in a thread of its own, and raise what the first of them raised."""
        errors: list[BaseException] = []
        started = [(name, run) for name, run in runs]
        self._runners = [name for name, _ in started]

        def runner(name: str, run: Callable[[], None]) -> None:
            try:
                self._await(name)
                run()
            except BaseException as error:  # noqa: BLE001  # told by the caller's thread
                errors.append(error)
            finally:
                with self._turn:
                    self._runners.remove(name)
                    self._draw()

        threads = [threading.Thread(target=runner, args=item, name=item[0]) for item in started]
        for thread in threads:
            thread.start()
        with self._turn:
            self._draw()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        if errors:
            raise errors[0]

    def pass_on(self) -> None:
        """Let somebody else go on, or nobody; returns when it is the caller's turn again."""
        name = threading.current_thread().name
        with self._turn:
            if name not in self._runners:
                return
            if self._random.random() < self._keep:
                return
            self._draw()
        self._await(name)

    def _draw(self) -> None:
        self._holder = self._random.choice(self._runners) if self._runners else ""
        self.order.append(self._holder)
        self._turn.notify_all()

    def _await(self, name: str) -> None:
        with self._turn:
            if not self._turn.wait_for(lambda: self._holder == name, PATIENCE_SECONDS):
                message = f"{name} never got its turn"
                raise TimeoutError(message)


class BatonClock(FakeClock):
    """A clock whose reading passes the baton: the provider's client looks at it around every request."""

    def __init__(self, baton: Baton) -> None:
        super().__init__()
        self._baton = baton

    def monotonic(self) -> float:
        """Return seconds that never go back, when it is this thread's turn again."""
        self._baton.pass_on()
        return super().monotonic()

    def sleep(self, seconds: float) -> bool:
        """Advance both clocks, and let others go on."""
        self._baton.pass_on()
        return super().sleep(seconds)


class InTurn:
    """An executor that does everything at once in the caller's thread, so that the order is the baton's."""

    def __init__(self, max_workers: int | None = None) -> None:
        self.max_workers = max_workers

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to wait for."""

    def submit(self, call: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Call, and return what came of it."""
        future: Future[Any] = Future()
        try:
            future.set_result(call(*arguments))
        except BaseException as error:  # noqa: BLE001  # as executors do
            future.set_exception(error)
        return future
