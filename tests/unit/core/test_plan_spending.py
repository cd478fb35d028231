"""What a plan says of money beside its actions; none of it is in the digest."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.diff import diff
from reconciler.core.fields import UNLIMITED
from reconciler.core.plan import Funds, Operation
from reconciler.core.plan_document import digest
from reconciler.core.spending import Baseline
from tests.unit.core.worlds import (
    NOW,
    SPEC,
    USD,
    account,
    action,
    desired,
    held,
    key,
    observed,
    plan_of,
    row,
    usd,
)

if TYPE_CHECKING:
    from reconciler.core.model import DesiredKey, ObservedKey
    from reconciler.core.plan import Plan

DAY = timedelta(days=1)


def planned(
    keys: list[DesiredKey],
    rows: list[ObservedKey],
    *,
    baseline: Baseline | None = None,
    balances: dict[str, int] | None = None,
    **where: Any,
) -> Plan:
    """Return the plan for an account whose sinks hold the secrets of its rows."""
    seen = observed(*rows, receipts=held(*rows))
    state = desired(*keys, accounts=[account(**where)])
    return diff(state, seen, now=NOW, tool="test", baseline=baseline, balances=balances or {})


def test_a_change_of_a_cap_tells_how_long_both_last() -> None:
    """At the pace since the baseline; the digest is that of a plan that knows nothing of it."""
    rows = [row("1", used=10 * USD)]
    keys = [key(spec={**SPEC, **usd(total=20)})]
    week = Baseline(at=NOW - 5 * DAY, used={("acc", "1"): 5 * USD})

    told = planned(keys, rows, baseline=week)
    silent = planned(keys, rows)

    (found,) = told.actions
    assert found.outlook is not None
    assert (found.outlook.before, found.outlook.after) == (NOW + 90 * DAY, NOW + 10 * DAY)
    assert silent.actions[0].outlook is None
    assert digest(told) == digest(silent)


def test_a_key_that_is_switched_off_has_a_pace_and_no_end_of_its_cap() -> None:
    """Its spend is what the reviewer must know, and afterwards there is none."""
    plan = planned([key(spec={"enabled": False})], [row("1", used=10 * USD, age=10 * DAY)])

    (found,) = plan.actions
    assert found.op is Operation.DISABLE
    assert found.outlook is not None
    assert (found.outlook.pace.micro_usd_per_day, found.outlook.before, found.outlook.after) == (
        USD,
        None,
        None,
    )


def test_what_runs_out_soon_and_is_not_changed_is_a_warning() -> None:
    """Within fourteen days; a key that the plan changes, one that is off and one out of scope are none."""
    spent: dict[str, Any] = {"used": 90 * USD, "age": 90 * DAY}
    keys = [
        key("a"),
        key("b", spec={**SPEC, **usd(total=200)}),
        key("c", spec={**SPEC, "enabled": False}),
        key("d"),
    ]
    rows = [
        row("1", "a", **spent),
        row("2", "b", **spent),
        row("3", "c", enabled=False, **spent),
        row("4", "d", used=90 * USD, age=900 * DAY),
    ]

    (warning,) = planned(keys, rows).meta.warnings
    assert warning == (
        "acc/a spends 1 USD a day on average over its 90 days: its lifetime cap is used up by 2026-03-11; "
        "raise it, or find out why"
    )
    used_up = planned([key()], [row("1", used=100 * USD, age=DAY)]).meta.warnings
    assert "its lifetime cap is used up; raise it" in used_up[0]


def test_a_scope_keeps_other_keys_out_of_the_warnings() -> None:
    """A plan for one key says nothing of another one."""
    seen = observed(row("1", used=99 * USD, age=99 * DAY), receipts=held(row("1")))
    scope = replace(plan_of().scope, keys=("b",))
    state = desired(key(), key("b", absent=True))
    assert diff(state, seen, now=NOW, tool="test", scope=scope).meta.warnings == ()


@pytest.mark.parametrize(
    ("keys", "rows", "spendable", "unbounded"),
    [
        ([key()], [row("1", used=30 * USD)], 70, 0),
        ([key(spec={**SPEC, **usd(total=50)})], [row("1", used=30 * USD)], 20, 0),
        ([key(spec={**SPEC, **usd(total=20)})], [row("1", used=30 * USD)], 0, 0),
        ([key()], [], 100, 0),
        ([key(spec={**SPEC, "enabled": False})], [row("1")], 0, 0),
        ([key()], [row("1", enabled=False, used=0)], 100, 0),
        ([key(spec={"limits.total_usd": UNLIMITED})], [row("1", used=30 * USD)], 0, 1),
        ([key(spec={})], [row("1", spec={})], 0, 1),
    ],
    ids=["as it is", "lowered", "below its spend", "new", "off", "on again", "lifted", "not shown"],
)
def test_what_keys_may_still_spend_is_held_against_the_balance(
    keys: list[DesiredKey], rows: list[ObservedKey], spendable: int, unbounded: int
) -> None:
    """What is left of the caps after the plan, and keys without one."""
    plan = planned(keys, rows, balances={"acc": 60 * USD})

    (found,) = plan.meta.funds
    assert found == Funds(
        account="acc",
        balance_micro_usd=60 * USD,
        spendable_micro_usd=spendable * USD,
        unbounded=unbounded,
    )
    assert found.short is (spendable > 60 or unbounded > 0)


def test_an_account_without_a_comparable_balance_has_no_funds() -> None:
    """A settlement currency is never held against upstream USD."""
    assert planned([key()], [row("1")], balances={"other": USD}).meta.funds == ()


@pytest.mark.parametrize(
    ("before", "after", "rise"),
    [
        (usd(daily=5), usd(daily=8), 3),
        (usd(daily=8), usd(daily=5), 0),
        (None, usd(daily=8), 8),
        ({"limits.daily_usd": UNLIMITED}, usd(daily=8), 0),
        (usd(daily=5), {"limits.daily_usd": UNLIMITED}, None),
        ({"limits.daily_usd": UNLIMITED}, {"limits.daily_usd": UNLIMITED}, 0),
        (usd(daily=5), {}, 0),
    ],
)
def test_exposure_a_day_is_the_sum_of_what_daily_caps_rise(before: Any, after: Any, rise: int | None) -> None:
    """A lowered cap pays for nothing, and a lifted one is no sum."""
    one = action(before=before, after=after)
    assert one.daily_rise_micro_usd == (None if rise is None else rise * USD)
    two = plan_of(one, action(before=usd(daily=1), after=usd(daily=2)))
    assert two.daily_exposure_micro_usd == ((rise or 0) + 1) * USD
