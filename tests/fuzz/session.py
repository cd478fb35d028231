"""A fuzzing session of one target: mutate, keep what reaches new lines, minimise and keep what crashes."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import TYPE_CHECKING, Final

from tests.fuzz.corpus import FOLDER, REACHED, inputs_of, keep
from tests.fuzz.minimize import minimized
from tests.fuzz.mutation import mutated
from tests.fuzz.oracle import MOST_SECONDS, crash_of
from tests.fuzz.reached import ReachedLines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.fuzz.oracle import Crash
    from tests.fuzz.reached import Line
    from tests.fuzz.target import Target

_TRACED: Final = 20
"""By so many times, at most, tracing makes a feed slower."""

_TRIES_OF_REACHED: Final = 30
_SMALL: Final = 400
"""Bytes of an input that is kept as it is, since making it smaller takes longer than reading it."""
_RECENT: Final = 20


@dataclass(slots=True, kw_only=True)
class Session:
    """One target, and what was found so far.

    Attributes:
        target: what is fed.
        seed: of every decision.
        folder: of all corpora.
        inputs: of the corpus, and those that reached something new.
        crashes: each kind with the file of its smallest input.
        fed: how many inputs.
        kept: how many of them reached something new.
    """

    target: Target
    seed: int
    folder: Path = FOLDER
    inputs: list[bytes] = field(default_factory=list)
    crashes: dict[str, Path] = field(default_factory=dict)
    fed: int = 0
    kept: int = 0
    _lines: ReachedLines = field(default_factory=ReachedLines)

    def run(self, seconds: float) -> None:
        """Feed the corpus, and then changes of it until the time is over.

        Args:
            seconds: of wall time.
        """
        end = time.monotonic() + seconds
        rng = Random(f"{self.seed}/{self.target.name}")
        self.load()
        while time.monotonic() < end:
            # The newest inputs are where something may still be found.
            pool = self.inputs[-_RECENT:] if rng.randrange(3) == 0 else self.inputs
            data = mutated(self.target, rng.choice(pool or [b""]), self.inputs, rng)
            crash, new = self._feed(data)
            if crash is not None:
                self._crashed(data, crash)
            elif new:
                self._keep(data, new)

    def load(self, *, prune: bool = False) -> None:
        """Feed the corpus.

        Args:
            prune: remove the files that were kept for lines which the others reach as well.
        """
        for name, data in inputs_of(self.target.name, self.folder).items():
            crash, new = self._feed(data)
            if crash is not None:
                self._crashed(data, crash)
            elif prune and not new and name.startswith(REACHED):
                (self.folder / self.target.name / name).unlink()
            else:
                self.inputs.append(data)

    def _feed(self, data: bytes) -> tuple[Crash | None, frozenset[Line]]:
        self.fed += 1
        seconds = MOST_SECONDS * _TRACED
        crash, new = self._lines.run(partial(crash_of, self.target, data, seconds=seconds))
        if crash is not None or new:
            # The time limit is for the program as it is.
            crash = crash_of(self.target, data)
        return crash, new

    def _keep(self, data: bytes, new: frozenset[Line]) -> None:
        def same(smaller: bytes) -> bool:
            crash, found = ReachedLines(new).run(partial(crash_of, self.target, smaller))
            return crash is None and found == new

        smallest = data if len(data) <= _SMALL else minimized(data, same, tries=_TRIES_OF_REACHED)
        self.inputs.append(smallest)
        self.kept += 1
        keep(self.target.name, smallest, kind=REACHED, folder=self.folder)

    def _crashed(self, data: bytes, crash: Crash) -> None:
        if crash.kind in self.crashes:
            return
        smallest = minimized(data, self._crashes_alike(crash))
        self.crashes[crash.kind] = keep(self.target.name, smallest, kind="crash", folder=self.folder)
        print(f"{self.target.name}: {crash.kind}\n{crash.story}", flush=True)

    def _crashes_alike(self, crash: Crash) -> Callable[[bytes], bool]:
        def same(smaller: bytes) -> bool:
            found = crash_of(self.target, smaller)
            return found is not None and found.kind == crash.kind

        return same
