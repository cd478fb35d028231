"""What a plan rests on: enough to make the same plan again, and nothing of anybody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from reconciler.core.evidence import evidence
from reconciler.core.plan_document import digest
from tests.unit.core.worlds import desired, key, observed, plan_for, receipt, row

HELD = {place: receipt("1") for place in key("a").deliver}


@pytest.mark.parametrize("name", [None, "renamed", "team/x"])
def test_a_delivered_row_that_lost_its_name_is_kept(name: str | None) -> None:
    """The plan tells what the row is called now, so that somebody can rename it back."""
    state = desired(key("a"))
    seen = observed(row("1", name), row("2", "of-somebody-else"), receipts=HELD)
    plan = plan_for(state, seen)
    kept = evidence(state, seen)

    assert "has another name" in plan.actions[0].note
    assert [item.id for item in kept.listings["acc"].keys] == ["1"]
    assert digest(plan_for(state, kept)) == digest(plan)


def test_the_row_of_another_provider_with_that_id_is_not() -> None:
    """An id means something at one provider only."""
    held = {place: replace(found, origin="https://elsewhere.example") for place, found in HELD.items()}
    seen = observed(row("1", "of-somebody-else"), receipts=held)

    assert evidence(desired(key("a")), seen).listings["acc"].keys == ()
