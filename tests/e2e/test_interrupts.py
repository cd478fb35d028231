"""SIGINT, SIGTERM and SIGHUP, alone and one after the other, spread over all vendors and changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kill_moments import SIGNALS, Moment
from tests.e2e.kill_rounds import case_of, interrupt, interrupts
from tests.e2e.kill_worlds import VENDORS

if TYPE_CHECKING:
    from tests.e2e.kill_stage import Stage
    from tests.e2e.kill_worlds import Vendor

EVERY = 40
LEAST_INTERRUPTS = 3


@pytest.mark.slow
@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_an_interrupted_run_finishes_the_key_in_hand(stage: Stage, vendor: Vendor) -> None:
    """It begins nothing more and says so by its exit code; clean runs do the rest."""
    results = interrupts(stage, vendor, every=EVERY)

    wrong = [str(result) for result in results if result.wrong]
    assert not wrong, "\n".join(wrong)
    assert sum(result.hits for result in results) >= LEAST_INTERRUPTS


@pytest.mark.parametrize("word", SIGNALS)
@pytest.mark.parametrize(
    "moment",
    [Moment(1, "head"), Moment(6, "committed"), Moment(9, "head")],
    ids=["list", "mint", "read back"],
)
def test_each_signal_at_the_turns_of_a_plan(stage: Stage, moment: Moment, word: str) -> None:
    """Before the first action, in the middle of a birth, and between a patch and the look at it."""
    result = interrupt(stage, case_of(stage, "qcode", "mixed"), moment, word)

    assert result.hits == 1
    assert not result.wrong, result
