"""Safety limits that are raised for a while: in force to the end of their day, and never lowered."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Final

import pytest

from reconciler.core.allowance import Allowance, allowance_document, in_force
from reconciler.core.model import SafetyLimits, SourceMark
from reconciler.core.plan_document import digest, plan_body
from reconciler.core.safety import violations
from tests.unit.core.worlds import NOW, USD, desired, held, key, observed, plan_for, row

ALLOW: Final = Allowance(
    disables=5,
    until=date(2026, 3, 1),
    reason="team b moves",
    mark=SourceMark(file="reconciler.yaml", line=9, column=1),
)
LAST_SECOND: Final = datetime(2026, 3, 1, 23, 59, 59, tzinfo=UTC)
MIDNIGHT: Final = datetime(2026, 3, 2, tzinfo=UTC)


def test_only_what_is_named_is_raised() -> None:
    """The other limits stay as they are."""
    state = replace(desired(), allow=ALLOW)
    assert in_force(state, NOW) == (SafetyLimits(max_disables=5), ALLOW)


@pytest.mark.parametrize(
    ("limits", "allow"),
    [
        (SafetyLimits(max_disables=7), ALLOW),
        (SafetyLimits(max_disables=None), ALLOW),
    ],
    ids=["lower", "no limit"],
)
def test_nothing_is_ever_lowered(limits: SafetyLimits, allow: Allowance) -> None:
    """An override is for more, whatever the settings say beside it."""
    assert in_force(replace(desired(limits=limits), allow=allow), NOW)[0] == limits


def test_it_holds_to_the_end_of_its_day() -> None:
    """In UTC, so that every runner agrees."""
    state = replace(desired(), allow=ALLOW)
    assert in_force(state, LAST_SECOND)[1] == ALLOW
    assert in_force(state, MIDNIGHT) == (SafetyLimits(), None)


def test_a_plan_says_what_raised_its_limits() -> None:
    """In the digest, so that it was reviewed; four disables pass then, and are too many the day after."""
    rows = [row(str(number), f"k{number}") for number in range(4)]
    keys = [key(f"k{number}", {"enabled": False}) for number in range(4)]
    limits = SafetyLimits(max_change_percent=None)
    state, seen = desired(*keys, limits=limits), observed(*rows, receipts=held(*rows))
    raised = replace(state, allow=ALLOW)
    refused, passed = plan_for(state, seen), plan_for(raised, seen)
    assert violations(refused)
    assert not violations(passed)
    assert digest(refused) != digest(passed)
    assert plan_body(passed)["allow"] == {"disables": 5, "until": "2026-03-01", "reason": "team b moves"}
    assert "allow" not in plan_body(refused)
    late = plan_for(raised, seen, now=MIDNIGHT)
    assert violations(late)
    assert digest(late) == digest(plan_for(state, seen, now=MIDNIGHT))
    assert late.meta.warnings == (
        "reconciler.yaml:9: `allow` ended with 2026-03-01 and raises nothing any more; remove it",
    )


def test_money_is_written_as_a_decimal() -> None:
    """Like everywhere in a plan."""
    allow = Allowance(increase_usd=5000 * USD + 500_000, until=date(2026, 3, 1), reason="x")
    assert allowance_document(allow) == {"increase_usd": "5000.5", "until": "2026-03-01", "reason": "x"}
