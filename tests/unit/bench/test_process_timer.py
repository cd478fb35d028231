"""The figures that ratios are made of."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.process_timer import (
    Pairs,
    Program,
    ProgramFailedError,
    Sample,
    Spread,
    alternate,
    measure,
    peak,
    wall,
)

ROOT = Path(__file__).parents[3]


def _python(code: str, expected: int = 0) -> Program:
    return Program(argv=[sys.executable, "-S", "-c", code], expected=expected)


_BOTH = """
import sys
from tests.bench.process_timer import Program, measure
for code in ("pass", "block = b'x' * 400_000_000; sum(range(500_000))"):
    sample = measure(Program(argv=[sys.executable, "-S", "-c", code], expected=0))
    print(sample.peak, sample.cpu, sample.wall)
"""


def test_a_sample_is_that_of_the_child() -> None:
    """Processor time and memory are those of the measured program, not of a small one that measures."""
    # A child begins with the peak of its parent, and the process of all the tests is a large one.
    done = subprocess.run([sys.executable, "-c", _BOTH], cwd=ROOT, capture_output=True, text=True, check=True)
    small, large = ([float(part) for part in line.split()] for line in done.stdout.splitlines())

    assert large[0] - small[0] > 150_000_000
    assert large[1] > small[1]
    assert 0 < small[1] <= small[2] + 1


def test_a_failure_is_told_with_its_reason() -> None:
    """A program that fails is no measurement, and says why on one line of the benchmark."""
    with pytest.raises(ProgramFailedError, match=r"ended with 1, not 0:\n(.|\n)*ValueError: reason"):
        measure(_python("raise ValueError('reason')"))


def test_another_exit_code_can_be_the_expected_one() -> None:
    """A plan with changes may end with 2."""
    assert measure(_python("raise SystemExit(2)", expected=2)).wall > 0


def test_programs_take_turns() -> None:
    """Both programs run equally often, so that ratios can be taken pair by pair."""
    pairs = alternate(_python("pass"), _python("pass"), 2)

    assert len(pairs.first) == len(pairs.second) == 2


def test_ratios_are_taken_pair_by_pair() -> None:
    """A slow moment of the machine, which hits both programs of a pair, does not show in the ratio."""

    def sample(seconds: float) -> Sample:
        return Sample(wall=seconds, cpu=seconds, peak=1)

    pairs = Pairs(
        first=[sample(1), sample(30), sample(3)],
        second=[sample(2), sample(50), sample(4)],
    )

    assert pairs.ratio(wall) == Spread(median=0.6, low=0.5, high=0.75)


def test_a_peak_that_may_be_our_own_is_refused() -> None:
    """A child starts with the peak memory of its parent, so a smaller figure would be a lie."""
    with pytest.raises(ValueError, match="no larger than the benchmark"):
        peak(Sample(wall=1, cpu=1, peak=1))
