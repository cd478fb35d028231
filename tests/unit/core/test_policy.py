"""What a policy asks of keys, and what becomes of keys whose owners left."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.fields import UNLIMITED
from reconciler.core.model import Delivery, Listing, ObservedState, SourceMark
from reconciler.core.plan import EVERYTHING, Operation, Phase, Reason, Scope, phase
from reconciler.core.policy import Policy, Rule, breaches, departures, policy_document
from tests.unit.core.worlds import (
    NOW,
    SPEC,
    USD,
    account,
    desired,
    held,
    key,
    observed,
    plan_for,
    receipt,
    row,
    shape,
    unborn,
    usd,
)

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.model import DesiredKey, DesiredState

DAY = timedelta(days=1)
OP, WHY = Operation, Reason


def under(policy: Policy, *keys: DesiredKey, **where: Any) -> DesiredState:
    """Return what some keys are under a policy, as the manifest resolves it."""
    return replace(desired(*policy.applied(keys), accounts=[account(**where)]), policy=policy)


def refused(policy: Policy, item: DesiredKey) -> list[str]:
    """Return the messages of what a policy refuses in a key."""
    return [found.problem.message for found in breaches(under(policy, item), NOW, EVERYTHING)]


@pytest.mark.parametrize(
    ("name", "meets"),
    [
        ("owner", {"owner": "billing"}),
        ("description", {"description": "nightly runs"}),
        ("deliver", {"deliver": (Delivery(sink="local", name="A"),)}),
        ("rotate_every", {"lifecycle": replace(key().lifecycle, rotate_every=90 * DAY)}),
        ("expires", {"spec": {"expires": "2026-06-01T00:00:00Z"}}),
        ("models", {"spec": {"models": ("gpt-5",)}}),
        ("daily_usd", {"spec": usd(daily=5)}),
        ("concurrency", {"spec": {"limits.concurrency": 5}}),
    ],
)
def test_what_is_required_must_be_declared(name: str, meets: dict[str, Any]) -> None:
    """Each field that a policy can ask for, missing and there."""
    policy = Policy(require=(name,))
    bare = replace(key(spec={}), deliver=())

    assert refused(policy, bare) == [f"acc/a: `{name}` is missing, and `policy.require` asks for it; set it"]
    assert refused(policy, replace(bare, **meets)) == []


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("expires", {"expires": "never"}),
        ("models", {"models": "all"}),
        ("allow_ips", {"allow_ips": "any"}),
        ("total_usd", {"limits.total_usd": UNLIMITED}),
    ],
)
def test_what_is_lifted_is_not_declared(name: str, spec: Spec) -> None:
    """`unlimited` and its like clear a field, so they do not meet a requirement."""
    (message,) = refused(Policy(require=(name,)), key(spec=spec))
    assert f"`{name}` is {next(iter(spec.values()))}, and `policy.require` asks for it" in message


def test_no_limit_is_above_that_of_the_policy() -> None:
    """Money is told in USD; equal is allowed, unlimited is not, and what is not declared is not managed."""
    policy = Policy(most={"daily_usd": 50 * USD, "concurrency": 5})

    assert refused(policy, key(spec={**usd(daily=50), "limits.concurrency": 6})) == [
        "acc/a: `concurrency` is 6, and `policy.max_concurrency` is 5; lower it"
    ]
    assert refused(policy, key(spec=usd(daily=51))) == [
        "acc/a: `daily_usd` is 51, and `policy.max_daily_usd` is 50; lower it"
    ]
    assert "`daily_usd` is unlimited" in refused(policy, key(spec={"limits.daily_usd": UNLIMITED}))[0]
    assert refused(policy, key(spec=usd(total=999))) == []


@pytest.mark.parametrize(
    ("expires", "allowed"),
    [
        ("2026-03-31T12:00:00Z", True),
        ("2026-03-31T12:00:01Z", False),
        ("2020-01-01T00:00:00Z", True),
        ("never", False),
        (None, True),
    ],
)
def test_no_end_is_further_ahead_than_allowed(expires: str | None, *, allowed: bool) -> None:
    """Counted from the moment of looking; a key without a managed end is for `require` to refuse."""
    found = refused(Policy(expires_within=30 * DAY), key(spec={"expires": expires} if expires else {}))
    assert (found == []) is allowed
    if not allowed:
        assert "`policy.expires_within` allows 30 days; bring it forward" in found[0]


def test_a_span_below_a_day_is_told_in_seconds() -> None:
    """So that it is never called 0 days."""
    assert (
        "allows 3600 s"
        in refused(Policy(expires_within=timedelta(hours=1)), key(spec={"expires": "never"}))[0]
    )


def test_a_breach_is_told_at_its_field_or_else_at_its_key() -> None:
    """File, line and column of what has to be changed, in the order of places."""
    line = SourceMark(file="keys.yaml", line=9, column=15)
    item = replace(key(spec=usd(daily=51)), places={"limits.daily_usd": line})
    policy = Policy(require=("owner",), most={"daily_usd": 50 * USD})

    found = breaches(under(policy, item), NOW, EVERYTHING)

    assert [(str(entry.problem)[:17], entry.rule) for entry in found] == [
        ("keys.yaml:1:3: ac", Rule.REQUIRE),
        ("keys.yaml:9:15: a", Rule.MAXIMUM),
    ]


def test_only_what_is_looked_at_and_stays_is_refused() -> None:
    """Keys out of scope and absent ones are passed over; without a policy there is nothing."""
    policy = Policy(require=("owner",))
    state = under(policy, key("a"), key("b", absent=True))

    assert len(breaches(state, NOW, EVERYTHING)) == 1
    assert breaches(state, NOW, Scope(keys=("b",))) == ()
    assert breaches(state, NOW, Scope(accounts=("other",))) == ()
    assert breaches(desired(key()), NOW, EVERYTHING) == ()


def test_a_plan_carries_what_the_policy_refuses() -> None:
    """Beside the digest, because an apply finds it out by itself."""
    state = under(Policy(require=("owner",)), key())
    plan = plan_for(state, observed(row("1"), receipts=held(row("1"))))
    assert plan.meta.refused == (
        "keys.yaml:1:3: acc/a: `owner` is missing, and `policy.require` asks for it; set it",
    )


def test_a_policy_is_a_document_of_what_it_asks() -> None:
    """What it does not ask is left out, so that more rules in a release change no digest."""
    assert policy_document(Policy()) == {}
    full = Policy(
        require=("owner",), most={"daily_usd": USD, "concurrency": 3}, expires_within=DAY, owners=("a", "b")
    )
    assert policy_document(full) == {
        "require": ["owner"],
        "max_daily_usd": "1",
        "max_concurrency": "3",
        "expires_within_seconds": 86400,
        "owners": ["a", "b"],
    }
    assert full.fields == {"owner", "limits.daily_usd", "limits.concurrency", "expires"}
    assert Policy().fields == frozenset()


OWNERS = Policy(owners=("billing",))


def owned(owner: str | None, name: str = "a", **values: Any) -> DesiredKey:
    """Return a key of somebody."""
    return replace(key(name, **values), owner=owner)


def test_a_key_whose_owner_left_is_switched_off_whatever_it_declares() -> None:
    """Early in the run, with a note that says which of the two wins, and a warning at its place."""
    state = under(OWNERS, owned("ann"), owned("billing", "b"), owned(None, "c"))
    rows = row("1"), row("2", "b"), row("3", "c")

    plan = plan_for(state, observed(*rows, receipts=held(*rows)))

    assert shape(plan) == [(OP.DISABLE, "1", WHY.OWNER_LEFT)]
    (off,) = plan.actions
    assert phase(off) is Phase.DISABLE
    assert (off.before, off.after) == ({"enabled": True}, {"enabled": False})
    assert "the policy outweighs `enabled`" in off.note
    assert plan.meta.refused == ()
    assert plan.meta.warnings[0].startswith("keys.yaml:1:3: acc/a: its `owner` is none of `policy.owners`")
    assert [found.rule for found in departures(state, EVERYTHING)] == [Rule.OWNER]


def test_it_stays_off_and_nothing_else_happens_to_it() -> None:
    """Neither a drifted limit nor a raised generation, a missing receipt or no row at all is mended."""
    off = row("1", spec={**SPEC, **usd(total=1)}, enabled=False)
    for rows, generation in (((off,), 1), ((off,), 2), ((), 1)):
        state = under(OWNERS, owned("ann", generation=generation))
        assert plan_for(state, observed(*rows)).actions == ()


def test_every_generation_of_it_goes() -> None:
    """A predecessor in its overlap gives the same access; a newborn one would."""
    rows = row("1"), unborn("2", "a~2")
    plan = plan_for(under(OWNERS, owned("ann", generation=2)), observed(*rows))
    assert shape(plan) == [(OP.DISABLE, "1", WHY.OWNER_LEFT), (OP.DISABLE, "2", WHY.OWNER_LEFT)]


def test_a_key_that_is_taken_out_anyway_goes_that_way() -> None:
    """`state: absent` does more than switching off."""
    plan = plan_for(under(OWNERS, owned("ann", absent=True), deletes=True), observed(row("1")))
    assert shape(plan) == [(OP.DELETE, "1", WHY.ABSENT)]


def test_protection_holds_against_the_policy_too() -> None:
    """The plan shows the action and that it is refused."""
    plan = plan_for(under(OWNERS, owned("ann", protected=True)), observed(row("1")))
    assert [action.protected for action in plan.actions] == [True]


def test_a_provider_that_switches_no_keys_off_blocks() -> None:
    """Somebody has to do it there, for as long as the key is on."""
    plan = plan_for(under(OWNERS, owned("ann"), toggles=False), observed(row("1")))
    (stop,) = plan.actions
    assert (stop.op, stop.reason, stop.before) == (OP.BLOCKED, WHY.OWNER_LEFT, None)
    assert "do it at the provider" in stop.note


def test_a_moved_key_is_switched_off_at_both_accounts() -> None:
    """The old row would work on until the overlap is over."""
    item = replace(owned("ann", label="new", renamed_from="old/a"), owner="ann")
    (moved,) = OWNERS.applied([item])
    state = replace(desired(moved, accounts=[account("old"), account("new")]), policy=OWNERS)
    seen = ObservedState(
        listings={"old": Listing(keys=(row("1"),)), "new": Listing(keys=(row("2"),))},
        receipts={Delivery(sink="local", name="A"): receipt("2", label="new")},
    )

    plan = plan_for(state, seen)

    assert [(action.account, action.op, action.reason) for action in plan.actions] == [
        ("new", OP.DISABLE, WHY.OWNER_LEFT),
        ("old", OP.DISABLE, WHY.OWNER_LEFT),
    ]


def test_a_rotation_is_not_due_for_somebody_who_left() -> None:
    """The notice would ask for a key that nobody may have."""
    state = under(OWNERS, owned("ann", rotate_every=DAY))
    seen = observed(row("1", enabled=False), receipts=held(row("1")))
    assert all("due for rotation" not in text for text in plan_for(state, seen).meta.warnings)
