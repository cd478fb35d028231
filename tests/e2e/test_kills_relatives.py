"""SIGKILL of the real command line at every eighth moment: HitOpen, CometAPI and one-api.

No create is replayed there, and lists show secrets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kill_rounds import every_eighth_kill
from tests.e2e.kill_worlds import VENDORS

if TYPE_CHECKING:
    from tests.e2e.kill_stage import Stage
    from tests.e2e.kill_worlds import Vendor

LEAST_KILLS = 30


@pytest.mark.slow
@pytest.mark.parametrize(
    "vendor", [vendor for vendor in VENDORS if vendor.family == "relatives"], ids=lambda vendor: vendor.name
)
def test_clean_runs_mend_what_a_kill_left(stage: Stage, vendor: Vendor) -> None:
    """They end as an unharmed run does: nothing minted twice, lost or shown, and nothing left to do."""
    results = every_eighth_kill(stage, vendor)

    wrong = [str(result) for result in results if result.wrong]
    assert not wrong, "\n".join(wrong)
    assert sum(result.hits for result in results) >= LEAST_KILLS
