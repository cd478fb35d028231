"""What was allowed for a while when a plan was made is not allowed for ever when it is applied."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Final

import pytest

from reconciler.app.usecases import check_reviewed, make_plan
from reconciler.core.allowance import Allowance
from reconciler.core.model import SafetyLimits
from reconciler.core.plan_document import digest
from reconciler.errors import SafetyError, StalePlanError
from tests.unit.app.stage import Stage, key

if TYPE_CHECKING:
    from reconciler.app.usecases import World

DAY_SECONDS: Final = 86_400
ALLOW: Final = Allowance(creates=3, until=date(2026, 11, 20), reason="three new teams")


@pytest.fixture
def stage() -> Stage:
    """Return a stage on the last day of the allowance, with more new keys than the limit takes."""
    stage = Stage(limits=SafetyLimits(max_creates=1))
    stage.declare(key("a"), key("b"), key("c"))
    return stage


def world(stage: Stage, allow: Allowance | None = ALLOW) -> World:
    """Return the world of the stage with an allowance in its settings."""
    plain = stage.world()
    return replace(plain, desired=replace(plain.desired, allow=allow))


def test_a_plan_goes_through_while_it_is_allowed(stage: Stage) -> None:
    """And without the allowance it does not."""
    allowed, refused = world(stage), world(stage, None)
    check_reviewed(allowed, make_plan(allowed, allowed.observe()), expect=None)
    with pytest.raises(SafetyError, match="3 creates, and max_creates is 1"):
        check_reviewed(refused, make_plan(refused, refused.observe()), expect=None)


def test_a_plan_that_was_made_before_the_end_is_refused_after_it(stage: Stage) -> None:
    """Even with its digest: what was reviewed was a permission for some days."""
    before = world(stage)
    plan = make_plan(before, before.observe())
    stage.clock.advance(DAY_SECONDS)
    with pytest.raises(SafetyError, match=r"`allow` ended with 2026-11-20 .* and make a new plan"):
        check_reviewed(world(stage), plan, expect=digest(plan))


@pytest.mark.parametrize("forged", [{"limits": SafetyLimits(max_creates=99)}, {"allow": ALLOW}])
def test_limits_of_a_file_are_not_believed(stage: Stage, forged: dict[str, object]) -> None:
    """A plan file that was written by somebody else cannot bring its own limits along."""
    plain = world(stage, None)
    plan = replace(make_plan(plain, plain.observe()), **forged)  # type: ignore[arg-type]  # the test's own fields
    with pytest.raises(StalePlanError, match="the safety limits are not those of this plan"):
        check_reviewed(plain, plan, expect=None)
