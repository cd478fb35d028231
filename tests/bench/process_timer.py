"""Whole processes, from start to exit, outside timing: wall clock, processor time and peak memory.

A process starts with the peak memory of the one that started it (`signal->maxrss` survives exec), so
the benchmark itself holds no data; a figure that could be its own is refused.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

_UNIT: Final = 1 if sys.platform == "darwin" else 1024
_SHOWN: Final = 2000


class ProgramFailedError(Exception):
    """Raised with the end of what a program wrote before it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run.

    Attributes:
        argv: program and arguments.
        folder: working directory; None for that of the benchmark.
        variables: on top of the inherited environment.
        expected: exit code of a run that counts.
    """

    argv: Sequence[str]
    folder: Path | None = None
    variables: Mapping[str, str] | None = None
    expected: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run: seconds on the wall, seconds of processor time (user and system), peak memory in bytes."""

    wall: float
    cpu: float
    peak: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """The median of some numbers, and the smallest and largest of them."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, numbers: Sequence[float]) -> Spread:
        """Return the spread of at least one number."""
        return cls(median=median(numbers), low=min(numbers), high=max(numbers))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Runs of two programs side by side; ratios are taken pair by pair, because a machine drifts."""

    first: Sequence[Sample]
    second: Sequence[Sample]

    def ratio(self, read: Callable[[Sample], float]) -> Spread:
        """Return first through second, by what is read of a sample."""
        pairs = zip(self.first, self.second, strict=True)
        return Spread.of([read(first) / read(second) for first, second in pairs])


def wall(sample: Sample) -> float:
    """Return seconds on the wall."""
    return sample.wall


def cpu(sample: Sample) -> float:
    """Return seconds of processor time."""
    return sample.cpu


def peak(sample: Sample) -> float:
    """Return peak memory in bytes.

    Raises:
        ValueError: when it may be that of the benchmark itself.
    """
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT
    if sample.peak <= own:
        message = "the measured program is no larger than the benchmark, so its peak memory is unknown"
        raise ValueError(message)
    return float(sample.peak)


def measure(program: Program) -> Sample:
    """Run a program once and return what it took.

    Raises:
        ProgramFailedError: when it does not end with the expected exit code.
    """
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            program.argv,
            cwd=program.folder,
            env={**os.environ, **(program.variables or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - begin
        # It is reaped already; without this, Popen would look for it again.
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != program.expected:
            output.seek(max(0, output.seek(0, os.SEEK_END) - _SHOWN))
            told = output.read().decode("utf-8", "replace")
            message = f"{program.argv[0]} ended with {process.returncode}, not {program.expected}:\n{told}"
            raise ProgramFailedError(message)
    return Sample(wall=seconds, cpu=usage.ru_utime + usage.ru_stime, peak=usage.ru_maxrss * _UNIT)


def alternate(first: Program, second: Program, runs: int) -> Pairs:
    """Run two programs in turn: A B A B."""
    samples = [(measure(first), measure(second)) for _ in range(runs)]
    return Pairs(first=[pair[0] for pair in samples], second=[pair[1] for pair in samples])
