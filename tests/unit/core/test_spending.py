"""How fast keys spend, from which source, and when a cap is used up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from reconciler.core.spending import Baseline, Basis, Pace, outlook, pace_of, pace_text, used_up_at
from tests.unit.core.worlds import NOW, SPEC, USD, row, usd

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
WEEK_AGO = Baseline(at=NOW - 7 * DAY, used={("acc", "1"): 3 * USD, ("acc", "2"): 9 * USD})


def test_a_recent_rate_comes_before_the_average_of_a_life() -> None:
    """Seven USD in a week is one a day, whatever the 28 days before were like; the source is named."""
    found = pace_of("acc", row("1", used=10 * USD, age=35 * DAY), baseline=WEEK_AGO, now=NOW)

    assert found == Pace(micro_usd_per_day=USD, basis=Basis.SINCE, start=NOW - 7 * DAY, span=7 * DAY)
    assert found.text == "1 USD a day since 2026-02-22"


@pytest.mark.parametrize(
    ("label", "key_id"), [("acc", "3"), ("other", "1"), ("acc", "2")], ids=["new", "other account", "reset"]
)
def test_a_key_that_the_baseline_cannot_measure_has_the_average_of_its_life(label: str, key_id: str) -> None:
    """It came later, belongs to another account, or its counter went back."""
    found = pace_of(label, row(key_id, used=7 * USD, age=14 * DAY), baseline=WEEK_AGO, now=NOW)

    assert found is not None
    assert (found.basis, found.text) == (Basis.LIFETIME, "0.5 USD a day on average over its 14 days")


@pytest.mark.parametrize(
    ("used", "age"), [(None, 9 * DAY), (5, None), (5, 23 * HOUR)], ids=["no spend", "no age", "too young"]
)
def test_no_rate_is_made_up(used: int | None, age: timedelta | None) -> None:
    """Without a spend, an age, or a whole day of it nothing is said."""
    assert pace_of("acc", row("9", used=used, age=age), baseline=None, now=NOW) is None
    assert outlook("acc", row("9", used=used, age=age), cap_after=5, baseline=None, now=NOW) is None


def test_a_cap_is_used_up_when_what_is_left_is_spent() -> None:
    """Ten USD left at two a day are five days; a cap below the spend is used up now."""
    pace = Pace(micro_usd_per_day=2 * USD, basis=Basis.LIFETIME, start=NOW, span=DAY)

    assert used_up_at(30 * USD, 20 * USD, pace, NOW) == NOW + 5 * DAY
    assert used_up_at(20 * USD, 20 * USD, pace, NOW) == NOW
    assert used_up_at(10 * USD, 20 * USD, pace, NOW) == NOW
    idle = Pace(micro_usd_per_day=0, basis=Basis.LIFETIME, start=NOW, span=DAY)
    assert used_up_at(20 * USD, 20 * USD, idle, NOW) == NOW


@pytest.mark.parametrize("cap", ["unlimited", None, 100_000 * USD])
def test_a_cap_that_is_not_reached_has_no_day(cap: int | str | None) -> None:
    """Nor has one that a key reaches in more than ten years, or that it spends nothing of."""
    slow = Pace(micro_usd_per_day=USD, basis=Basis.LIFETIME, start=NOW, span=DAY)
    idle = Pace(micro_usd_per_day=0, basis=Basis.LIFETIME, start=NOW, span=DAY)

    assert used_up_at(cap, 0, slow, NOW) is None
    assert used_up_at(30 * USD, 0, idle, NOW) is None
    assert used_up_at(30 * USD, None, slow, NOW) is None
    assert used_up_at(30 * USD, 0, None, NOW) is None


def test_both_caps_of_a_change_are_looked_at() -> None:
    """The cap of now and the one that an action sets, at one pace."""
    key = row("1", spec={**SPEC, **usd(total=20)}, used=10 * USD, age=10 * DAY)

    found = outlook("acc", key, cap_after=15 * USD, baseline=None, now=NOW)
    same = outlook("acc", key, cap_after=None, baseline=None, now=NOW)

    assert found is not None
    assert same is not None
    assert (found.before, found.after, found.now) == (NOW + 10 * DAY, NOW + 5 * DAY, NOW)
    assert same.after == same.before


@pytest.mark.parametrize(("rate", "text"), [(1_234_567, "1.23"), (9_999, "0.009999"), (0, "0")])
def test_a_rate_is_told_in_cents_where_it_has_any(rate: int, text: str) -> None:
    """More places would claim what nobody measured."""
    assert pace_text(rate) == text
