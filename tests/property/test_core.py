"""What holds in every world: plans lead to where they say, in safe steps, and then there is nothing to do."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from reconciler.core.decision import ALREADY, Verdict, compare, decide
from reconciler.core.fields import (
    ENABLED,
    Direction,
    changed_fields,
    differs,
    direction,
    from_document,
    money,
    money_text,
    to_document,
)
from reconciler.core.identity import Incarnation, idempotency_key, parse_remote_name, remote_name
from reconciler.core.model import Listing, ObservedKey, ObservedState, Receipt
from reconciler.core.plan import Operation, Phase, Reason, phase
from reconciler.core.plan_document import canonical, plan_document
from reconciler.core.resolution import governed_rows, is_unborn, is_unusable, resolve
from tests.property.strategies import World, amounts, incarnations, namespaces, shown, specs, texts, worlds
from tests.unit.core.worlds import FLOOR, NOW, desired, held, key, observed, plan_for, row

if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from reconciler.core.fields import Value
    from reconciler.core.model import Delivery, DesiredKey
    from reconciler.core.plan import Action, Plan
    from reconciler.core.resolution import Resolution

OP = Operation


class KilledError(Exception):
    """Raised where a run is cut."""


@dataclass(slots=True, kw_only=True, eq=False)
class Remote:
    """A provider and its sinks in memory, and a run on them that can be cut before any of its writes.

    Args:
        world: what it starts from.
        writes_left: writes until the run is killed.
    """

    world: World
    writes_left: int = 10**6
    rows: dict[str, ObservedKey] = field(init=False)
    receipts: dict[Delivery, Receipt] = field(init=False)
    remembered: set[str] = field(init=False)
    failed: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    usable_at_start: Counter[tuple[str, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.rows = {item.id: item for item in self.world.observed.listings["acc"].keys}
        self.receipts = dict(self.world.observed.receipts)
        self.remembered = set(self.world.remembered)
        self.usable_at_start = self.usable()

    def plan(self) -> Plan:
        """Return the plan for how things stand."""
        return plan_for(self.world.desired, self.observed())

    def observed(self) -> ObservedState:
        """Return how things stand."""
        listing = Listing(keys=tuple(self.rows.values()))
        return ObservedState(listings={"acc": listing}, receipts=self.receipts)

    def usable(self) -> Counter[tuple[str, int]]:
        """Count the live rows of each name and generation that somebody may be using."""
        rows = governed_rows(
            self.world.account, list(self.world.desired.keys), self.observed().listings["acc"]
        )
        return Counter(
            (name, item.incarnation.generation)
            for name, group in rows.items()
            for item in group
            if item.key.live and not (is_unborn(item.key, FLOOR) and is_unusable(item.key))
        )

    def apply(self, plan: Plan) -> None:
        """Carry out a plan as the executor does: each action against the rows as they are now."""
        self.waiting = {item.address for item in plan.blocked}
        for item in plan.work:
            if item.address in self.failed:
                continue
            if item.op in {OP.CREATE, OP.ROTATE, OP.DELIVER}:
                self._give_birth(item)
                continue
            live = self.rows[str(item.remote_id)]
            assert decide(item, live).verdict is Verdict.DO
            self._assert_ours(live)
            if item.op is OP.DELETE:
                self._write()
                del self.rows[live.id]
            else:
                self._set(live.id, item.after or {})

    def _give_birth(self, item: Action) -> None:
        declared = next(one for one in self.world.desired.keys if one.address == item.address)
        found = self._resolve(declared)
        for orphan in found.orphans:
            self._set(orphan.key.id, {ENABLED: False})
        if found.current is None:
            row_id = self._mint(declared, found.last_attempt + 1)
        elif (recovered := self._recover(declared, found)) is None:
            self.failed.add(item.address)
            return
        else:
            row_id = recovered
        for place in declared.deliver:
            self._write()
            self.receipts[place] = self._receipt(declared, row_id)
        self._set(row_id, item.after or {})

    def _recover(self, declared: DesiredKey, found: Resolution) -> str | None:
        """Return the row whose secret is in hand; None where giving up is all that is safe."""
        assert found.current is not None
        current = found.current.key
        replays = self.world.account.capabilities.idempotent_create and current.id in self.remembered
        if self.world.account.capabilities.reveals or replays:
            return current.id
        if not found.unborn or not is_unusable(current):
            return None
        self._set(current.id, {ENABLED: False})
        return self._mint(declared, found.current.incarnation.attempt + 1)

    def _mint(self, declared: DesiredKey, attempt: int) -> str:
        self._write()
        incarnation = Incarnation(
            name=declared.name, generation=declared.lifecycle.generation, attempt=attempt
        )
        name = remote_name(incarnation, self.world.account.namespace)
        adopted = {one.lifecycle.adopt for one in self.world.desired.keys}
        assert all(
            item.name != name or not item.live or item.foreign or item.id in adopted
            for item in self.rows.values()
        )
        born = row(f"minted-{len(self.rows)}-{name}", name, FLOOR, used=0)
        self.rows[born.id] = shown(born, shows_spend=self.world.shows_spend, hidden=self.world.hidden)
        self.remembered.add(born.id)
        self._check()
        return born.id

    def _set(self, row_id: str, after: Mapping[str, Value]) -> None:
        self._write()
        live = self.rows[row_id]
        self._assert_ours(live)
        spec = {
            **live.spec,
            **{name: value for name, value in after.items() if name not in self.world.hidden},
        }
        self.rows[row_id] = replace(live, spec=spec)
        self._check()

    def _write(self) -> None:
        if not self.writes_left:
            raise KilledError
        self.writes_left -= 1

    def _check(self) -> None:
        """Assert that nobody got a second usable key of one name and generation."""
        for which, count in self.usable().items():
            assert count <= max(1, self.usable_at_start[which])

    def _assert_ours(self, live: ObservedKey) -> None:
        """Assert, independently of the planner, that a row is one that this repository answers for."""
        keys = self.world.desired.keys
        assert not live.foreign
        if live.id in {one.lifecycle.adopt for one in keys}:
            return
        namespace = self.world.account.namespace
        assert live.name is not None
        assert namespace is None or live.name.startswith(f"{namespace}/")
        bare = live.name.removeprefix(f"{namespace}/")
        assert "/" not in bare
        names = {one.name for one in keys} | {one.lifecycle.renamed_from for one in keys}
        assert namespace is not None or bare.split("~")[0] in names

    def _resolve(self, declared: DesiredKey) -> Resolution:
        where = self.world.account
        rows = governed_rows(where, list(self.world.desired.keys), self.observed().listings["acc"])
        own = rows.get(declared.name, [])
        return resolve(declared, own, origin=where.origin, floor=FLOOR, receipts=self.receipts)

    def _receipt(self, declared: DesiredKey, row_id: str) -> Receipt:
        return Receipt(
            origin=self.world.account.origin,
            address=declared.address,
            remote_id=row_id,
            generation=declared.lifecycle.generation,
            attempt=1,
            delivered_at=NOW,
        )


def converged(remote: Remote) -> bool:
    """Tell whether nothing is left to do but for the keys that a person had to see to."""
    return all(item.address in remote.failed | remote.waiting for item in remote.plan().work)


@given(worlds())
def test_a_second_plan_is_empty(world: World) -> None:
    """From any drifted world one apply leads to where a new plan has nothing to do."""
    remote = Remote(world=world)
    remote.apply(remote.plan())
    assert converged(remote)
    # Switching off a key that waits for a person may be what it was waiting for, so one more round counts.
    remote.apply(remote.plan())
    assert all(item.address in remote.failed for item in remote.plan().work)


@given(worlds(), st.integers(0, 6))
def test_a_run_that_is_killed_is_finished_by_the_next(world: World, writes: int) -> None:
    """Cut before any write, the next run takes up from what it finds, and never makes a second usable key."""
    remote = Remote(world=world, writes_left=writes)
    try:
        remote.apply(remote.plan())
    except KilledError:
        remote.failed.clear()
    remote.writes_left = 10**6
    remote.apply(remote.plan())
    assert converged(remote)


@given(worlds())
def test_every_key_that_was_not_refused_ends_as_declared(world: World) -> None:
    """After the apply each declared key is live and equal to its spec, with its secret in every sink."""
    remote = Remote(world=world)
    remote.apply(remote.plan())
    waiting = {item.address for item in remote.plan().blocked} | remote.failed | remote.waiting
    for declared in world.desired.keys:
        if declared.address in waiting:
            continue
        if declared.lifecycle.absent:
            assert all(count == 0 for (name, _), count in remote.usable().items() if name == declared.name)
            continue
        found = remote._resolve(declared)
        assert found.in_custody
        assert found.current is not None
        assert not differs(declared.spec, found.current.key.spec)
        assert not found.orphans
        assert not found.rivals


@given(worlds())
def test_what_may_be_in_use_is_cut_off_only_where_it_was_asked_for(world: World) -> None:
    """A live row is disabled where the files say so, where it is replaced, or where it was never used."""
    remote = Remote(world=world)
    keys = {one.address: one for one in world.desired.keys}
    for item in remote.plan().work:
        if item.op not in {OP.DISABLE, OP.RETIRE, OP.DELETE}:
            continue
        live = remote.rows[str(item.remote_id)]
        declared = keys.get(item.address)
        if item.reason is Reason.LOST:
            assert is_unborn(live, FLOOR)
            assert live.used_micro_usd == 0
        elif declared is None:
            assert item.reason is Reason.UNDECLARED
            assert world.account.namespace == "team"
        else:
            off = declared.spec.get(ENABLED) is False or declared.lifecycle.absent
            successor = remote._resolve(declared).current
            assert off or (
                item.op is OP.RETIRE
                and item.generation < declared.lifecycle.generation
                and successor is not None
                and successor.key.live
            )


@given(worlds())
def test_no_plan_mints_beside_a_key_in_use(world: World) -> None:
    """A key is minted only where no live row of its generation could be in anybody's hands."""
    remote = Remote(world=world)
    usable = remote.usable()
    minted = Counter(item.address for item in remote.plan().work if item.op in {OP.CREATE, OP.ROTATE})
    assert all(count == 1 for count in minted.values())
    for item in remote.plan().work:
        if item.op in {OP.CREATE, OP.ROTATE}:
            assert not usable[item.name, item.generation]
            adopted = {one.lifecycle.adopt for one in world.desired.keys}
            named = [live for live in remote.rows.values() if live.name == item.incarnation]
            assert all(live.foreign or live.id in adopted for live in named)


@given(worlds(), st.randoms(use_true_random=False))
def test_a_plan_is_a_pure_function_of_the_world(world: World, shuffler: random.Random) -> None:
    """Shuffled rows, keys and receipts give the same bytes."""
    rows = list(world.observed.listings["acc"].keys)
    keys = list(world.desired.keys)
    receipts = list(world.observed.receipts.items())
    for items in (rows, keys, receipts):
        shuffler.shuffle(items)
    mixed = ObservedState(listings={"acc": Listing(keys=tuple(rows))}, receipts=dict(receipts))
    first = canonical(plan_document(plan_for(world.desired, world.observed)))
    assert canonical(plan_document(plan_for(replace(world.desired, keys=tuple(keys)), mixed))) == first


@given(worlds())
def test_the_order_of_work_holds_in_every_plan(world: World) -> None:
    """Phases never go back, tightening never adds to a limit, and loosening never takes from one."""
    plan = plan_for(world.desired, world.observed)
    order = list(Phase)
    positions = [order.index(phase(item)) for item in plan.actions]
    assert positions == sorted(positions)
    for item in plan.actions:
        if item.op is OP.UPDATE:
            directions = {
                direction(item.before or {}, {name: value}) for name, value in (item.after or {}).items()
            }
            unwanted = Direction.WIDENS if phase(item) is Phase.TIGHTEN else Direction.NARROWS
            assert unwanted not in directions
    for first, second in itertools.pairwise(plan.actions):
        if first.address == second.address and first.op is OP.ENABLE:
            assert second.op is not OP.UPDATE


@given(st.lists(specs, min_size=1, max_size=4))
def test_a_world_as_declared_has_an_empty_plan(declared: list[dict[str, Value]]) -> None:
    """Whatever is declared, rows that show exactly that need nothing."""
    keys = [key(f"k{number}", spec) for number, spec in enumerate(declared)]
    rows = [ObservedKey(id=str(number), name=f"k{number}", spec=spec) for number, spec in enumerate(declared)]
    assert plan_for(desired(*keys), observed(*rows, receipts=held(*rows))).actions == ()


@given(specs, specs, st.data())
def test_any_mixture_of_before_and_after_ends_in_after(
    before: dict[str, Value], after: dict[str, Value], data: st.DataObject
) -> None:
    """Where a run was cut in the middle of an update, finishing it gives what was reviewed."""
    before = {name: before.get(name, value) for name, value in after.items()}
    live = {name: data.draw(st.sampled_from((before[name], value))) for name, value in after.items()}
    decision = compare(live, before=before, after=after)
    assert decision.verdict is (Verdict.DO if differs(after, live) else Verdict.ALREADY)
    assert compare({**live, **after}, before=before, after=after) == ALREADY


@given(specs, specs, st.data())
def test_a_third_value_is_stale_and_named(
    before: dict[str, Value], after: dict[str, Value], data: st.DataObject
) -> None:
    """A value that is neither the reviewed old nor the reviewed new one stops the action, by name."""
    assume(after)
    name = data.draw(st.sampled_from(sorted(after)))
    decision = compare({**before, **after, name: "a third value"}, before=before, after=after)
    assert decision.verdict is Verdict.STALE
    assert name in decision.why


@given(incarnations, namespaces)
def test_a_name_is_read_back(incarnation: Incarnation, namespace: str | None) -> None:
    """Every name that is written is read as the same incarnation."""
    assert parse_remote_name(remote_name(incarnation, namespace), namespace) == incarnation


@given(texts, namespaces)
@example("a~1", None)
@example("team/a~2.1", "team")
def test_a_name_that_is_read_is_written_the_same(text: str, namespace: str | None) -> None:
    """No two texts are one incarnation: what is accepted is exactly what would be written."""
    incarnation = parse_remote_name(text, namespace)
    if incarnation is not None:
        assert remote_name(incarnation, namespace) == text


@given(incarnations, namespaces, namespaces)
def test_a_name_is_in_one_namespace(incarnation: Incarnation, ours: str | None, theirs: str | None) -> None:
    """What one namespace writes is foreign to every other, prefixes of one another included."""
    assume(ours != theirs)
    assert parse_remote_name(remote_name(incarnation, ours), theirs) is None


@given(st.lists(st.tuples(texts, texts, texts), min_size=2, max_size=2, unique=True))
def test_idempotency_keys_do_not_collide(inputs: list[tuple[str, str, str]]) -> None:
    """Different inputs have different keys, wherever the borders between them are."""
    keys = {
        idempotency_key(
            b"salt", origin="o", account=account, namespace=namespace, incarnation=Incarnation(name=name)
        )
        for account, namespace, name in inputs
    }
    assert len(keys) == 2


@given(amounts)
def test_money_is_printed_and_read_back(micro_usd: int) -> None:
    """An amount survives its text, and the text has no zero too many."""
    text = money_text(micro_usd)
    assert money(text) == micro_usd
    assert "." not in text or not text.endswith("0")


@given(texts)
def test_money_reads_canonical_amounts_or_refuses(text: str) -> None:
    """No text makes it crash or read a negative number."""
    try:
        assert money(text) >= 0
    except ValueError as error:
        assert "decimal" in str(error)  # noqa: PT017  # either answer is right, a third is not


@given(specs)
def test_a_spec_survives_its_document(spec: dict[str, Value]) -> None:
    """Every canonical spec is read back from its plan file."""
    assert from_document(to_document(spec)) == spec


@given(specs, specs)
def test_changed_fields_are_those_that_differ(before: dict[str, Value], after: dict[str, Value]) -> None:
    """The slow comparison names exactly the fields whose values differ, whatever else stands beside them."""
    missing = object()
    expected = sorted(
        name for name in before.keys() | after.keys() if before.get(name, missing) != after.get(name, missing)
    )
    assert [change.name for change in changed_fields(before, after)] == expected


@given(specs, specs)
def test_going_back_never_widens_what_only_narrowed(
    before: dict[str, Value], after: dict[str, Value]
) -> None:
    """A change that narrows widens on the way back, so that no pair of changes adds access unseen."""
    if direction(before, after) is Direction.NARROWS:
        assert direction(after, before) is Direction.WIDENS


@pytest.mark.parametrize("writes", range(5))
def test_the_kill_points_of_one_birth(writes: int) -> None:
    """Killed after each of the writes of a first birth, there is one live key in the end, and it is kept."""
    world = World(
        desired=desired(key()),
        observed=observed(),
        remembered=frozenset(),
        shows_spend=True,
        hidden=frozenset(),
    )
    remote = Remote(world=world, writes_left=writes)
    try:
        remote.apply(remote.plan())
    except KilledError:
        assert writes < 3
    remote.writes_left = 9
    remote.apply(remote.plan())
    assert remote.plan().actions == ()
    (only,) = remote.rows.values()
    assert [held.remote_id for held in remote.receipts.values()] == [only.id]
    assert only.spec == key().spec
