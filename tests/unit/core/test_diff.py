"""From two states to a plan: nothing where nothing differs, the same bytes for the same world, safe order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core import fields
from reconciler.core.costs import ListCost, RequestCosts
from reconciler.core.diff import eta
from reconciler.core.model import Listing, ObservedState, RateLimits, Undeclared
from reconciler.core.plan import Operation, Phase, Reason, Scope, phase
from reconciler.core.plan import Undeclared as ReportedKey
from reconciler.core.plan_document import canonical, plan_document
from tests.unit.core.worlds import (
    FLOOR,
    SPEC,
    account,
    action,
    desired,
    held,
    key,
    observed,
    plan_for,
    row,
    shape,
    unborn,
    usd,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.core.model import (
        DesiredState,
        ObservedKey,
    )
    from reconciler.core.plan import Plan

OP, WHY = Operation, Reason
TEAM = "team"


def busy_world() -> tuple[DesiredState, ObservedState]:
    """Return a world in which every phase has something to do."""
    rows = (
        row("1", "off"),
        row("2", "down", {**SPEC, **usd(total=900)}),
        row("3", "up", {**SPEC, **usd(total=1)}),
        row("4", "both", {**SPEC, **usd(total=900, daily=1)}),
        row("5", "on", enabled=False),
        unborn("6", "half"),
        unborn("7", "lost"),
        unborn("8", "lost"),
        row("9", "rotated"),
        row("10", "rotated~2"),
        row("11", "stuck"),
        row("12", "gone"),
        row("13", "same"),
        row("14", "next"),
    )
    custody = held(*(item for item in rows if item.id not in {"6", "7", "8", "9", "11"}))
    keys = (
        key("both"),
        key("down"),
        key("gone", absent=True),
        key("half"),
        key("lost"),
        key("new"),
        key("next", generation=2),
        key("off", {**SPEC, "enabled": False}),
        key("on"),
        key("rotated", generation=2),
        key("same"),
        key("stuck"),
        key("up"),
    )
    return desired(*keys), observed(*rows, receipts=custody)


def test_an_equal_world_has_an_empty_plan() -> None:
    """Where everything is as declared there is nothing to do, and the plan says how much it looked at."""
    rows = [row(str(number), f"k{number}") for number in range(5)]
    plan = plan_for(
        desired(*(key(f"k{number}") for number in range(5))), observed(*rows, receipts=held(*rows))
    )
    assert plan.actions == ()
    assert (plan.existing, plan.meta.unchanged, plan.meta.eta) == (5, 5, timedelta(0))
    assert plan.meta.warnings == ()


def test_every_phase_has_its_work() -> None:
    """A world with one key in every state gets exactly the steps out of it, in the order of work."""
    plan = plan_for(*busy_world())
    assert [(item.op.value, item.name, item.remote_id) for item in plan.actions] == [
        ("disable", "off", "1"),
        ("disable", "lost", "7"),
        ("disable", "lost", "8"),
        ("deliver", "half", "6"),
        ("update", "both", "4"),
        ("update", "down", "2"),
        ("update", "both", "4"),
        ("update", "up", "3"),
        ("enable", "on", "5"),
        ("create", "lost", None),
        ("create", "new", None),
        ("rotate", "next", None),
        ("disable", "gone", "12"),
        ("retire", "rotated", "9"),
        ("blocked", "stuck", "11"),
    ]
    assert plan.meta.unchanged == 1
    assert plan.existing == 13


def turned_round(mapping: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return a mapping with its entries in the opposite order."""
    return dict(reversed(list(mapping.items())))


def test_the_plan_is_a_pure_function_of_the_world() -> None:
    """The order of rows, keys, accounts, fields and receipts changes not one byte of the plan file."""
    state, seen = busy_world()
    where = [account("acc", namespace=None), account("zoo", namespace=TEAM)]
    strays = tuple(
        row(str(number), name) for number, name in enumerate(("team/b", "team/a", "team/a~2", "team/a"))
    )
    state = replace(state, accounts={item.label: item for item in where})
    seen = replace(seen, listings={**seen.listings, "zoo": Listing(keys=strays)})
    expected = canonical(plan_document(plan_for(state, seen)))
    turned = replace(
        state,
        accounts=turned_round(state.accounts),
        keys=tuple(replace(item, spec=turned_round(item.spec)) for item in reversed(state.keys)),
    )
    mirrored = ObservedState(
        listings={
            label: replace(
                listing,
                keys=tuple(replace(item, spec=turned_round(item.spec)) for item in reversed(listing.keys)),
            )
            for label, listing in turned_round(seen.listings).items()
        },
        receipts=turned_round(seen.receipts),
    )
    assert canonical(plan_document(plan_for(turned, mirrored))) == expected
    assert canonical(plan_document(plan_for(state, seen))) == expected


def _sums(plan: Plan, seen: ObservedState, name: str) -> list[int]:
    """Return the sum of one limit over all live keys, before a plan and after each of its steps."""
    rows = {item.id: dict(item.spec) for item in seen.listings["acc"].keys}
    sums = [_sum(rows.values(), name)]
    for number, item in enumerate(plan.actions):
        if item.op is OP.DELETE:
            rows.pop(str(item.remote_id))
        elif item.op is not OP.BLOCKED:
            spec = rows.setdefault(item.remote_id or f"new-{number}", {"enabled": True})
            spec.update(item.after or {})
        sums.append(_sum(rows.values(), name))
    return sums


def _sum(specs: Iterable[Mapping[str, object]], name: str) -> int:
    return sum(value for spec in specs if spec["enabled"] and isinstance(value := spec.get(name, 0), int))


@pytest.mark.parametrize("name", ["limits.total_usd", "limits.daily_usd", "limits.concurrency"])
def test_no_prefix_of_a_plan_grants_more_than_its_ends(name: str) -> None:
    """Cut after any step, the limits sum up to no more than before, or than when the last key is minted.

    A recovered key reaches its declared limits in its own step, early, because its replay window is
    running; so the sum after the recoveries counts as the old one.
    """
    state, seen = busy_world()
    plan = plan_for(state, seen)
    before, *after = _sums(plan, seen, name)
    steps = [(phase(item), total) for item, total in zip(plan.actions, after, strict=True)]
    recovered = next(total for at, total in reversed(steps) if at is Phase.RECOVER)
    minted = next(total for at, total in reversed(steps) if at is Phase.CREATE)
    assert max(after) <= max(before, recovered, minted)
    tightened = [recovered, *(total for at, total in steps if at is Phase.TIGHTEN)]
    loosened = [total for at, total in steps if at in {Phase.LOOSEN, Phase.CREATE}]
    retired = [minted, *(total for at, total in steps if at in {Phase.RETIRE, Phase.DELETE, Phase.BLOCKED})]
    assert tightened == sorted(tightened, reverse=True)
    assert [tightened[-1], *loosened] == sorted([tightened[-1], *loosened])
    assert retired == sorted(retired, reverse=True)


def undeclared_world(policy: Undeclared, **capabilities: Any) -> tuple[DesiredState, ObservedState]:
    """Return a namespace with a declared key, three strays and three rows that are none of its business."""
    where = account(namespace=TEAM, undeclared=policy, **capabilities)
    rows = (
        row("1", "team/a"),
        row("2", "team/stray"),
        row("3", "team/dead", enabled=False),
        row("4", "team/old~3"),
        row("5", "stray"),
        row("6", "other/stray"),
        row("7", "team/odd~01"),
        row("8", "team/theirs", foreign=True),
    )
    return desired(key(), accounts=[where]), observed(*rows, receipts=held(rows[0], namespace=TEAM))


@pytest.mark.parametrize(
    ("policy", "capabilities", "expected"),
    [
        (Undeclared.IGNORE, {}, []),
        (Undeclared.REPORT, {}, []),
        (Undeclared.DISABLE, {}, [(OP.DISABLE, "4"), (OP.DISABLE, "2")]),
        (Undeclared.DISABLE, {"deletes": True}, [(OP.DISABLE, "4"), (OP.DISABLE, "2")]),
        (Undeclared.DELETE, {"deletes": True}, [(OP.DELETE, "3"), (OP.DELETE, "4"), (OP.DELETE, "2")]),
        (Undeclared.DELETE, {}, [(OP.DISABLE, "4"), (OP.DISABLE, "2")]),
    ],
)
def test_governed_keys_that_no_file_declares(
    policy: Undeclared, capabilities: dict[str, Any], expected: list[tuple[Operation, str]]
) -> None:
    """The policy decides, only inside the namespace; a provider without deletion disables instead."""
    plan = plan_for(*undeclared_world(policy, **capabilities))
    assert [(item.op, item.remote_id) for item in plan.actions] == expected
    assert all(item.reason is WHY.UNDECLARED for item in plan.actions)
    assert plan.existing == 3


def test_undeclared_keys_are_listed_where_they_are_only_reported() -> None:
    """`report` names every stray with its id and whether it is on; the other policies list none."""
    assert plan_for(*undeclared_world(Undeclared.REPORT)).meta.undeclared == (
        ReportedKey(account="acc", incarnation="team/dead", remote_id="3", enabled=False),
        ReportedKey(account="acc", incarnation="team/old~3", remote_id="4", enabled=True),
        ReportedKey(account="acc", incarnation="team/stray", remote_id="2", enabled=True),
    )
    for policy in (Undeclared.IGNORE, Undeclared.DISABLE, Undeclared.DELETE):
        assert plan_for(*undeclared_world(policy)).meta.undeclared == ()


@pytest.mark.parametrize("namespace", [None, ""])
@pytest.mark.parametrize("policy", Undeclared)
def test_without_a_namespace_nothing_is_undeclared(policy: Undeclared, namespace: str | None) -> None:
    """An account without a namespace is shared: keys that no file declares are somebody else's."""
    where = account(namespace=namespace, undeclared=policy, deletes=True)
    plan = plan_for(desired(accounts=[where]), observed(row("1", "a"), row("2", "b")))
    assert plan.actions == ()
    assert plan.meta.undeclared == ()
    assert plan.existing == 0


def two_accounts() -> tuple[DesiredState, ObservedState]:
    """Return two accounts with two new keys each."""
    keys = [key(name, label=label) for label in ("one", "two") for name in ("app-1", "web-1")]
    state = desired(*keys, accounts=[account("one"), account("two")])
    return state, ObservedState(listings={"one": Listing(keys=()), "two": Listing(keys=())}, receipts={})


@pytest.mark.parametrize(
    ("scope", "addresses"),
    [
        (Scope(), ["one/app-1", "one/web-1", "two/app-1", "two/web-1"]),
        (Scope(accounts=("one",)), ["one/app-1", "one/web-1"]),
        (Scope(keys=("app-*",)), ["one/app-1", "two/app-1"]),
        (Scope(keys=("app-1", "web-*")), ["one/app-1", "one/web-1", "two/app-1", "two/web-1"]),
        (Scope(accounts=("two",), keys=("web-1",)), ["two/web-1"]),
        (Scope(keys=("APP-1",)), []),
        (Scope(keys=("one/app-1",)), []),
    ],
)
def test_a_scope_limits_what_is_planned(scope: Scope, addresses: list[str]) -> None:
    """`--account` and `--key` choose accounts and names, and the plan holds nothing beyond them."""
    state, seen = two_accounts()
    plan = plan_for(state, seen, scope=scope)
    assert [item.address for item in plan.actions] == addresses
    assert plan.scope == scope
    assert {item.label for item in plan.accounts} >= {item.account for item in plan.actions}
    if scope.accounts:
        assert [item.label for item in plan.accounts] == list(scope.accounts)


def test_a_scope_of_keys_makes_no_key_undeclared() -> None:
    """Looking at one key must never disable the keys that are not looked at."""
    where = account(namespace=TEAM, undeclared=Undeclared.DISABLE)
    state = desired(key("a", deliver=()), key("b", deliver=()), accounts=[where])
    seen = observed(row("1", "team/a"), row("2", "team/b"), row("3", "team/stray"))
    assert shape(plan_for(state, seen, scope=Scope(keys=("a",)))) == []
    assert shape(plan_for(state, seen)) == [(OP.DISABLE, "3", WHY.UNDECLARED)]


def test_a_key_is_in_scope_by_its_name() -> None:
    """Patterns are case-sensitive globs over names; no pattern is every name."""
    assert Scope().covers("a")
    assert Scope(keys=("x", "a*")).covers("abc")
    assert not Scope(keys=("A*",)).covers("abc")


def test_keys_of_accounts_that_were_not_read_are_left_out() -> None:
    """A plan is about the accounts that were listed and says nothing about the others."""
    state, seen = two_accounts()
    plan = plan_for(state, replace(seen, listings={"two": Listing(keys=())}))
    assert [item.address for item in plan.actions] == ["two/app-1", "two/web-1"]
    assert [item.label for item in plan.accounts] == ["two"]


@pytest.mark.parametrize(
    ("limits", "creates", "updates", "expected"),
    [
        (RateLimits(), 1000, 1000, timedelta(0)),
        (RateLimits(creates_per_hour=5), 5, 0, timedelta(0)),
        (RateLimits(creates_per_hour=5), 6, 0, timedelta(hours=1)),
        (RateLimits(creates_per_hour=5), 7, 0, timedelta(hours=1)),
        (RateLimits(creates_per_hour=5), 11, 0, timedelta(hours=2)),
        (RateLimits(creates_per_hour=5), 0, 99, timedelta(0)),
        (RateLimits(requests_per_minute=60), 0, 30, timedelta(0)),
        (RateLimits(requests_per_minute=60), 0, 31, timedelta(minutes=1)),
        (RateLimits(requests_per_day=1000), 0, 500, timedelta(0)),
        (RateLimits(requests_per_day=1000), 0, 501, timedelta(days=1)),
        (RateLimits(requests_per_minute=60, creates_per_hour=5), 6, 31, timedelta(hours=1)),
    ],
)
def test_how_long_a_plan_takes(limits: RateLimits, creates: int, updates: int, expected: timedelta) -> None:
    """The slowest of the budgets decides; up to one full budget costs no wait."""
    actions = [action(OP.CREATE, WHY.NEW, requests=0) for _ in range(creates)]
    actions += [action(requests=2) for _ in range(updates)]
    assert eta(actions, {"acc": account(rate_limits=limits)}, {}) == expected


def test_accounts_wait_side_by_side() -> None:
    """Each account has its own budgets, and the longest wait counts."""
    limits = RateLimits(creates_per_hour=5)
    accounts = {label: account(label, rate_limits=limits) for label in ("one", "two")}
    actions = [
        action(OP.CREATE, WHY.NEW, account=label, requests=4) for label in ("one", "two") for _ in range(6)
    ]
    assert eta(actions, accounts, {}) == timedelta(hours=1)
    assert eta([], accounts, {}) == timedelta(0)


def test_reading_everything_again_uses_the_budget_as_well() -> None:
    """An apply reads the lists before its first action, out of the same minute."""
    accounts = {"acc": account(rate_limits=RateLimits(requests_per_minute=60))}
    actions = [action(requests=2) for _ in range(25)]
    assert eta(actions, accounts, {"acc": 10}) == timedelta(0)
    assert eta(actions, accounts, {"acc": 11}) == timedelta(minutes=1)
    assert eta([], accounts, {"acc": 1000}) == timedelta(0)


def test_what_the_reading_costs_stands_beside_the_plan() -> None:
    """It is what the list took, and what the provider is asked once a run."""
    state = observed()
    costly = replace(state.listings["acc"], cost=ListCost(requests=7))
    wanted = desired(key(spec=usd(total=5)))
    one = wanted.accounts["acc"]
    asking = replace(one, capabilities=replace(one.capabilities, costs=RequestCosts(session=2)))
    plan = plan_for(replace(wanted, accounts={"acc": asking}), replace(state, listings={"acc": costly}))
    assert plan.meta.reading == 9


def test_a_new_key_that_stays_at_the_floor_is_told() -> None:
    """A limit that nobody declares stays what the key was born with, which surprises people."""
    plan = plan_for(desired(key(spec={"enabled": True, **usd(total=5)})), observed())
    assert sorted(plan.meta.warnings) == [
        "acc/a declares no limits.concurrency: it stays at the floor of 1",
        "acc/a declares no limits.daily_usd: it stays at the floor of 1",
    ]
    assert plan_for(desired(key()), observed()).meta.warnings == ()


def test_a_provider_field_in_the_floor_is_no_surprise() -> None:
    """A provider's own floor field has no counterpart that a reviewer could have declared."""
    where = account(floor={**FLOOR, "example.kind": "inert"})
    assert plan_for(desired(key(), accounts=[where]), observed()).meta.warnings == ()


def test_fields_that_cannot_be_watched_are_told_once() -> None:
    """A drift in a field that the provider does not show goes unseen, so the plan says so."""
    shown = {name: value for name, value in SPEC.items() if name != "limits.concurrency"}
    rows = [row("1", "a", shown), row("2", "b", shown, enabled=None), row("3", "c")]
    plan = plan_for(desired(key("a"), key("b"), key("c")), observed(*rows, receipts=held(*rows)))
    assert plan.actions == ()
    assert plan.meta.warnings == (
        "acc does not show enabled for 1 keys, so a drift in it cannot be seen",
        "acc does not show limits.concurrency for 2 keys, so a drift in it cannot be seen",
    )


@pytest.mark.parametrize(
    ("nameless", "refused"),
    [
        (None, False),
        (row("9", None), False),
        (row("9", None, FLOOR, used=1), False),
        (row("9", None, FLOOR, used=0, unused=False), False),
        (row("9", None, FLOOR, used=0, foreign=True), False),
        (row("9", None, FLOOR, used=0), True),
        (row("9", None, FLOOR, used=None), True),
        (row("9", None, FLOOR, used=0, enabled=False), True),
        (row("9", None, {}, used=None), True),
        (row("9", None, usd(daily=1), used=0), True),
        (row("9", None, usd(daily=2), used=None), False),
        (row("9", "what somebody wrote", FLOOR, used=0), True),
    ],
)
def test_where_names_are_not_shown_a_possible_orphan_stops_minting(
    nameless: ObservedKey | None, *, refused: bool
) -> None:
    """A row that could be our undelivered create, and that nothing identifies, must not be minted again."""
    rows = [] if nameless is None else [nameless]
    plan = plan_for(desired(key()), observed(*rows, creates_refused="the list shows no names"))
    assert [item.op for item in plan.actions] == [OP.BLOCKED if refused else OP.CREATE]


def test_what_the_list_warns_of_is_in_the_plan() -> None:
    """The adapter's warnings reach the reviewer."""
    assert plan_for(desired(), observed(warnings=("one page only",))).meta.warnings == ("one page only",)


def test_the_plan_carries_where_it_applies() -> None:
    """Origin, provider, namespace, limits and both digests are part of the plan."""
    where = account(namespace=TEAM, origin="https://other.example")
    plan = plan_for(desired(accounts=[where]), observed())
    (planned,) = plan.accounts
    assert (planned.label, planned.provider, planned.origin, planned.namespace) == (
        "acc",
        "example",
        "https://other.example",
        TEAM,
    )
    assert (plan.settings_digest, plan.declarations_digest) == ("sha256:settings", "sha256:declarations")
    assert plan.meta.tool == "reconciler test"


def test_rows_of_one_account_are_not_those_of_another() -> None:
    """Equal names and ids in two accounts are two keys."""
    state = desired(
        key(label="one", deliver=()), key(label="two", deliver=()), accounts=[account("one"), account("two")]
    )
    listings = {
        "one": Listing(keys=(row("1"),)),
        "two": Listing(keys=(row("1", spec={**SPEC, **usd(total=1)}),)),
    }
    plan = plan_for(state, ObservedState(listings=listings, receipts={}))
    assert [item.address for item in plan.actions] == ["two/a"]


class CountingSpec(Mapping[str, fields.Value]):
    """A spec that counts how often a value is looked up in it."""

    looked_up = 0

    def __init__(self, spec: fields.Spec) -> None:
        self._spec = spec

    def __getitem__(self, name: str) -> fields.Value:
        CountingSpec.looked_up += 1
        return self._spec[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._spec)

    def __len__(self) -> int:
        return len(self._spec)

    def __contains__(self, name: object) -> bool:
        return name in self._spec


def _lookups(count: int, state: str) -> int:
    CountingSpec.looked_up = 0
    drift = usd(total=99) if state == "drifted" else {}
    rows: list[ObservedKey] = [
        replace(row(str(number), f"k{number}"), spec=CountingSpec({**SPEC, **drift}))
        for number in range(count)
    ]
    keys = [replace(key(f"k{number}"), spec=CountingSpec(SPEC)) for number in range(count)]
    plan = plan_for(desired(*keys), observed(*rows, receipts=held(*rows)))
    assert len(plan.actions) == (count if state == "drifted" else 0)
    return CountingSpec.looked_up


@pytest.mark.parametrize("state", ["equal", "drifted"])
def test_the_cost_grows_with_the_keys_and_not_faster(state: str) -> None:
    """Ten times the keys cost ten times the comparisons."""
    small = _lookups(20, state)
    assert small > 0
    assert _lookups(200, state) == 10 * small


def test_equal_keys_are_never_compared_field_by_field_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A world in sync never reaches the slow comparison, whatever its size."""

    def slow(*_: object) -> object:
        pytest.fail("the slow comparison ran for equal keys")

    monkeypatch.setattr(fields, "changed_fields", slow)
    rows = [row(str(number), f"k{number}") for number in range(50)]
    keys = [key(f"k{number}") for number in range(50)]
    assert plan_for(desired(*keys), observed(*rows, receipts=held(*rows))).actions == ()


def test_adoption_is_looked_up_and_not_searched() -> None:
    """Many adopted keys are found by their ids, each row with its adopter."""
    keys = [key(f"k{number}", adopt=str(number), deliver=()) for number in range(50)]
    rows = [row(str(number), f"by hand {number}") for number in range(50)]
    for listed in (rows, rows[::-1]):
        assert plan_for(desired(*keys), observed(*listed)).actions == ()


def test_ids_are_text_and_order_is_stable() -> None:
    """Plans of permuted small worlds are equal, action by action."""
    rows = [row("1"), row("2"), unborn("3"), row("4", "a~2")]
    plans = [plan_for(desired(key()), observed(*listed)) for listed in itertools.permutations(rows)]
    assert all(plan == plans[0] for plan in plans)
