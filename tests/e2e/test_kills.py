"""SIGKILL of `python -m reconciler` in an interpreter of its own, at every event of a birth.

The other tests of kills fork the program (`program_forks`); here is shown that this makes no difference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kill_moments import Moment
from tests.e2e.kill_rounds import case_of, kill

if TYPE_CHECKING:
    from tests.e2e.kill_stage import Stage

# The second request is the create, the third reads the row, the fourth patches it, the fifth reads it back.
MOMENTS = [
    *[Moment(2, event) for event in ("head", "body", "committed", "half", "answer")],
    *[Moment(3, event) for event in ("head", "answer")],
    *[Moment(4, event) for event in ("head", "body", "committed", "half", "answer")],
    *[Moment(5, event) for event in ("head", "answer")],
]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_run_after_a_kill_ends_with_one_live_key_in_custody(stage: Stage, moment: Moment) -> None:
    """Whatever the killed run left, the next apply ends with one live key, its secret in the sink."""
    result = kill(stage, case_of(stage, "qcode", "create"), moment, fresh=True)

    assert result.hits == 1
    assert not result.wrong, result


def test_both_ways_to_start_the_program_make_the_same_requests(stage: Stage) -> None:
    """What is shown for one of them holds for the other."""
    case = case_of(stage, "qcode", "mixed")
    stage.begin(case)

    done = stage.run("apply", "--yes", fresh=True)

    assert done.code == 0
    assert stage.seen == case.moments
