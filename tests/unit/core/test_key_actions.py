"""What one declared key needs in every state of its birth and life."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.fields import Direction
from reconciler.core.identity import Incarnation
from reconciler.core.key_actions import MOST_ATTEMPTS, actions_for_key, in_sync
from reconciler.core.model import Delivery, Listing, ObservedState
from reconciler.core.plan import Operation, Reason
from reconciler.core.resolution import Row
from tests.unit.core.worlds import (
    APP,
    FLOOR,
    LOCAL,
    NOW,
    ORIGIN,
    SPEC,
    USD,
    account,
    desired,
    held,
    key,
    plan_for,
    receipt,
    row,
    unborn,
    usd,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import DesiredAccount, DesiredKey, ObservedKey, Receipt
    from reconciler.core.plan import Action

OP, WHY = Operation, Reason
OFF = {**SPEC, "enabled": False}
UNSWITCHED = {name: value for name, value in SPEC.items() if name != "enabled"}
REVEALS: dict[str, Any] = {"reveals": True}
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Case:
    """A key, the rows and receipts that exist, and the steps that follow, as (operation, row, reason)."""

    says: str
    rows: tuple[ObservedKey, ...] = ()
    steps: tuple[tuple[Operation, str | None, Reason], ...] = ()
    declared: DesiredKey = field(default_factory=key)
    receipts: Mapping[Delivery, Receipt] = field(default_factory=dict)
    where: dict[str, Any] = field(default_factory=dict)
    listing: dict[str, Any] = field(default_factory=dict)
    escrowed: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def account(self) -> DesiredAccount:
        """The account of the case."""
        return account(**self.where)

    def plan(self) -> list[Action]:
        """Return the actions of the whole plan, in the order of work."""
        seen = ObservedState(
            listings={"acc": Listing(keys=self.rows, **self.listing)},
            receipts=self.receipts,
            escrowed=self.escrowed,
        )
        return list(plan_for(desired(self.declared, accounts=[self.account]), seen).actions)


DRIFTED = row("1", spec={**SPEC, **usd(total=50)})
G2 = key(generation=2)
SUCCESSOR = row("2", "a~2")
CASES = [
    Case("new", steps=((OP.CREATE, None, WHY.NEW),)),
    Case("in custody and equal", (row("1"),), receipts=held(row("1"))),
    Case("in custody, drifted", (DRIFTED,), ((OP.UPDATE, "1", WHY.DRIFT),), receipts=held(row("1"))),
    Case(
        "in custody, switched off by hand",
        (row("1", enabled=False),),
        ((OP.ENABLE, "1", WHY.TURNED_ON),),
        receipts=held(row("1")),
    ),
    Case(
        "in custody, declared off",
        (row("1"),),
        ((OP.DISABLE, "1", WHY.TURNED_OFF),),
        declared=key(spec=OFF),
        receipts=held(row("1")),
    ),
    Case(
        "delivered by one run and condemned by another",
        (unborn("1", enabled=False),),
        ((OP.ENABLE, "1", WHY.CUT_SHORT),),
        declared=key(spec=UNSWITCHED),
        receipts=held(row("1")),
    ),
    Case(
        "in use, and switched off by a person",
        (row("1", enabled=False),),
        declared=key(spec=UNSWITCHED),
        receipts=held(row("1")),
    ),
    Case("unborn and live", (unborn("1"),), ((OP.DELIVER, "1", WHY.UNBORN),)),
    Case("unborn, spend not shown", (unborn("1", used=None),), ((OP.DELIVER, "1", WHY.UNBORN),)),
    Case("unborn and off", (unborn("1", enabled=False),), ((OP.CREATE, None, WHY.LOST),)),
    Case(
        "unborn, and no create could be recognised",
        (unborn("1"), unborn("9", "made-by-the-server")),
        ((OP.BLOCKED, "1", WHY.CUSTODY),),
        listing={"creates_refused": "no names"},
    ),
    Case(
        "unborn, no create could be recognised, but the secret can be read",
        (unborn("1"), unborn("9", "made-by-the-server")),
        ((OP.DELIVER, "1", WHY.CUSTODY), (OP.UPDATE, "1", WHY.DRIFT)),
        where=REVEALS,
        listing={"creates_refused": "no names"},
    ),
    Case(
        "unborn, sealed in escrow",
        (unborn("1"),),
        ((OP.BLOCKED, "1", WHY.ESCROWED),),
        escrowed={(ORIGIN, "1"): "a.1.age"},
    ),
    Case(
        "sealed in escrow, declared off",
        (unborn("1"),),
        ((OP.DISABLE, "1", WHY.TURNED_OFF), (OP.BLOCKED, "1", WHY.ESCROWED)),
        declared=key(spec=OFF),
        escrowed={(ORIGIN, "1"): "a.1.age"},
    ),
    Case(
        "two attempts, the first one sealed in escrow: neither is condemned",
        (unborn("1"), unborn("2", "a~1.2")),
        ((OP.BLOCKED, "1", WHY.ESCROWED),),
        escrowed={(ORIGIN, "1"): "a.1.age"},
    ),
    Case(
        "sealed in escrow, and the next attempt is delivered",
        (unborn("1"), row("2", "a~1.2")),
        ((OP.DISABLE, "1", WHY.LOST),),
        receipts=held(row("2", "a~1.2")),
        escrowed={(ORIGIN, "1"): "a.1.age"},
    ),
    Case(
        "sealed in escrow, and switched off",
        (unborn("1", enabled=False),),
        ((OP.CREATE, None, WHY.LOST),),
        escrowed={(ORIGIN, "1"): "a.1.age"},
    ),
    Case(
        "the same id in escrow for another provider",
        (unborn("1"),),
        ((OP.DELIVER, "1", WHY.UNBORN),),
        escrowed={("https://elsewhere.example", "1"): "a.1.age"},
    ),
    Case("in use, not in custody", (row("1"),), ((OP.BLOCKED, "1", WHY.CUSTODY),)),
    Case("in use and off, not in custody", (row("1", enabled=False),), ((OP.BLOCKED, "1", WHY.CUSTODY),)),
    Case("in use, the secret can be read", (row("1"),), ((OP.DELIVER, "1", WHY.CUSTODY),), where=REVEALS),
    Case(
        "in use and drifted, the secret can be read",
        (DRIFTED,),
        ((OP.DELIVER, "1", WHY.CUSTODY), (OP.UPDATE, "1", WHY.DRIFT)),
        where=REVEALS,
    ),
    Case(
        "in use, declared off",
        (row("1"),),
        ((OP.DISABLE, "1", WHY.TURNED_OFF), (OP.BLOCKED, "1", WHY.CUSTODY)),
        declared=key(spec=OFF),
    ),
    Case(
        "in use, declared off, the secret can be read",
        (row("1"),),
        ((OP.DISABLE, "1", WHY.TURNED_OFF), (OP.DELIVER, "1", WHY.CUSTODY)),
        declared=key(spec=OFF),
        where=REVEALS,
    ),
    Case(
        "in use and off, declared off",
        (row("1", enabled=False),),
        ((OP.BLOCKED, "1", WHY.CUSTODY),),
        declared=key(spec=OFF),
    ),
    Case("in use, no sink wanted", (row("1"),), declared=key(deliver=())),
    Case("in use, no sink wanted, drifted", (DRIFTED,), ((OP.UPDATE, "1", WHY.DRIFT),), key(deliver=())),
    Case(
        "in use, no sink wanted, switched off as declared, beside a dead row",
        (row("1", enabled=False), row("2", spec=FLOOR, enabled=False)),
        declared=key(spec=OFF, deliver=()),
    ),
    Case("new, and no sink", steps=((OP.BLOCKED, None, WHY.NO_SINK),), declared=key(deliver=())),
    Case(
        "new, and an earlier create that was not recognised may be there",
        (unborn("9", "made-by-the-server", enabled=False),),
        ((OP.BLOCKED, None, WHY.NO_MINTING),),
        listing={"creates_refused": "no names"},
    ),
    Case(
        "new, names are hidden, and no row can be a create of ours",
        (row("9", "made-by-the-server"),),
        ((OP.CREATE, None, WHY.NEW),),
        listing={"creates_refused": "no names"},
    ),
    Case(
        "new, and the provider mints nothing",
        steps=((OP.BLOCKED, None, WHY.NO_MINTING),),
        where={"mintable": False},
    ),
    Case("two live keys in use", (row("1"), row("2")), ((OP.BLOCKED, "1", WHY.DUPLICATE),)),
    Case(
        "two live keys in use, one in custody",
        (row("1"), row("2")),
        ((OP.BLOCKED, "2", WHY.DUPLICATE),),
        receipts=held(row("2")),
    ),
    Case(
        "two unborn",
        (unborn("1"), unborn("2")),
        ((OP.DISABLE, "1", WHY.LOST), (OP.DISABLE, "2", WHY.LOST), (OP.CREATE, None, WHY.LOST)),
    ),
    Case(
        "two at the floor, spend not shown",
        (unborn("1", used=None), unborn("2", used=None)),
        ((OP.BLOCKED, "1", WHY.DUPLICATE),),
    ),
    Case(
        "one in custody, one unborn",
        (row("1"), unborn("2")),
        ((OP.DISABLE, "2", WHY.LOST),),
        receipts=held(row("1")),
    ),
    Case(
        "one in custody, one at the floor with spend not shown",
        (row("1"), unborn("2", used=None)),
        ((OP.BLOCKED, "1", WHY.DUPLICATE),),
        receipts=held(row("1")),
    ),
    Case(
        "one in use without custody, one unborn",
        (row("1"), unborn("2")),
        ((OP.DISABLE, "2", WHY.LOST), (OP.BLOCKED, "1", WHY.CUSTODY)),
    ),
    Case(
        "a superseded attempt is still live",
        (unborn("1"), row("2", "a~1.2")),
        ((OP.DISABLE, "1", WHY.LOST),),
        receipts=held(row("2", "a~1.2")),
    ),
    Case(
        "the last attempt was lost, an earlier one lives",
        (unborn("1"), unborn("2", "a~1.2", enabled=False)),
        ((OP.DISABLE, "1", WHY.LOST), (OP.CREATE, None, WHY.LOST)),
    ),
    Case(
        "a newer generation lives",
        (row("1"), SUCCESSOR),
        ((OP.BLOCKED, "2", WHY.NEWER),),
        receipts=held(row("1")),
    ),
    Case(
        "a newer generation is off",
        (row("1"), row("2", "a~2", enabled=False)),
        receipts=held(row("1")),
    ),
    Case("generation raised", (row("1"),), ((OP.ROTATE, None, WHY.GENERATION),), G2, held(row("1"))),
    Case("generation raised, never delivered", (row("1"),), ((OP.ROTATE, None, WHY.GENERATION),), G2),
    Case("generation raised, predecessor off", (row("1", enabled=False),), ((OP.CREATE, None, WHY.NEW),), G2),
    Case(
        "generation raised and declared off",
        (row("1"),),
        ((OP.DISABLE, "1", WHY.TURNED_OFF), (OP.ROTATE, None, WHY.GENERATION)),
        key(spec=OFF, generation=2),
        held(row("1")),
    ),
    Case(
        "successor unborn",
        (row("1"), unborn("2", "a~2")),
        ((OP.DELIVER, "2", WHY.UNBORN),),
        G2,
        held(row("1")),
    ),
    Case(
        "successor lost",
        (row("1"), unborn("2", "a~2", enabled=False)),
        ((OP.ROTATE, None, WHY.LOST),),
        G2,
        held(row("1")),
    ),
    Case("overlap over", (row("1"), SUCCESSOR), ((OP.RETIRE, "1", WHY.OVERLAP_OVER),), G2, held(SUCCESSOR)),
    Case(
        "overlap over for two predecessors",
        (row("1"), row("3", "a~1.2"), SUCCESSOR),
        ((OP.RETIRE, "1", WHY.OVERLAP_OVER), (OP.RETIRE, "3", WHY.OVERLAP_OVER)),
        G2,
        held(SUCCESSOR),
    ),
    Case(
        "overlap running",
        (row("1"), SUCCESSOR),
        (),
        G2,
        {LOCAL: receipt("2", generation=2, age=DAY - timedelta(seconds=1))},
    ),
    Case(
        "overlap just over",
        (row("1"), SUCCESSOR),
        ((OP.RETIRE, "1", WHY.OVERLAP_OVER),),
        G2,
        {LOCAL: receipt("2", generation=2, age=DAY)},
    ),
    Case(
        "overlap counts from the last sink",
        (row("1"), SUCCESSOR),
        (),
        key(generation=2, deliver=(LOCAL, APP)),
        {LOCAL: receipt("2", generation=2, age=9 * DAY), APP: receipt("2", generation=2, age=HOUR)},
    ),
    Case(
        "overlap declared short",
        (row("1"), SUCCESSOR),
        ((OP.RETIRE, "1", WHY.OVERLAP_OVER),),
        key(generation=2, overlap=HOUR),
        {LOCAL: receipt("2", generation=2, age=2 * HOUR)},
    ),
    Case(
        "overlap running, declared off",
        (row("1"), SUCCESSOR),
        ((OP.DISABLE, "1", WHY.TURNED_OFF), (OP.DISABLE, "2", WHY.TURNED_OFF)),
        key(spec=OFF, generation=2),
        {LOCAL: receipt("2", generation=2, age=HOUR)},
    ),
    Case(
        "overlap over, but the successor was switched off by hand",
        (row("1"), row("2", "a~2", enabled=False)),
        ((OP.ENABLE, "2", WHY.TURNED_ON),),
        G2,
        held(SUCCESSOR),
    ),
    Case(
        "overlap over, the successor is off and nobody manages that",
        (row("1"), row("2", "a~2", enabled=False)),
        (),
        key(spec={name: value for name, value in SPEC.items() if name != "enabled"}, generation=2),
        held(SUCCESSOR),
    ),
    Case(
        "overlap over, but the successor is not in custody",
        (row("1"), SUCCESSOR),
        ((OP.BLOCKED, "2", WHY.CUSTODY),),
        G2,
        held(row("1")),
    ),
    Case(
        "no receipt, and the successor is old",
        (row("1"), row("2", "a~2", age=2 * DAY)),
        ((OP.RETIRE, "1", WHY.OVERLAP_OVER),),
        key(generation=2, deliver=(), overlap=HOUR),
    ),
    Case(
        "no receipt, and a short overlap",
        (row("1"), row("2", "a~2", age=2 * HOUR)),
        (),
        key(generation=2, deliver=(), overlap=HOUR),
    ),
    Case(
        "no receipt, and a long overlap",
        (row("1"), row("2", "a~2", age=2 * DAY)),
        (),
        key(generation=2, deliver=(), overlap=7 * DAY),
    ),
    Case(
        "no receipt, and the age is unknown",
        (row("1"), SUCCESSOR),
        (),
        key(generation=2, deliver=()),
    ),
    Case("adopted", (row("9", "by hand"),), (), key(adopt="9")),
    Case(
        "adopted and drifted",
        (row("9", "by hand", {**SPEC, **usd(total=1)}),),
        ((OP.UPDATE, "9", WHY.DRIFT),),
        key(adopt="9"),
    ),
    Case("adopted at the floor", (unborn("9", "by hand"),), ((OP.UPDATE, "9", WHY.DRIFT),), key(adopt="9")),
    Case("adopted id gone", (), ((OP.BLOCKED, None, WHY.GONE),), key(adopt="9")),
    Case(
        "adopted id gone, a row of the name lives",
        (row("1"),),
        ((OP.BLOCKED, None, WHY.GONE),),
        key(adopt="9"),
    ),
    Case(
        "adopted id is foreign",
        (row("9", "by hand", foreign=True),),
        ((OP.BLOCKED, None, WHY.GONE),),
        key(adopt="9"),
    ),
    Case(
        "adopted, and a row of the name lives",
        (row("1"), row("9", "by hand")),
        ((OP.BLOCKED, "1", WHY.DUPLICATE),),
        key(adopt="9"),
    ),
    Case(
        "adopted, then rotated",
        (row("9", "by hand"),),
        ((OP.ROTATE, None, WHY.GENERATION),),
        key(adopt="9", generation=2),
    ),
    Case(
        "adopted, rotated, overlap over",
        (row("9", "by hand"), SUCCESSOR),
        ((OP.RETIRE, "9", WHY.OVERLAP_OVER),),
        key(adopt="9", generation=2),
        held(SUCCESSOR),
    ),
    Case("absent, and there is none", (), (), key(absent=True)),
    Case(
        "absent",
        (row("1"), row("2", "a~2", enabled=False), unborn("3", "a~3")),
        ((OP.DISABLE, "1", WHY.ABSENT), (OP.DISABLE, "3", WHY.ABSENT)),
        key(absent=True),
        held(row("1")),
    ),
    Case(
        "absent, where keys can be deleted",
        (row("1"), row("2", "a~2", enabled=False)),
        ((OP.DELETE, "1", WHY.ABSENT), (OP.DELETE, "2", WHY.ABSENT)),
        key(absent=True),
        where={"deletes": True},
    ),
    Case(
        "delivered to one of two sinks, unborn",
        (unborn("1"),),
        ((OP.DELIVER, "1", WHY.UNBORN),),
        key(deliver=(LOCAL, APP)),
        {LOCAL: receipt("1")},
    ),
    Case(
        "delivered to one of two sinks, in use",
        (row("1"),),
        ((OP.BLOCKED, "1", WHY.CUSTODY),),
        key(deliver=(LOCAL, APP)),
        {LOCAL: receipt("1")},
    ),
    Case(
        "delivered to both sinks",
        (row("1"),),
        (),
        key(deliver=(LOCAL, APP)),
        {LOCAL: receipt("1"), APP: receipt("1")},
    ),
    Case(
        "the sink holds another row",
        (row("1"),),
        ((OP.BLOCKED, "1", WHY.CUSTODY),),
        receipts={LOCAL: receipt("7")},
    ),
    Case(
        "the sink holds a row that is not listed",
        (),
        ((OP.BLOCKED, None, WHY.VANISHED),),
        receipts={LOCAL: receipt("1")},
    ),
    Case(
        "the sink holds a row that is not listed, earlier attempts are off",
        (unborn("1", enabled=False),),
        ((OP.BLOCKED, None, WHY.VANISHED),),
        receipts={LOCAL: receipt("2", attempt=2)},
    ),
    Case(
        "the sink holds a row that is not listed, an earlier attempt is half-born",
        (unborn("1"),),
        ((OP.BLOCKED, "1", WHY.VANISHED),),
        receipts={LOCAL: receipt("2", attempt=2)},
    ),
    Case(
        "the sink holds an unlisted row of the generation before",
        (),
        ((OP.CREATE, None, WHY.NEW),),
        G2,
        {LOCAL: receipt("1")},
    ),
    Case(
        "the sink entry was another key's",
        (),
        ((OP.CREATE, None, WHY.NEW),),
        receipts={LOCAL: receipt("1", "b")},
    ),
    Case(
        "the sink entry is of another provider",
        (),
        ((OP.CREATE, None, WHY.NEW),),
        receipts={LOCAL: receipt("1", origin="https://other.example")},
    ),
    Case(
        "one sink has a row that is off until the other has it",
        (unborn("1", enabled=False),),
        ((OP.DELIVER, "1", WHY.UNBORN),),
        key(deliver=(LOCAL, APP)),
        {LOCAL: receipt("1")},
    ),
    Case(
        "one sink has the key of another provider under the same id",
        (unborn("1", enabled=False),),
        ((OP.CREATE, None, WHY.LOST),),
        key(deliver=(LOCAL, APP)),
        {LOCAL: receipt("1", origin="https://elsewhere.example")},
    ),
    Case(
        "fields that are not shown",
        (row("1", spec={"limits.daily_usd": 5 * USD}, enabled=None),),
        (),
        receipts=held(row("1")),
    ),
    Case(
        "spend that is not shown",
        (row("1", used=None),),
        (),
        receipts=held(row("1")),
    ),
    Case(
        "renamed in the files",
        (row("1", "old"),),
        (),
        key("a", renamed_from="old"),
        {LOCAL: receipt("1", "old")},
    ),
    Case("a foreign row of the name", (row("1", foreign=True),), ((OP.CREATE, None, WHY.NEW),)),
    Case("a row in somebody's namespace", (row("1", "team/a"),), ((OP.CREATE, None, WHY.NEW),)),
    Case(
        "a row in another namespace",
        (row("1", "team-b/a"), row("2", "a")),
        ((OP.CREATE, None, WHY.NEW),),
        where={"namespace": "team"},
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says.replace(" ", "_"))
def test_every_state_has_its_steps(case: Case) -> None:
    """What a key needs follows from its rows, its receipts and its declaration, and from nothing else."""
    assert [(action.op, action.remote_id, action.reason) for action in case.plan()] == list(case.steps)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says.replace(" ", "_"))
def test_no_state_cuts_off_or_doubles_a_key_unasked(case: Case) -> None:
    """At most one key is minted, and what may be in use is disabled only where the files say so."""
    actions = case.plan()
    assert sum(action.op in {OP.CREATE, OP.ROTATE, OP.DELIVER} for action in actions) <= 1
    rows = {item.id: item for item in case.rows}
    for action in actions:
        if action.op is OP.DISABLE and action.reason is WHY.LOST:
            condemned = rows[str(action.remote_id)]
            assert condemned.used_micro_usd == 0 or condemned.unused
            assert all(condemned.spec[name] == value for name, value in FLOOR.items())
        elif action.op in {OP.DISABLE, OP.RETIRE, OP.DELETE}:
            asked = case.declared.spec["enabled"] is False or case.declared.lifecycle.absent
            assert asked or case.declared.lifecycle.generation > action.generation
        assert action.remote_id is None or not rows[action.remote_id].foreign


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.says.replace(" ", "_"))
def test_the_quick_look_agrees_with_the_long_one(case: Case) -> None:
    """A key that is skipped as in sync has no actions when it is looked at thoroughly."""
    rows = [Row(incarnation=Incarnation(name="a"), key=item) for item in case.rows if not item.foreign]
    where, receipts = case.account, case.receipts
    if in_sync(case.declared, rows, where, receipts):
        listing = Listing(keys=case.rows)
        found = actions_for_key(
            case.declared, rows, account=where, listing=listing, receipts=receipts, now=NOW
        )
        assert not found


def only(case_or_rows: tuple[ObservedKey, ...], declared: DesiredKey, **values: Any) -> Action:
    """Return the one action of a case."""
    (action,) = Case("", case_or_rows, (), declared, **values).plan()
    return action


def test_a_create_says_what_and_where() -> None:
    """A new key is planned with its remote name, its declared spec and the sinks of its secret."""
    action = only((), key(deliver=(LOCAL, APP), protected=True), where={"namespace": "team"})
    assert (action.incarnation, action.generation, action.attempt) == ("team/a", 1, 1)
    assert (action.before, action.after, action.deliver) == (None, SPEC, (LOCAL, APP))
    assert action.protected
    assert action.direction is Direction.WIDENS
    assert action.mark is not None


def test_a_rotation_names_the_next_generation() -> None:
    """The successor is minted under its own name beside the predecessor."""
    action = only((row("1"),), G2, receipts=held(row("1")))
    assert (action.incarnation, action.generation, action.attempt) == ("a~2", 2, 1)


def test_a_lost_birth_names_the_next_attempt() -> None:
    """After dead attempts the next one is minted, never the same name again."""
    rows = (unborn("1", enabled=False), unborn("2", "a~1.4", enabled=False))
    action = only(rows, key())
    assert (action.incarnation, action.attempt) == ("a~1.5", 5)


def test_secrets_that_are_lost_again_and_again_are_for_a_person() -> None:
    """Else a schedule would mint disabled keys for ever at a provider that deletes none."""
    lost = tuple(
        unborn(str(attempt), "a" if attempt == 1 else f"a~1.{attempt}", enabled=False)
        for attempt in range(1, MOST_ATTEMPTS + 1)
    )
    assert only(lost[:-1], key()).op is OP.CREATE
    action = only(lost, key())
    assert (action.op, action.reason) == (OP.BLOCKED, WHY.LOST)
    assert "raise `generation`" in action.note


def test_duplicates_are_named() -> None:
    """Whoever has to decide between two live keys is told both ids."""
    action = only((row("id-1"), row("id-2")), key())
    assert "ids id-1 and id-2;" in action.note


def test_a_newer_generation_is_named() -> None:
    """The remedy says which generation to declare."""
    action = only((row("1"), row("2", "a~2"), row("3", "a~7")), key(), receipts=held(row("1")))
    assert "declare `generation: 7`" in action.note
    assert action.remote_id == "3"


@pytest.mark.parametrize("remedy", ["raise `generation`", "`adopt` its id", "drop `deliver`"])
def test_a_key_without_custody_is_blocked_with_its_remedies(remedy: str) -> None:
    """A key that somebody may be using waits for a decision, and the ways out are spelled out."""
    assert remedy in only((row("1"),), key()).note


@pytest.mark.parametrize(
    ("case", "word"),
    [
        (
            Case("", (unborn("9", "other"),), listing={"creates_refused": "no names are shown"}),
            "no names are shown",
        ),
        (Case("", where={"mintable": False}), "example creates no keys"),
        (Case("", declared=key(deliver=())), "declare `deliver`"),
        (Case("", declared=key(adopt="9")), "correct the id"),
        (Case("", receipts={LOCAL: receipt("7")}), "id 7 is hidden, deleted or not listed yet; plan again"),
    ],
)
def test_a_key_that_cannot_be_minted_says_why(case: Case, word: str) -> None:
    """Each block ends with what to do about it, and costs no request."""
    (action,) = case.plan()
    assert word in action.note
    assert (action.op, action.requests, action.remote_id) == (OP.BLOCKED, 0, None)


def test_an_update_sets_the_managed_fields_only() -> None:
    """Fields that nobody declares stay out of before and after, and so does the switch."""
    live = row("1", spec={**SPEC, **usd(total=50, weekly=9), "group": "x"})
    action = only((live,), key(), receipts=held(live))
    assert action.before == {"limits.daily_usd": 5 * USD, "limits.concurrency": 5, **usd(total=50)}
    assert action.after == {name: value for name, value in SPEC.items() if name != "enabled"}
    assert action.used_micro_usd == 7 * USD


def test_an_update_sets_hidden_fields_along_with_the_drifted_one() -> None:
    """What the provider does not show is no reason for a write, and is written with the next one."""
    live = row("1", spec=usd(total=50))
    action = only((live,), key(), receipts=held(live))
    assert action.before == usd(total=50)
    assert set(action.after or ()) == set(SPEC) - {"enabled"}


def test_a_change_both_ways_is_two_steps() -> None:
    """A part that narrows is done with the tightening, the rest with the loosening, each field once."""
    live = row("1", spec={**SPEC, **usd(total=500, daily=1), "group": "x"})
    declared = key(spec={**SPEC, "group": "y"})
    tight, loose = Case("", (live,), (), declared, held(live)).plan()
    assert (tight.op, tight.direction, tight.after) == (OP.UPDATE, Direction.NARROWS, usd(total=100))
    assert tight.before == usd(total=500)
    assert (loose.op, loose.direction) == (OP.UPDATE, Direction.WIDENS)
    assert loose.after == {**usd(daily=5), "limits.concurrency": 5, "group": "y"}
    assert loose.before == {**usd(daily=1), "limits.concurrency": 5, "group": "x"}


def test_a_delivery_of_a_key_in_use_leaves_it_as_it_is() -> None:
    """Revealing a secret again changes no field; what differs is planned, counted and protected apart."""
    deliver, update = Case("", (DRIFTED,), (), key(), where=REVEALS).plan()
    assert (deliver.before, deliver.after) == ({**SPEC, **usd(total=50)}, None)
    assert deliver.direction is Direction.NEUTRAL
    assert deliver.deliver == (Delivery(sink="local", name="A"),)
    assert update.op is OP.UPDATE


def test_a_half_born_key_is_finished_to_its_spec() -> None:
    """The recovery of an unborn key is the rest of its birth: from the floor to the declared spec."""
    action = only((unborn("1"),), key())
    assert action.before == {**FLOOR, "enabled": True}
    assert action.after == SPEC
    assert action.direction is Direction.WIDENS


def test_protection_is_carried_by_every_step_on_a_key() -> None:
    """The executor sees on the action itself that the key refuses to be cut off."""
    protected: dict[str, Any] = {"protected": True}
    cases = [
        Case("", (row("1"),), (), key(spec=OFF, **protected), held(row("1"))),
        Case("", (row("1"),), (), key(generation=2, **protected), held(row("1"))),
        Case("", (row("1"), SUCCESSOR), (), key(generation=2, **protected), held(SUCCESSOR)),
        Case("", (row("1"),), (), key(absent=True, **protected)),
        Case("", (row("1"),), (), key(absent=True, **protected), where={"deletes": True}),
        Case("", (row("1"),), (), key(spec=OFF, **protected), where=REVEALS),
        Case("", (row("1"),), (), key(spec=OFF, **protected)),
        Case("", (row("1"), row("2")), (), key(**protected)),
        Case("", (), (), key(deliver=(), **protected)),
    ]
    for case in cases:
        assert case.plan()
        assert all(action.protected for action in case.plan())


def test_the_clean_up_of_a_lost_birth_is_not_protected() -> None:
    """A key at the floor that nobody can use goes, also when its successor is protected."""
    actions = Case("", (unborn("1"), unborn("2")), (), key(protected=True)).plan()
    assert [action.protected for action in actions] == [False, False, True]


def test_a_deletion_is_of_the_row_that_was_reviewed() -> None:
    """The action says whether the key was on, so that one switched on since is not deleted."""
    rows = (row("1"), row("2", "a~2", enabled=False))
    actions = Case("", rows, (), key(absent=True), where={"deletes": True}).plan()
    assert [action.before for action in actions] == [{"enabled": True}, {"enabled": False}]
    assert [action.after for action in actions] == [None, None]


def test_the_remote_name_of_the_row_is_what_is_acted_on() -> None:
    """An adopted or renamed row keeps its remote name in the plan; a nameless one is called by its key."""
    adopted = only((row("9", "by hand", {**SPEC, **usd(total=1)}),), key(adopt="9"))
    assert (adopted.name, adopted.incarnation) == ("a", "by hand")
    nameless = only((row("9", None, {**SPEC, **usd(total=1)}),), key(adopt="9"))
    assert nameless.incarnation == "a"
    renamed = only((row("1", "old", {**SPEC, **usd(total=1)}),), key("a", deliver=(), renamed_from="old"))
    assert (renamed.address, renamed.incarnation) == ("acc/a", "old")


def test_the_table_covers_every_reason_of_a_declared_key() -> None:
    """Each reason that a declared key can have stands in the table above."""
    seen = {reason for case in CASES for _, _, reason in case.steps}
    elsewhere = {WHY.UNDECLARED, WHY.EMPTY, WHY.EMERGENCY, WHY.MOVED, WHY.RENAMED}
    elsewhere |= {WHY.REPLACED_NOW, WHY.GRACE_OVER, WHY.OWNER_LEFT}
    assert seen == set(Reason) - elsewhere
