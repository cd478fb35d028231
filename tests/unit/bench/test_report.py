"""What the benchmark prints."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.process_timer import Pairs, Sample
from tests.bench.report import Report, size_text

if TYPE_CHECKING:
    import pytest


def _pairs(first: float, second: float) -> Pairs:
    return Pairs(
        first=[Sample(wall=first, cpu=first, peak=1)],
        second=[Sample(wall=second, cpu=second, peak=1)],
    )


def test_goals_are_met_and_missed(capsys: pytest.CaptureFixture[str]) -> None:
    """A ratio above its goal is printed as missed, and the run does not count as a success."""
    report = Report()
    report.ratio("plan / floor", _pairs(3, 2), "wall", 1.6)
    report.ratio("plan / octoDNS", _pairs(3, 10), "wall", 0.2)
    report.ratio("without a goal", _pairs(9, 1), "cpu")

    assert not report.finish()
    printed = capsys.readouterr().out
    assert "1.5 (1.5-1.5, n=1)" in printed
    assert "goal 1.6 met" in printed
    assert "goal 0.2 MISSED" in printed
    assert "1 of 2 goals met" in printed
    assert "missed: plan / octoDNS, wall 0.3, goal 0.2" in printed


def test_what_could_not_be_measured_is_no_success(capsys: pytest.CaptureFixture[str]) -> None:
    """A peer that could not be installed leaves its goals open."""
    report = Report()
    report.not_measured("plan / octoDNS", "no network")

    assert not report.finish()
    assert "NOT MEASURED, no network" in capsys.readouterr().out


def test_all_goals_met_is_a_success() -> None:
    """Nothing missed and nothing left out: `--check` may pass."""
    report = Report()
    report.ratio("plan / floor", _pairs(3, 2), "wall", 1.6)

    assert report.finish()


def test_sizes_are_written_short() -> None:
    """10,000 keys are `10k`."""
    assert [size_text(size) for size in (10, 1000, 100_000)] == ["10", "1k", "100k"]
