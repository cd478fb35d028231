"""The birth of a key when things go wrong: which row lives on, and where its secret is."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from unittest.mock import patch

import pytest

from reconciler.core.fields import ENABLED, MICRO
from reconciler.core.model import Receipt
from reconciler.core.plan import Operation
from reconciler.core.report import Status
from reconciler.errors import (
    CredentialsError,
    ExitCode,
    KeyNotFoundError,
    OutcomeUnknownError,
    ProviderUnavailableError,
    SecretLostError,
    SinkError,
)
from reconciler.ports.sink import Entry
from reconciler.providers.memory import (
    CLASS_A,
    CLASS_B,
    CLASS_C,
    CLASS_D,
    CLASS_E,
    Behaviour,
    MemoryProvider,
    MemoryServer,
)
from reconciler.sinks.memory import MemorySink, Step
from tests.unit.app.stage import SMALL, Stage, key

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.core.fields import Spec
    from reconciler.core.model import Listing
    from reconciler.core.report import Outcome
    from reconciler.providers.memory import MemoryCall


class KilledError(BaseException):
    """Stands for the end of the process."""


def failing(step: Step, error: BaseException, *, nth: int = 1) -> Callable[[Step], None]:
    """Return a sink hook that raises at the n-th time of a step."""
    seen = 0

    def hook(current: Step) -> None:
        nonlocal seen
        if current is step:
            seen += 1
            if seen == nth:
                raise error

    return hook


def born(behaviour: Behaviour = CLASS_A) -> Stage:
    """Return a stage with one declared key that has not been applied."""
    stage = Stage(behaviour=behaviour)
    stage.declare(key("client-a"))
    return stage


def only(stage: Stage) -> Outcome:
    """Apply, and return the outcome of the only action."""
    (outcome,) = stage.apply().outcomes
    return outcome


def assert_born(stage: Stage, row_id: str) -> None:
    """Exactly this row is live, has the declared limits, and its secret is in the sink."""
    (row,) = stage.live()
    assert row.id == row_id
    assert SMALL.items() <= row.spec.items()
    assert stage.holds("CLIENT_A") == row_id
    held = stage.sinks["local"].store.values["CLIENT_A"]
    assert held.fingerprint() == stage.server.secret_of(row_id).fingerprint()
    assert stage.plan().actions == ()


@pytest.mark.parametrize("behaviour", [CLASS_A, CLASS_B, CLASS_C, CLASS_D, CLASS_E])
def test_every_class_of_provider_gives_birth(behaviour: Behaviour) -> None:
    """Whether the create returns a secret or nothing, the key ends live and in custody."""
    stage = born(behaviour)
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")


def test_a_lost_answer_is_replayed_with_the_same_key() -> None:
    """A timeout after the mint is settled by a replay; there is one row and it is delivered."""
    stage = born()
    stage.on("create_key", OutcomeUnknownError("timeout; run again"), after=True)
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")
    assert len(stage.server.rows()) == 1


def test_an_answer_that_stays_lost_mints_nothing_new_in_this_run() -> None:
    """After the replays the outcome is unknown; the next run recovers the same row."""
    stage = born()
    stage.server.after = lambda call: (
        _raise(OutcomeUnknownError("timeout; run again")) if call.method == "create_key" else None
    )
    assert only(stage).status is Status.UNKNOWN
    assert len([call for call in stage.server.writes if call.method == "create_key"]) == 3
    assert len(stage.server.rows()) == 1
    stage.server.after = None
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")


def test_a_replay_that_cannot_be_sent_leaves_the_outcome_unknown() -> None:
    """A network that is gone after the first create does not turn it into "nothing was executed"."""
    stage = born()
    seen = 0

    def break_down(call: MemoryCall) -> None:
        nonlocal seen
        if call.method == "create_key":
            seen += 1
            if seen > 1:
                message = "no network; run again"
                raise ProviderUnavailableError(message)

    stage.server.before = break_down
    stage.on("create_key", OutcomeUnknownError("timeout; run again"), after=True)
    assert only(stage).status is Status.UNKNOWN


def test_a_lost_answer_without_idempotency_is_found_in_the_list_and_revealed() -> None:
    """Where creates return nothing, the new row is the one of that name that was not there before."""
    stage = born(CLASS_D)
    stage.on("create_key", OutcomeUnknownError("timeout; run again"), after=True)
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")


def test_a_create_that_never_arrived_stays_unknown_without_idempotency() -> None:
    """No row is listed, so nothing is minted again before another run has looked."""
    stage = born(CLASS_D)
    stage.on("create_key", OutcomeUnknownError("timeout; run again"))
    outcome = only(stage)
    assert outcome.status is Status.UNKNOWN
    assert "no such key is listed yet" in outcome.message
    assert stage.server.rows() == ()


def rival_mint(stage: Stage, name: str = "client-a", spec: Spec | None = None) -> None:
    """Let another writer mint the same name right after the first create of this one."""

    def rival(call: MemoryCall) -> None:
        if call.method == "create_key":
            stage.server.after = None
            stage.server.put(name, spec)

    stage.server.after = rival


@pytest.mark.parametrize("behaviour", [CLASS_C, CLASS_D, replace(CLASS_D, returns_secret=True)])
def test_of_twins_the_first_minted_lives(behaviour: Behaviour) -> None:
    """Where creates are not idempotent, the lowest id wins and its twin is disabled."""
    stage = born(behaviour)
    rival_mint(stage)
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")
    assert [row.id for row in stage.server.rows()] == ["k1", "k2"]


@pytest.mark.parametrize("behaviour", [CLASS_D, replace(CLASS_D, returns_secret=True)])
def test_a_twin_that_was_activated_already_wins(behaviour: Behaviour) -> None:
    """The other run was faster, so its row lives on, is delivered once more, and ours is disabled."""
    stage = born(behaviour)
    rival_mint(stage, spec=SMALL)
    assert only(stage).status is Status.DONE
    assert_born(stage, "k2")


def test_a_secret_is_never_delivered_as_that_of_a_twin() -> None:
    """The other run was faster and has disabled our row already, so the answer's secret opens nothing."""
    stage = born(replace(CLASS_D, returns_secret=True))

    def faster(call: MemoryCall) -> None:
        if call.method == "create_key":
            stage.server.after = None
            stage.server.put("client-a", SMALL)
            stage.server.change("k1", {ENABLED: False})

    stage.server.after = faster
    assert only(stage).status is Status.DONE
    assert_born(stage, "k2")


def test_a_twin_that_may_be_in_use_is_not_disabled() -> None:
    """Two rows beyond the floor are for a person to tell apart; the next plan names both."""
    stage = born(CLASS_D)

    def two_rivals(call: MemoryCall) -> None:
        if call.method == "create_key":
            stage.server.after = None
            stage.server.put("client-a", SMALL)
            stage.server.put("client-a", SMALL)

    stage.server.after = two_rivals
    assert only(stage).status is Status.DONE
    assert len(stage.live()) == 2
    (blocked,) = stage.plan().actions
    assert blocked.op is Operation.BLOCKED


def test_a_run_whose_twin_won_disables_its_own_row() -> None:
    """A secret that is shown once belongs to the row of this run, so the run that lost stops."""
    stage = born(CLASS_E)
    rival_mint(stage, spec=SMALL)
    outcome = only(stage)
    assert outcome.status is Status.STALE
    assert "another run minted k2 at the same moment, so k1 is disabled" in outcome.message
    assert [row.id for row in stage.live()] == ["k2"]


def test_a_secret_without_an_id_is_not_guessed_to_be_of_a_twin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both rows are given up when nobody can say whose secret the answer carried."""
    stage = born(CLASS_E)
    rival_mint(stage)
    real = MemoryServer.create
    monkeypatch.setattr(
        MemoryServer, "create", lambda server, request: replace(real(server, request), key_id=None)
    )
    assert only(stage).status is Status.DONE
    (row,) = stage.live()
    assert row.name == "client-a~1.2"


def test_a_secret_in_hand_is_delivered_although_the_list_fails() -> None:
    """The look for twins costs nobody a secret; the next run looks again."""
    stage = born(CLASS_E)
    plan = stage.plan()
    stage.on("list_keys", ProviderUnavailableError("no network; run again"), nth=2)
    assert [outcome.status for outcome in stage.apply(plan).outcomes] == [Status.DONE]
    assert_born(stage, "k1")


def test_a_create_that_returned_nothing_needs_the_list() -> None:
    """Without a list nothing is known of the new row, and the next run finds it."""
    stage = born(CLASS_D)
    plan = stage.plan()
    stage.on("list_keys", ProviderUnavailableError("no network; run again"), nth=2)
    assert [outcome.status for outcome in stage.apply(plan).outcomes] == [Status.FAILED]
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")


@pytest.mark.parametrize("lost", [False, True])
def test_a_list_that_lags_behind_a_create_is_waited_for(*, lost: bool) -> None:
    """Given up at once, the key would be minted again by a next run that comes too soon."""
    stage = born(CLASS_D)
    plan = stage.plan()
    listed = MemoryProvider.list_keys
    lists: list[Listing] = []

    def lagging(provider: MemoryProvider) -> Listing:
        lists.append(listed(provider))
        return replace(lists[-1], keys=()) if len(lists) in {2, 3} else lists[-1]

    if lost:
        stage.on("create_key", OutcomeUnknownError("timeout; run again"), after=True)
    with patch.object(MemoryProvider, "list_keys", lagging):
        assert [outcome.status for outcome in stage.apply(plan).outcomes] == [Status.DONE]
    assert_born(stage, "k1")


def test_a_create_whose_row_is_not_listed_is_unknown() -> None:
    """A list that lags too long ends the run; the next one finds the row."""
    stage = born(CLASS_D)
    stage.server.after = lambda call: stage.server.remove("k1") if call.method == "create_key" else None
    outcome = only(stage)
    assert outcome.status is Status.UNKNOWN
    assert "no new key is called client-a" in outcome.message


def test_a_secret_that_was_not_replayed_costs_one_attempt() -> None:
    """The first row is disabled and the second attempt is delivered, in the same run."""
    stage = born(CLASS_B)
    stage.on("create_key", OutcomeUnknownError("timeout; run again"), after=True)
    assert only(stage).status is Status.DONE
    assert_born(stage, "k2")
    assert [row.name for row in stage.server.rows()] == ["client-a", "client-a~1.2"]


def test_a_provider_that_shows_no_secret_at_all_ends_as_a_custody_failure() -> None:
    """Creates that return nothing, without a reveal, leave only disabled rows behind."""
    stage = born(Behaviour(returns_secret=False))
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "may not hand out secrets at all" in outcome.message
    assert stage.live() == []


def test_a_secret_that_is_lost_twice_ends_as_a_custody_failure() -> None:
    """A provider that never hands out a secret gets two tries; both rows end disabled."""
    stage = born(CLASS_E)
    stage.server.after = lambda call: (
        _raise(SecretLostError("no secret in the answer")) if call.method == "create_key" else None
    )
    report = stage.apply()
    assert report.outcomes[0].status is Status.CUSTODY
    assert report.verdict == ("custody", ExitCode.CUSTODY)
    assert len(stage.server.rows()) == 2
    assert stage.live() == []


def killed_after(stage: Stage, method: str) -> None:
    """Kill the run after a provider call took effect."""
    stage.server.after = lambda call: _raise(KilledError()) if call.method == method else None
    with pytest.raises(KilledError):
        stage.apply()
    stage.server.after = None


@pytest.mark.parametrize(
    ("behaviour", "survivor"), [(CLASS_A, "k1"), (CLASS_B, "k2"), (CLASS_C, "k1"), (CLASS_E, "k2")]
)
def test_a_run_killed_right_after_the_mint_is_finished_by_the_next(
    behaviour: Behaviour, survivor: str
) -> None:
    """Replay or reveal keeps the row; where neither exists it is disabled and minted anew."""
    stage = born(behaviour)
    killed_after(stage, "create_key")
    assert only(stage).status is Status.DONE
    assert_born(stage, survivor)


@pytest.mark.parametrize("step", [Step.PENDING, Step.VALUE, Step.DELIVERED, Step.VERIFY])
def test_a_run_killed_inside_the_delivery_is_finished_by_the_next(step: Step) -> None:
    """Whatever half of the sink was written, the same row ends delivered."""
    stage = born()
    sink = stage.sinks["local"]
    sink.after = failing(step, KilledError())
    with pytest.raises(KilledError):
        stage.apply()
    stage.sinks["local"] = MemorySink(sink.store)
    assert stage.apply().verdict[1] is ExitCode.OK
    assert_born(stage, "k1")


@pytest.mark.parametrize("method", ["update_key", "get_key"])
def test_a_run_killed_around_the_activation_is_finished_by_the_next(method: str) -> None:
    """A delivered key at the floor is ordinary drift."""
    stage = born()
    killed_after(stage, method)
    assert stage.apply().verdict[1] is ExitCode.OK
    assert_born(stage, "k1")


@pytest.mark.parametrize("method", ["create_key", "get_key", "update_key"])
def test_a_killed_plan_can_be_applied_again(method: str) -> None:
    """The saved plan resumes where it was cut: no second row, and the same end."""
    stage = born()
    plan = stage.plan()
    stage.server.after = lambda call: _raise(KilledError()) if call.method == method else None
    with pytest.raises(KilledError):
        stage.apply(plan)
    stage.server.after = None
    assert stage.apply(plan).verdict == ("applied", ExitCode.OK)
    assert_born(stage, "k1")


def test_an_expired_replay_window_costs_one_attempt() -> None:
    """A row older than the window is not replayed, because that could mint a second key."""
    stage = born()
    killed_after(stage, "create_key")
    stage.clock.advance(timedelta(hours=2).total_seconds())
    assert only(stage).status is Status.DONE
    assert_born(stage, "k2")


def test_a_provider_that_forgot_the_create_leaves_one_live_row() -> None:
    """The replay minted another row: that one's secret is in hand, so the first is disabled."""
    stage = born()
    killed_after(stage, "create_key")
    stage.server.forget_creates()
    assert only(stage).status is Status.DONE
    assert_born(stage, "k2")


def test_a_half_born_row_that_was_used_is_left_to_a_person() -> None:
    """Spend on an undelivered row means that somebody has it; it is not disabled."""
    stage = born(CLASS_B)
    killed_after(stage, "create_key")
    plan = stage.plan()
    stage.server.spend("k1", 5)
    assert [action.op for action in stage.plan().actions] == ["blocked"]
    assert stage.apply(plan).outcomes[0].status is Status.STALE
    assert [row.id for row in stage.live()] == ["k1"]


def test_a_row_whose_spend_is_unknown_is_not_disabled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without proof that nobody uses it, a lost secret is reported and the row stays."""
    stage = born(CLASS_B)
    killed_after(stage, "create_key")
    real = stage.server._observed  # a provider that shows no spend

    def blind(row: object) -> object:
        return replace(real(row), used_micro_usd=None, unused=None)  # type: ignore[arg-type]

    monkeypatch.setattr(type(stage.server), "_observed", lambda _, row: blind(row))
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "raise `generation`" in outcome.message
    assert [row.id for row in stage.live()] == ["k1"]


def test_a_sink_that_refuses_its_preflight_stops_the_mint() -> None:
    """Nothing is minted for the key whose entry cannot be written; the other key is."""
    stage = Stage()
    stage.sinks["local"].store.denied.add("CLIENT_A")
    stage.declare(key("client-a"), key("client-b"))
    report = stage.apply()
    assert [outcome.status for outcome in report.outcomes] == [Status.FAILED, Status.DONE]
    assert report.outcomes[0].message.startswith("sink local: entry CLIENT_A")
    assert [row.name for row in stage.live()] == ["client-b"]


def test_a_sink_that_refuses_the_credentials_stops_the_mint_with_its_own_code() -> None:
    """Exit 9, and zero creates."""
    stage = born()
    stage.sinks["local"].before = lambda step: (
        _raise(CredentialsError("renew the token")) if step is Step.PREFLIGHT else None
    )
    report = stage.apply()
    assert report.verdict == ("credentials", ExitCode.CREDENTIALS)
    assert stage.server.writes == ()


def test_a_failed_delivery_disables_the_new_key() -> None:
    """No sink took the secret, so the key is made harmless; the next run mints the next attempt."""
    stage = born()
    sink = stage.sinks["local"]
    sink.before = failing(Step.PUT, SinkError("the disk is full; make room"))
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "k1 is disabled" in outcome.message
    assert stage.live() == []
    assert only(stage).status is Status.DONE
    assert_born(stage, "k2")


def test_a_condemned_attempt_that_the_list_hides_is_delivered_after_all() -> None:
    """Where disabled keys are not listed, the replay brings the condemned row back with its secret."""
    stage = born()
    stage.sinks["local"].before = failing(Step.PUT, SinkError("the disk is full; make room"))
    assert only(stage).status is Status.CUSTODY
    stage.server.hides_disabled = True
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")


@pytest.mark.parametrize(
    ("behaviour", "says"),
    [
        (CLASS_E, "another run minted k1 at the same moment"),
        (replace(CLASS_A, replay_ttl=timedelta(seconds=-1)), "another run delivered k1"),
    ],
    ids=["no idempotency", "a header that is ignored"],
)
def test_two_runs_on_a_provider_without_replays_leave_one_live_key(behaviour: Behaviour, says: str) -> None:
    """The run that comes second disables what it minted, and the first one's secret stays."""
    stage = born(behaviour)
    second: list[Outcome] = []

    def other_run(call: MemoryCall) -> None:
        if call.method == "create_key":
            stage.server.before = None
            second.append(only(stage))

    stage.server.before = other_run
    first = only(stage)
    assert [outcome.status for outcome in second] == [Status.DONE]
    assert first.status is Status.STALE
    assert says in first.message
    assert_born(stage, "k1")


def test_a_second_run_leaves_a_key_off_that_is_declared_off() -> None:
    """Two runs on a key that is declared off end with its secret in the sink and no live row."""
    stage = Stage(behaviour=replace(CLASS_A, idempotent=False))
    stage.declare(key("client-a", spec={**SMALL, "enabled": False}))

    def other_run(call: MemoryCall) -> None:
        if call.method == "create_key":
            stage.server.before = None
            assert only(stage).status is Status.DONE

    stage.server.before = other_run
    assert only(stage).status is Status.STALE
    assert stage.live() == []
    assert stage.holds("CLIENT_A") == "k1"


def test_a_sink_that_cannot_be_looked_at_before_the_delivery_takes_no_secret() -> None:
    """The look for another run's delivery failed, so the new key is disabled and the next run mints again."""
    stage = born()
    stage.sinks["local"].before = failing(Step.STAT, SinkError("no answer; mend it"), nth=3)
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "k1 is disabled" in outcome.message
    assert stage.live() == []


def test_a_saved_plan_goes_on_with_a_delivered_row_at_the_floor() -> None:
    """The secret is in custody, so only the limits are set."""
    stage = born()
    plan = stage.plan()
    stage.server.before = lambda call: _raise(KilledError()) if call.method == "update_key" else None
    with pytest.raises(KilledError):
        stage.apply(plan)
    stage.server.before = None
    assert stage.apply(plan).verdict == ("applied", ExitCode.OK)
    assert_born(stage, "k1")


def test_a_forgotten_create_whose_spend_is_unknown_is_left_to_a_person(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The replay minted another row; without proof that nobody uses the first, the new one is disabled."""
    stage = born()
    killed_after(stage, "create_key")
    stage.server.forget_creates()
    real = type(stage.server)._observed  # a provider that shows no spend

    def blind(self: object, row: object) -> object:
        return replace(real(self, row), used_micro_usd=None, unused=None)  # type: ignore[arg-type]

    monkeypatch.setattr(type(stage.server), "_observed", blind)
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "k1 may be in use" in outcome.message
    assert [row.id for row in stage.live()] == ["k1"]


def test_a_row_that_was_condemned_while_another_run_delivered_it_lives_on() -> None:
    """A replay without a secret looks like a lost one; the run that had the secret is right."""
    stage = born(CLASS_B)
    killed_after(stage, "create_key")
    receipt = Receipt(
        origin=f"memory://{stage.server.seed}",
        address="main/client-a",
        remote_id="k1",
        generation=1,
        attempt=1,
        delivered_at=stage.clock.now(),
    )
    entry = Entry(name="CLIENT_A", address=receipt.address, origin=receipt.origin)

    def slow_other_run(call: MemoryCall) -> None:
        if call.method == "create_key" and call.name == "client-a~1.2":
            stage.sinks["local"].put(entry, stage.server.secret_of("k1"), receipt)

    stage.server.before = slow_other_run
    assert only(stage).status is Status.STALE
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")


def test_a_failed_delivery_that_cannot_be_rolled_back_says_so() -> None:
    """The key stays at the floor and the message tells; the next run recovers it."""
    stage = born()
    stage.sinks["local"].before = failing(Step.PUT, SinkError("the disk is full; make room"))
    stage.on("set_enabled", ProviderUnavailableError("no network; run again"))
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "still enabled at the floor" in outcome.message
    assert only(stage).status is Status.DONE
    assert_born(stage, "k1")


def fan_out(behaviour: Behaviour = CLASS_A, *, generation: int = 1) -> Stage:
    """Return a stage with a key that two sinks get, of which the second refuses once."""
    stage = Stage(behaviour=behaviour, sinks={"local": MemorySink(), "second": MemorySink()})
    if generation > 1:
        stage.declare(key("client-a", deliver=("local", "second")))
        stage.apply()
    stage.declare(key("client-a", deliver=("local", "second"), generation=generation))
    stage.sinks["second"].before = failing(Step.PUT, SinkError("no answer; mend it"))
    return stage


@pytest.mark.parametrize(
    ("behaviour", "row"),
    [(CLASS_A, "k1"), (CLASS_B, "k2"), (CLASS_C, "k1"), (CLASS_D, "k1"), (CLASS_E, "k2")],
)
def test_a_key_that_only_some_sinks_took_is_off_until_all_have_it(behaviour: Behaviour, row: str) -> None:
    """The next run delivers to the others, or mints again where no secret is shown twice."""
    stage = fan_out(behaviour)
    plan = stage.plan()
    (outcome,) = stage.apply(plan).outcomes
    assert outcome.status is Status.CUSTODY
    assert "k1 is disabled until every sink has its secret" in outcome.message
    assert [place for place, _ in outcome.receipts] == ["local/CLIENT_A"]
    assert stage.live() == []
    assert [outcome.status for outcome in stage.apply(plan).outcomes] == [Status.DONE]
    assert_born(stage, row)
    assert stage.holds("CLIENT_A", "second") == row


def test_a_successor_that_only_some_sinks_took_stays_on() -> None:
    """Programs that read the first sink hold it by now, so it is not switched off under them."""
    stage = fan_out(generation=2)
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "k2 stays at the floor because a sink may have its secret" in outcome.message
    assert [row.id for row in stage.live()] == ["k1", "k2"]
    assert only(stage).status is Status.DONE
    assert stage.holds("CLIENT_A", "second") == "k2"


def test_an_unverified_delivery_keeps_its_key() -> None:
    """The sink was written and cannot confirm; the key stays at the floor for the next run."""
    stage = born()
    stage.sinks["local"].before = failing(Step.VERIFY, SinkError("cannot read back; run again"))
    assert only(stage).status is Status.CUSTODY
    (row,) = stage.live()
    assert row.spec["limits.daily_usd"] == MICRO
    assert stage.apply().verdict[1] is ExitCode.OK
    assert_born(stage, "k1")


def test_a_name_that_does_not_come_back_disables_the_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that a later run would not recognise is not delivered."""
    stage = born()
    monkeypatch.setattr(type(stage.server), "_observed", _renaming(stage))
    outcome = only(stage)
    assert outcome.status is Status.FAILED
    assert "does not show client-a as the name" in outcome.message
    assert stage.live() == []
    assert stage.holds("CLIENT_A") is None


def test_a_secret_in_hand_is_delivered_even_when_its_row_cannot_be_seen() -> None:
    """A read that fails right after the mint does not lose the secret."""
    stage = born()
    stage.server.before = lambda call: (
        _raise(KeyNotFoundError("not there yet; run again")) if call.method == "get_key" else None
    )
    assert only(stage).status is Status.FAILED
    assert stage.holds("CLIENT_A") == "k1"
    stage.server.before = None
    assert stage.apply().verdict[1] is ExitCode.OK
    assert_born(stage, "k1")


def test_a_lagging_read_after_the_mint_is_waited_for() -> None:
    """Two reads that do not find the row yet are no error."""
    stage = born()
    seen = 0

    def lag(call: object) -> None:
        nonlocal seen
        if getattr(call, "method", "") == "get_key":
            seen += 1
            if seen <= 2:
                message = "not there yet; run again"
                raise KeyNotFoundError(message)

    stage.server.before = lag
    assert only(stage).status is Status.DONE
    assert stage.clock.slept == [1.0, 2.0]


def test_a_failed_activation_keeps_the_receipts_in_the_report() -> None:
    """The outcome names the sink entry that was written although the limits were not set."""
    stage = born()
    stage.on("update_key", ProviderUnavailableError("no network; run again"))
    outcome = only(stage)
    assert outcome.status is Status.FAILED
    assert [place for place, _ in outcome.receipts] == ["local/CLIENT_A"]
    assert outcome.remote_id == "k1"


def test_live_duplicates_that_nobody_uses_are_disabled_and_minted_anew() -> None:
    """Two undelivered rows of one name end as none of them and one fresh attempt."""
    stage = born()
    stage.server.put("client-a")
    stage.server.put("client-a")
    assert stage.apply().verdict[1] is ExitCode.OK
    assert_born(stage, "k3")


def test_a_saved_create_disables_orphans_that_came_after_the_review() -> None:
    """Rows of ours that nobody can use are cleaned up on the way to the one live key."""
    stage = born()
    plan = stage.plan()
    stage.server.put("client-a")
    stage.server.put("client-a")
    assert stage.apply(plan).verdict[1] is ExitCode.OK
    assert_born(stage, "k3")


def _raise(error: BaseException) -> None:
    raise error


def _renaming(stage: Stage) -> Callable[[object, object], object]:
    real = type(stage.server)._observed  # a provider that makes its own names

    def observed(self: object, row: object) -> object:
        return replace(real(self, row), name="key-1")  # type: ignore[arg-type]

    return observed
