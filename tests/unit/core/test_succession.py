"""How keys follow one another: rotation, renames, moves, and what is left of the old ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.model import Delivery, Listing, ObservedState, SafetyLimits, Undeclared
from reconciler.core.plan import Operation, Reason
from tests.unit.core.worlds import (
    FLOOR,
    NOW,
    SPEC,
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
)

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.model import DesiredKey, ObservedKey
    from reconciler.core.plan import Plan

OP, WHY = Operation, Reason
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
A = Delivery(sink="local", name="A")
LIMITS: dict[str, Any] = {name: value for name, value in SPEC.items() if name != "enabled"}
DELETES: dict[str, Any] = {"deletes": True, "delete_retired": True}
RENAMES: dict[str, Any] = {"renames": True}


def rotated(
    *predecessors: ObservedKey, since: timedelta, where: dict[str, Any] | None = None, **life: Any
) -> Plan:
    """Return the plan of a key whose second generation was delivered some time ago."""
    seen = observed(*predecessors, row("2", "a~2"), receipts={A: receipt("2", generation=2, age=since)})
    return plan_for(desired(key(generation=2, **life), accounts=[account(**(where or {}))]), seen)


@pytest.mark.parametrize(
    ("idle", "since", "gone"),
    [
        (None, 25 * HOUR, True),
        (2 * HOUR, 25 * HOUR, True),
        (HOUR, 25 * HOUR, True),
        (59 * MINUTE, 25 * HOUR, False),
        (timedelta(0), 47 * HOUR, False),
        (timedelta(0), 48 * HOUR, True),
        (timedelta(0), 23 * HOUR, False),
    ],
)
def test_a_predecessor_that_is_still_used_gets_the_overlap_twice(
    idle: timedelta | None, since: timedelta, *, gone: bool
) -> None:
    """A key that was used within the hour lives on, until the overlap has run out a second time."""
    plan = rotated(row("1", idle=idle), since=since)
    assert shape(plan) == ([(OP.RETIRE, "1", WHY.OVERLAP_OVER)] if gone else [])


def test_the_plan_names_a_predecessor_that_is_still_used() -> None:
    """Who reads the plan learns which key it is, when it was used, and how long it may stay."""
    plan = rotated(row("1", idle=5 * MINUTE), since=25 * HOUR)
    assert plan.meta.warnings == (
        "acc/a: a (1) was used 5 minutes ago; it is retired after 2026-03-02 11:00 UTC",
    )


def test_the_plan_names_a_predecessor_whose_overlap_runs() -> None:
    """An empty plan does not hide that a key will go."""
    plan = rotated(row("1"), since=HOUR)
    assert plan.actions == ()
    assert plan.meta.warnings == ("acc/a: a (1) is retired after 2026-03-02 11:00 UTC",)


def test_without_an_overlap_the_predecessor_goes_with_the_same_plan() -> None:
    """A leaked key is retired right after its replacement works, and use does not save it."""
    seen = observed(row("1", idle=timedelta(0)), receipts=held(row("1")))
    plan = plan_for(desired(key(generation=2, overlap=timedelta(0))), seen)
    assert shape(plan) == [(OP.ROTATE, None, WHY.GENERATION), (OP.RETIRE, "1", WHY.REPLACED_NOW)]


def test_a_rotation_that_was_cut_retires_with_its_recovery() -> None:
    """The replacement is half born, so it is delivered first."""
    seen = observed(row("1"), unborn("2", "a~2"), receipts=held(row("1")))
    plan = plan_for(desired(key(generation=2, overlap=timedelta(0))), seen)
    assert shape(plan) == [(OP.DELIVER, "2", WHY.UNBORN), (OP.RETIRE, "1", WHY.REPLACED_NOW)]


@pytest.mark.parametrize("spec", [{**SPEC, "enabled": False}, SPEC])
def test_nothing_is_retired_twice(spec: dict[str, Any]) -> None:
    """A key that is declared off has no successor to wait for; one without a sink is blocked."""
    deliver = None if spec is not SPEC else ()
    seen = observed(row("1"))
    plan = plan_for(desired(key(generation=2, spec=spec, overlap=timedelta(0), deliver=deliver)), seen)
    assert WHY.REPLACED_NOW not in {action.reason for action in plan.actions}


@pytest.mark.parametrize(
    ("since", "overlap", "gone"),
    [
        (47 * HOUR, 24 * HOUR, False),
        (48 * HOUR, 24 * HOUR, True),
        (23 * HOUR, timedelta(0), False),
        (24 * HOUR, timedelta(0), True),
        (13 * DAY, 7 * DAY, False),
        (14 * DAY, 7 * DAY, True),
    ],
)
def test_a_retired_key_is_deleted_after_a_second_grace(
    since: timedelta, overlap: timedelta, *, gone: bool
) -> None:
    """Off first; deleted only when nobody has missed it for as long again, and a day at least."""
    plan = rotated(row("1", enabled=False), since=since, where=DELETES, overlap=overlap)
    assert shape(plan) == ([(OP.DELETE, "1", WHY.GRACE_OVER)] if gone else [])


@pytest.mark.parametrize(("idle", "gone"), [(23 * HOUR, False), (24 * HOUR, True), (80 * HOUR, True)])
def test_a_key_that_was_used_until_it_was_retired_gets_its_grace_too(idle: timedelta, *, gone: bool) -> None:
    """It was retired late, so the second grace counts from its last use."""
    plan = rotated(row("1", enabled=False, idle=idle), since=72 * HOUR, where=DELETES)
    assert shape(plan) == ([(OP.DELETE, "1", WHY.GRACE_OVER)] if gone else [])


@pytest.mark.parametrize("where", [{"deletes": True}, {"delete_retired": True}])
def test_a_retired_key_is_kept_unless_it_can_and_shall_be_deleted(where: dict[str, Any]) -> None:
    """Deletion cannot be undone, so it is asked for."""
    assert shape(rotated(row("1", enabled=False), since=30 * DAY, where=where)) == []


def test_nothing_is_deleted_before_the_successor_works() -> None:
    """The successor was switched off by hand, so its predecessor stays for now."""
    seen = observed(
        row("1", enabled=False), row("2", "a~2", enabled=False), receipts={A: receipt("2", generation=2)}
    )
    plan = plan_for(desired(key(generation=2), accounts=[account(**DELETES)]), seen)
    assert shape(plan) == [(OP.ENABLE, "2", WHY.TURNED_ON)]


@pytest.mark.parametrize(("age", "due"), [(29 * DAY, False), (30 * DAY, True)])
def test_a_key_says_when_its_rotation_is_due(age: timedelta, *, due: bool) -> None:
    """Nothing is rotated by itself; the plan says which command asks for it."""
    seen = observed(row("1"), receipts={A: receipt("1", age=age)})
    plan = plan_for(desired(key(rotate_every=30 * DAY)), seen)
    says = "acc/a is due for rotation since 2026-03-01: run `reconciler rotate --due`"
    assert plan.meta.warnings == ((says,) if due else ())
    assert plan.actions == ()


@pytest.mark.parametrize(("age", "due"), [(None, False), (31 * DAY, True)])
def test_the_age_of_a_key_without_a_sink_is_its_own(age: timedelta | None, *, due: bool) -> None:
    """Without a receipt the provider's age counts, where it is shown."""
    declared = key(rotate_every=30 * DAY, deliver=())
    plan = plan_for(desired(declared), observed(row("1", age=age)))
    assert len(plan.meta.warnings) == due


@pytest.mark.parametrize("rows", [(), (row("1"),)])
def test_a_key_that_is_not_there_or_not_wanted_is_not_due(rows: tuple[ObservedKey, ...]) -> None:
    """There is nothing to rotate."""
    declared = key(rotate_every=DAY, absent=bool(rows))
    assert plan_for(desired(declared), observed(*rows, receipts=held(*rows))).meta.warnings == ()


def renamed(*rows: ObservedKey, **where: Any) -> Plan:
    """Return the plan of key `new`, which was `old`."""
    declared = key("new", renamed_from="old", deliver=())
    return plan_for(desired(declared, accounts=[account(**where)]), observed(*rows))


def test_a_renamed_key_gets_its_new_name_at_the_provider() -> None:
    """The row and everything on it stay; only its name changes, and the plan says to what."""
    plan = renamed(row("1", "old"), **RENAMES)
    assert shape(plan) == [(OP.ADOPT, "1", WHY.RENAMED)]
    assert (plan.actions[0].incarnation, plan.actions[0].note) == ("old", "becomes new")


def test_a_key_that_is_off_is_renamed_as_well() -> None:
    """Otherwise a second one would be minted as soon as `renamed_from` is dropped."""
    declared = key("new", {**SPEC, "enabled": False}, renamed_from="old", deliver=())
    plan = plan_for(
        desired(declared, accounts=[account(**RENAMES)]), observed(row("1", "old", enabled=False))
    )
    assert shape(plan) == [(OP.ADOPT, "1", WHY.RENAMED)]


def test_predecessors_are_renamed_too_and_dead_rows_are_not() -> None:
    """What lives on in an overlap is found again when `renamed_from` is dropped."""
    declared = key("new", renamed_from="old", deliver=(), generation=2)
    rows = (row("1", "t/old"), row("2", "t/old~2"), row("3", "t/old~1.2", enabled=False))
    plan = plan_for(desired(declared, accounts=[account(namespace="t", **RENAMES)]), observed(*rows))
    assert [(action.remote_id, action.note) for action in plan.actions] == [
        ("1", "becomes t/new"),
        ("2", "becomes t/new~2"),
    ]


@pytest.mark.parametrize(
    "plan",
    [renamed(row("1", "new"), **RENAMES), renamed(row("1", "old"))],
    ids=["renamed already", "the provider cannot rename"],
)
def test_a_name_that_is_right_or_cannot_change_is_left(plan: Plan) -> None:
    """A provider without renames keeps the former name, and the key is managed under it."""
    assert plan.actions == ()


OLD, NEW = account("old", origin="https://old.example"), account("new")


def moved(
    *old: ObservedKey, new: tuple[ObservedKey, ...] = (), age: timedelta = 2 * DAY, **life: Any
) -> Plan:
    """Return the plan of key `new/a`, which account `old` minted as `a`."""
    declared = key("a", label="new", renamed_from="old/a", **life)
    receipts = {A: receipt(new[0].id, label="new", age=age)} if new else {}
    seen = ObservedState(listings={"old": Listing(keys=old), "new": Listing(keys=new)}, receipts=receipts)
    return plan_for(desired(declared, accounts=[OLD, NEW]), seen)


def test_a_key_moves_by_being_minted_where_it_goes() -> None:
    """Nothing happens to the old row before the new one works."""
    assert shape(moved(row("1"))) == [(OP.CREATE, None, WHY.NEW)]


def test_the_old_row_of_a_moved_key_is_retired_after_the_overlap() -> None:
    """It is found by its name, although its account has no namespace and declares no such key."""
    plan = moved(row("1"), row("5", "other"), new=(row("9"),))
    assert shape(plan) == [(OP.RETIRE, "1", WHY.MOVED)]
    assert plan.actions[0].address == "old/a"
    assert plan.actions[0].mark is not None


@pytest.mark.parametrize("new", [(), (row("9"),)], ids=["not minted yet", "minted"])
def test_the_old_row_of_a_moved_key_goes_when_the_key_shall_be_off(new: tuple[ObservedKey, ...]) -> None:
    """No successor will take over, so there is nothing to wait for."""
    off = moved(row("1"), row("2", enabled=False), new=new, age=HOUR, spec={**SPEC, "enabled": False})
    assert (OP.DISABLE, "1", WHY.TURNED_OFF) in shape(off)
    absent = moved(row("1"), row("2", enabled=False), new=new, age=HOUR, absent=True)
    assert (OP.DISABLE, "1", WHY.ABSENT) in shape(absent)
    assert {action.remote_id for action in (*off.actions, *absent.actions)} <= {"1", "9", None}


@pytest.mark.parametrize(
    ("spec", "there", "does"),
    [
        (LIMITS, "9", [(OP.BLOCKED, "1", WHY.CUSTODY)]),
        (SPEC, "9", [(OP.DELIVER, "1", WHY.CUSTODY), (OP.ENABLE, "1", WHY.TURNED_ON)]),
        (LIMITS, None, [(OP.DELIVER, "1", WHY.CUSTODY)]),
        (LIMITS, "1", [(OP.DELIVER, "1", WHY.CUSTODY)]),
    ],
    ids=["undecided", "to be on", "nothing to lose", "half delivered"],
)
def test_a_dead_secret_replaces_no_working_one(spec: Spec, there: str | None, does: object) -> None:
    """A key that moves back finds its retired row; the sink holds the one that is in use."""
    where = account(reveals=True)
    both = (A, Delivery(sink="other", name="A"))
    receipts = {} if there is None else {A: receipt(there)}
    seen = observed(row("1", enabled=False), receipts=receipts)
    plan = plan_for(desired(key(spec=spec, deliver=both), accounts=[where]), seen)
    assert shape(plan) == does


def test_the_plan_names_the_old_row_of_a_moved_key() -> None:
    """It lives on at the other account until the overlap is over."""
    plan = moved(row("1"), new=(row("9"),), age=HOUR)
    assert plan.meta.warnings == ("new/a: old/a (1) is retired after 2026-03-02 11:00 UTC",)


@pytest.mark.parametrize(
    ("held_row", "spec", "told"),
    [
        (row("1", enabled=False), SPEC, False),
        (row("1", enabled=False), {**SPEC, "enabled": False}, False),
        (row("1", enabled=False), LIMITS, True),
        (row("1"), LIMITS, False),
        (unborn("1", enabled=False), LIMITS, False),
    ],
    ids=["to be switched on", "meant", "nobody says", "on", "condemned"],
)
def test_the_plan_names_a_key_that_is_off_without_a_word_about_it(
    held_row: ObservedKey, spec: dict[str, Any], *, told: bool
) -> None:
    """A key that was removed and is declared again would otherwise be as declared, and dead."""
    plan = plan_for(desired(key(spec=spec)), observed(held_row, receipts=held(held_row)))
    says = "acc/a is off and stays off; declare `enabled: true`, or `false` if that is meant"
    assert (says in plan.meta.warnings) is told


@pytest.mark.parametrize(
    "plan",
    [
        moved(row("1"), new=(row("9"),), age=HOUR),
        moved(row("1", enabled=False), new=(row("9"),)),
        moved(new=(row("9"),)),
    ],
    ids=["overlap running", "off already", "gone already"],
)
def test_the_old_row_of_a_moved_key_is_left(plan: Plan) -> None:
    """There is nothing to retire, or not yet."""
    assert plan.actions == ()


def test_a_moved_key_is_not_retired_unless_its_new_account_was_read() -> None:
    """A plan for the old account alone cannot know whether the new key works."""
    declared = key("a", label="new", renamed_from="old/a")
    seen = observed(row("1"), label="old")
    assert plan_for(desired(declared, accounts=[OLD, NEW]), seen).actions == ()


def test_a_moved_key_is_not_undeclared_where_it_was() -> None:
    """The policy for undeclared keys does not cut off a key that another account is taking over."""
    strict = account("old", namespace="t", undeclared=Undeclared.DISABLE)
    declared = (key("a", label="new", renamed_from="old/a"), key("b", label="old"))
    seen = ObservedState(
        listings={"old": Listing(keys=(row("1", "t/a"), row("2", "t/b"))), "new": Listing(keys=())},
        receipts={Delivery(sink="local", name="B"): receipt("2", "b", label="old")},
    )
    assert shape(plan_for(desired(*declared, accounts=[strict, NEW]), seen)) == [(OP.CREATE, None, WHY.NEW)]


@pytest.mark.parametrize("policy", [Undeclared.DISABLE, Undeclared.DELETE])
def test_an_account_without_a_declared_key_is_not_emptied(policy: Undeclared) -> None:
    """No key declared at all is a lost file more often than a wish, so a person has to say it otherwise."""
    where = account(namespace="t", undeclared=policy, deletes=True)
    plan = plan_for(desired(accounts=[where]), observed(row("1", "t/a"), row("2", "t/b", enabled=False)))
    assert shape(plan) == [(OP.BLOCKED, "1", WHY.EMPTY)]


def test_patterns_of_the_settings_protect_keys_that_no_file_declares_any_more() -> None:
    """A protected key that vanished from its file is still protected."""
    where = account(namespace="t", undeclared=Undeclared.DISABLE)
    seen = observed(
        row("1", "t/prod-a"), row("2", "t/b"), row("3", "t/c"), receipts=held(row("3", "t/c"), namespace="t")
    )
    limits = SafetyLimits(protected=("acc/prod-*",))
    plan = plan_for(desired(key("c"), accounts=[where], limits=limits), seen)
    assert [(action.remote_id, action.protected) for action in plan.actions] == [("2", False), ("1", True)]


def test_a_half_born_row_is_nobody_s_predecessor_yet() -> None:
    """Rows at the floor of an earlier generation are retired like any other."""
    plan = rotated(row("1", spec=FLOOR), since=2 * DAY)
    assert shape(plan) == [(OP.RETIRE, "1", WHY.OVERLAP_OVER)]
    assert plan.meta.generated_at == NOW


def test_a_namespace_that_came_later_mints_no_second_key() -> None:
    """The row is listed, in custody and out of the namespace, so the plan says how to take it over."""
    seen = observed(row("1", "a"), receipts=held(row("1", "a")))
    plan = plan_for(desired(key("a"), accounts=[account(namespace="t")]), seen)
    assert shape(plan) == [(OP.BLOCKED, None, WHY.VANISHED)]
    assert "id 1 has another name, 'a'; rename it back, or declare `adopt: 1`" in plan.actions[0].note
    adopted = plan_for(desired(key("a", adopt="1"), accounts=[account(namespace="t")]), seen)
    assert adopted.actions == ()


def test_former_names(subtests: pytest.Subtests) -> None:
    """A former name is of the same account unless it says otherwise."""
    cases: list[tuple[DesiredKey, object, object]] = [
        (key(), None, None),
        (key(renamed_from="b"), ("acc", "b"), None),
        (key(renamed_from="acc/b"), ("acc", "b"), None),
        (key(renamed_from="x/b"), ("x", "b"), ("x", "b")),
    ]
    for declared, former, moved_from in cases:
        with subtests.test(renamed_from=declared.lifecycle.renamed_from):
            assert declared.former == former
            assert declared.moved_from == moved_from
