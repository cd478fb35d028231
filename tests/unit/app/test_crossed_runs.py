"""Two runs that cross each other, and runs that are cut between two writes: what the simulation found."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.core.fields import ENABLED, MICRO
from reconciler.core.model import Receipt
from reconciler.core.report import Status
from reconciler.errors import OutcomeUnknownError, ProviderUnavailableError, SecretLostError, SinkError
from reconciler.ports.sink import Entry
from reconciler.providers.memory import CLASS_A, CLASS_B, CLASS_C, CLASS_D, CLASS_E
from reconciler.sinks.memory import Kind, MemorySink, Step
from tests.unit.app.stage import SMALL, Stage, key

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.providers.memory import Behaviour, MemoryCall


class KilledError(BaseException):
    """The process dies here; nothing may catch it."""


def born(behaviour: Behaviour = CLASS_A, kind: Kind = Kind.READABLE) -> Stage:
    """Return a stage with one key to be born."""
    stage = Stage(behaviour=behaviour, sinks={"local": MemorySink(kind=kind)})
    stage.declare(key("client-a"))
    return stage


def at(stage: Stage, method: str, then: Callable[[], object], nth: int = 1) -> None:
    """Do something right before the n-th call of a method; once."""
    seen = 0

    def hook(call: MemoryCall) -> None:
        nonlocal seen
        seen += call.method == method
        if call.method == method and seen == nth:
            stage.server.before = None
            then()

    stage.server.before = hook


def die() -> None:
    """End the process."""
    raise KilledError


def deliver(stage: Stage, key_id: str, generation: int = 1) -> None:
    """Deliver a row's secret, as another run would."""
    receipt = Receipt(
        origin=f"memory://{stage.server.seed}",
        address="main/client-a",
        remote_id=key_id,
        generation=generation,
        attempt=1,
        delivered_at=stage.clock.now(),
    )
    entry = Entry(name="CLIENT_A", address=receipt.address, origin=receipt.origin)
    stage.sinks["local"].put(entry, stage.server.secret_of(key_id), receipt)


def assert_live(stage: Stage, key_id: str) -> None:
    """Hold the end against the declaration: one live key, its limits set, its secret in the sink."""
    (row,) = stage.live()
    assert row.id == key_id
    assert {name: row.spec[name] for name in SMALL} == SMALL
    assert stage.holds("CLIENT_A") == key_id
    assert stage.plan().actions == ()


def test_a_key_condemned_while_its_delivery_was_on_its_way_is_revived() -> None:
    """Off, at the floor, and its secret in the sink: the next run switches it on and sets its limits."""
    stage = born()
    stage.server.put("client-a", {ENABLED: False})
    deliver(stage, "k1")
    assert [action.op for action in stage.plan().actions] == ["enable"]
    assert stage.apply().outcomes[0].status is Status.DONE
    assert_live(stage, "k1")


@pytest.mark.parametrize("port", ["create_key", "get_key"])
def test_a_predecessors_delivery_that_lands_in_a_rotation_is_overwritten(port: str) -> None:
    """A dead run's request arrives while the successor is born; nothing is lost, and no create is burned."""
    stage = born()
    stage.server.put("client-a")
    stage.declare(key("client-a", generation=2))
    at(stage, port, lambda: deliver(stage, "k1"))
    stage.apply()
    assert [row.name for row in stage.server.rows()] == ["client-a", "client-a~2"]
    assert stage.holds("CLIENT_A") == "k2"
    assert stage.apply().verdict[0] in {"nothing to do", "applied"}
    assert len(stage.server.rows()) == 2


def test_a_successors_delivery_that_lands_in_a_birth_is_kept() -> None:
    """An old plan that is applied beside a newer one yields to the later generation."""
    stage = born()

    def newer() -> None:
        deliver(stage, stage.server.put("client-a~2"), generation=2)

    at(stage, "create_key", newer)
    assert stage.apply().outcomes[0].status is Status.STALE
    assert stage.holds("CLIENT_A") == "k1"


def lost_twins(stage: Stage) -> tuple[str, str]:
    """Make two rows of the key that no run has delivered, as two runs leave whose lists lag."""
    floor = stage.server.client().capabilities.floor
    return stage.server.put("client-a", floor), stage.server.put("client-a", floor)


@pytest.mark.parametrize("delivered", [True, False])
@pytest.mark.parametrize("raised", [True, False])
def test_a_lost_row_that_was_found_again_is_not_switched_off(*, delivered: bool, raised: bool) -> None:
    """A saved plan calls it lost; another run has delivered or activated it by now."""
    stage = born(CLASS_D)
    first, second = lost_twins(stage)
    plan = stage.plan()
    assert {action.remote_id for action in plan.actions if action.op == "disable"} == {first, second}
    if delivered:
        deliver(stage, first)
    if raised:
        stage.server.change(first, SMALL)
    switched = [outcome for outcome in stage.apply(plan).outcomes if outcome.action.op == "disable"]
    taken = delivered or raised
    assert [item.status is Status.STALE for item in switched if item.remote_id == first] == [taken]
    assert (first in {row.id for row in stage.live()}) is taken


def test_a_lost_row_is_looked_at_right_before_it_is_switched_off() -> None:
    """Another run activates it after this one has listed the account."""
    stage = born(CLASS_D)
    first, _ = lost_twins(stage)
    at(stage, "get_key", lambda: stage.server.change(first, SMALL))
    statuses = [outcome.status for outcome in stage.apply().outcomes]
    assert statuses == [Status.STALE, Status.NOT_ATTEMPTED, Status.NOT_ATTEMPTED]
    assert first in {row.id for row in stage.live()}


def test_a_revival_that_is_killed_half_way_is_finished() -> None:
    """Switched on before its limits rise, so that what is missing shows as a drift."""
    stage = born()
    stage.server.put("client-a", {ENABLED: False})
    deliver(stage, "k1")
    at(stage, "update_key", die)
    with pytest.raises(KilledError):
        stage.apply()
    assert stage.apply().outcomes[0].status is Status.DONE
    assert_live(stage, "k1")


def test_a_saved_create_switches_a_delivered_and_condemned_key_on() -> None:
    """The plan was made before the other run's delivery arrived; a birth ends with a live key."""
    stage = born()
    plan = stage.plan()
    stage.server.put("client-a", {ENABLED: False})
    deliver(stage, "k1")
    assert stage.apply(plan).outcomes[0].status is Status.DONE
    assert_live(stage, "k1")


def test_a_delivery_of_an_existing_key_never_becomes_a_birth() -> None:
    """Reviewed was this row's secret; the row went to the floor meanwhile, and nothing is minted."""
    stage = born(CLASS_C, Kind.WRITE_ONLY)
    stage.apply()
    plan = stage.plan()
    assert [action.reason.name for action in plan.actions] == ["CUSTODY"]
    stage.server.change("k1", {ENABLED: False, "limits.daily_usd": MICRO, "limits.total_usd": MICRO})
    stage.server.change("k1", {"limits.concurrency": 1})
    assert stage.apply(plan).outcomes[0].status is Status.STALE
    assert [row.id for row in stage.server.rows()] == ["k1"]


def test_a_row_that_the_list_hides_is_not_taken_for_lost_while_it_is_in_use() -> None:
    """A replay names a row that no list shows yet; it is live above the floor, so nothing is minted."""
    stage = born(CLASS_B)
    plan = stage.plan()
    stage.apply()
    stage.sinks["local"] = MemorySink(kind=Kind.READABLE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(stage.server), "rows", lambda _: ())
        outcome = stage.apply(plan).outcomes[0]
    assert outcome.status is Status.STALE
    assert "k1 was minted by another run" in outcome.message
    assert [row.id for row in stage.live()] == ["k1"]


def test_a_row_that_is_nowhere_any_more_is_not_condemned() -> None:
    """A replay names a row that was deleted since: the next attempt is minted."""
    stage = born(CLASS_B)
    at(stage, "get_key", die)
    with pytest.raises(KilledError):
        stage.apply()
    stage.server.remove("k1")
    assert stage.apply().outcomes[0].status is Status.DONE
    assert_live(stage, "k2")


def test_a_replay_that_mints_another_row_disables_the_first_at_once() -> None:
    """The provider ignores the idempotency key: whose secret is in hand stays, the other goes off."""
    stage = born()
    create = type(stage.server).create

    def forgetful(server: object, request: object) -> object:
        stage.server.forget_creates()
        return create(server, request)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(stage.server), "create", forgetful)
        stage.on("create_key", OutcomeUnknownError("no answer; run again"), after=True)
        outcome = stage.apply().outcomes[0]
    assert outcome.status is Status.DONE
    assert_live(stage, "k2")


def test_an_answer_without_its_secret_is_asked_for_again_where_creates_are_replayed() -> None:
    """The secret was lost on the way; the same create answers with it, so no attempt is burned."""
    stage = born()
    stage.on("create_key", SecretLostError("the answer has no secret", key_id="k1"), after=True)
    assert stage.apply().outcomes[0].status is Status.DONE
    assert_live(stage, "k1")


def test_a_key_that_another_run_activated_is_not_condemned() -> None:
    """A failed delivery wants to disable the row, and finds it at work: it stays on."""
    stage = born()

    def activated() -> None:
        stage.server.change("k1", SMALL)
        deliver(stage, "k1")

    stage.sinks["local"].before = _failing_put(stage, then=activated)
    outcome = stage.apply().outcomes[0]
    assert outcome.status is Status.CUSTODY
    assert "another run delivered k1" in outcome.message
    assert_live(stage, "k1")


def test_a_key_activated_at_the_moment_of_its_condemnation_is_pardoned() -> None:
    """The read back sees the other run's limits, so the key is switched on again."""
    stage = born()
    stage.sinks["local"].before = _failing_put(stage, then=lambda: None)

    def activated() -> None:
        stage.server.change("k1", SMALL)
        stage.sinks["local"] = MemorySink(stage.sinks["local"].store)
        deliver(stage, "k1")

    at(stage, "set_enabled", activated)
    outcome = stage.apply().outcomes[0]
    assert outcome.status is Status.CUSTODY
    assert_live(stage, "k1")


def test_a_row_that_cannot_be_looked_at_is_condemned_all_the_same() -> None:
    """The look before a disable is a courtesy: without it the row goes off, as it did before."""
    stage = born(CLASS_E)
    stage.sinks["local"].before = _failing_put(
        stage, then=lambda: stage.on("get_key", ProviderUnavailableError("no network; run again"))
    )
    assert stage.apply().outcomes[0].status is Status.CUSTODY
    assert stage.live() == []


def test_an_update_does_not_hide_that_the_key_was_condemned() -> None:
    """Raising the limits of a key that went off would make it look switched off by hand."""
    stage = born()
    stage.server.put("client-a")
    deliver(stage, "k1")
    plan = stage.plan()
    assert [action.op for action in plan.actions] == ["update"]
    stage.server.change("k1", {ENABLED: False})
    assert stage.apply(plan).outcomes[0].status is Status.STALE
    assert stage.apply().outcomes[0].status is Status.DONE
    assert_live(stage, "k1")


def test_a_replayed_key_in_use_under_another_name_is_left_alone() -> None:
    """Somebody renamed it in the panel; it is neither disabled nor delivered anew."""
    stage = born()
    plan = stage.plan()
    stage.apply()
    stage.server.rename("k1", "renamed-by-hand")
    stage.sinks["local"] = MemorySink()
    outcome = stage.apply(plan).outcomes[0]
    assert outcome.status is Status.STALE
    assert "used under another name" in outcome.message
    assert [row.id for row in stage.live()] == ["k1"]


def _failing_put(stage: Stage, then: Callable[[], None]) -> Callable[[Step], None]:
    """Refuse the first put, after something happened."""
    done = False

    def hook(step: Step) -> None:
        nonlocal done
        if step is Step.PUT and not done:
            done = True
            then()
            message = "the disk is full; make room"
            raise SinkError(message)

    del stage
    return hook
