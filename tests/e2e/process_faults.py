"""What is done to the program's own process before it begins: short waits, no network, a disk that fails."""

from __future__ import annotations

import os
import resource
import socket
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FASTER: Final = 60.0
"""How many seconds pass on the program's clock in one of ours."""


def in_a_hurry(timeout: float, fault: Callable[[], object] | None = None) -> None:
    """Give every exchange so many seconds, let a minute of the clock be a second; then the fault."""
    from reconciler.cli.clock import SystemClock  # noqa: PLC0415  # called in the program's process
    from reconciler.providers.registry import Connection  # noqa: PLC0415  # likewise
    from reconciler.sinks._store_http import store_client  # noqa: PLC0415  # likewise

    defaults: list[Any] = [Connection.__init__.__kwdefaults__, store_client.__kwdefaults__]
    for found in defaults:
        found["timeout"] = timeout
    sleep, began, at = SystemClock.sleep, time.monotonic(), datetime.now(UTC)

    def monotonic(_clock: SystemClock) -> float:
        return FASTER * (time.monotonic() - began)

    def now(clock: SystemClock) -> datetime:
        return at + timedelta(seconds=monotonic(clock))

    for name, method in (
        ("sleep", lambda clock, seconds: sleep(clock, seconds / FASTER)),
        ("monotonic", monotonic),
        ("now", now),
    ):
        setattr(SystemClock, name, method)
    if fault is not None:
        fault()


def without_network(flag: Path, error: OSError) -> None:
    """Let no connection be made from the moment when there is such a file."""
    connect = socket.create_connection

    def refuse(*arguments: Any, **more: Any) -> socket.socket:
        if flag.exists():
            raise error
        return connect(*arguments, **more)

    socket.create_connection = refuse


def no_larger_files(size: int) -> None:
    """Let the kernel refuse to make any file larger than so many bytes."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


@dataclass(slots=True, kw_only=True)
class FailingDisk:
    """Lets what changes files fail, below everything of the program; called in its process.

    Attributes:
        number: errno of the failure.
        first: the change that fails first, from 1.
        lasts: whether every change after it fails too, as on a full disk; else that one alone.
    """

    number: int
    first: int
    lasts: bool
    _done: int = field(default=0)
    _torn: bool = field(default=False)

    def __call__(self) -> None:
        """Take the place of what the program calls."""
        real_open, real_write = os.open, os.write

        def opened(path: Any, flags: int, *arguments: Any, **more: Any) -> int:
            if flags & os.O_CREAT:
                self._count()
            return real_open(path, flags, *arguments, **more)

        def written(descriptor: int, data: Any) -> int:
            try:
                self._count()
            except OSError:
                # A disk takes what still fits, and says no only to the rest.
                if len(data) > 1 and not self._torn:
                    self._torn = True
                    return real_write(descriptor, data[: len(data) // 2])
                raise
            return real_write(descriptor, data)

        os.open, os.write = opened, written
        for name in ("fsync", "replace", "mkdir"):
            setattr(os, name, self._counted(getattr(os, name)))

    def _counted(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            self._count()
            return real(*arguments, **more)

        return call

    def _count(self) -> None:
        self._done += 1
        if self._done == self.first or (self.lasts and self._done > self.first):
            raise OSError(self.number, os.strerror(self.number))
