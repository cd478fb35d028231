"""Thread pools of the program, run in one thread and in an order that the simulation chooses."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar
from unittest.mock import patch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Result = TypeVar("Result")


class _Later(Generic[Result]):
    """A call that has not been made yet; a kill inside it unwinds whoever asks for the result."""

    def __init__(self, pool: InlinePool, call: Callable[[], Result]) -> None:
        self._pool = pool
        self._call = call
        self._result: list[Result] = []
        self._error: Exception | None = None

    def run(self) -> None:
        """Make the call."""
        try:
            self._result.append(self._call())
        except Exception as error:  # noqa: BLE001  # a future keeps whatever was raised
            self._error = error

    def result(self) -> Result:
        """Return what the call returned, after all calls of the pool were made."""
        self._pool.run_all()
        if self._error is not None:
            raise self._error
        return self._result[0]


class InlinePool:
    """What the program uses of `ThreadPoolExecutor`, without a thread."""

    def __init__(self, max_workers: int | None = None) -> None:
        del max_workers
        self._waiting: list[_Later[Any]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.run_all()

    def submit(self, call: Callable[..., Result], *arguments: object) -> _Later[Result]:
        """Remember a call."""
        later = _Later(self, lambda: call(*arguments))
        self._waiting.append(later)
        return later

    def map(self, call: Callable[..., Result], items: Iterable[object]) -> Iterator[Result]:
        """Call for each item, in order."""
        return iter([call(item) for item in items])

    def run_all(self) -> None:
        """Make the remembered calls; a real pool may begin with any of them."""
        waiting, self._waiting = self._waiting, []
        for later in waiting:
            later.run()


@contextmanager
def one_thread() -> Iterator[None]:
    """Let the program's own pools run inline, in this process, until the block ends."""
    with (
        patch("reconciler.app.observe.ThreadPoolExecutor", InlinePool),
        patch("reconciler.providers._newapi_listing.ThreadPoolExecutor", InlinePool),
    ):
        yield
