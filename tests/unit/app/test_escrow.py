"""A secret that no sink takes: sealed, never minted twice, and brought into its sinks later."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from reconciler.app.recovery import recover
from reconciler.core.model import Receipt
from reconciler.core.plan import Operation, Reason
from reconciler.core.report import Status
from reconciler.core.secret import Secret
from reconciler.errors import (
    AuditError,
    ExitCode,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
    StalePlanError,
)
from reconciler.ports.sink import Entry
from reconciler.providers.memory import CLASS_A, CLASS_B, CLASS_C, CLASS_D, CLASS_E
from reconciler.sinks.escrow import AgeEscrow, open_sealed
from reconciler.sinks.memory import MemorySink, Step
from tests.contract.age_reader import IDENTITY, RECIPIENT
from tests.unit.app.stage import SMALL, Stage, key

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.core.report import Outcome
    from reconciler.ports.audit import AuditRecord
    from reconciler.providers.memory import Behaviour
    from reconciler.sinks.escrow import Sealed

ONCE = [CLASS_A, CLASS_B, CLASS_E]
IDS = ["A", "B", "E"]


class Trail:
    """Keeps records, and fails from the n-th on."""

    def __init__(self, fails_from: int = 1_000) -> None:
        self.records: list[AuditRecord] = []
        self._fails_from = fails_from

    def append(self, record: AuditRecord) -> None:
        """Keep a record."""
        if len(self.records) + 1 >= self._fails_from:
            msg = "the disk is full"
            raise AuditError(msg)
        self.records.append(record)


def refusing(*steps: Step, error: Exception | None = None) -> Callable[[Step], None]:
    """Return a sink hook that fails at some steps, every time."""

    def hook(step: Step) -> None:
        if step in steps:
            raise error or SinkError("the disk is full; make room")

    return hook


def staged(tmp_path: Path, behaviour: Behaviour = CLASS_E, **more: object) -> Stage:
    """Return a stage with an escrow, and a sink that passes its preflight and takes nothing."""
    stage = Stage(behaviour=behaviour, escrow=AgeEscrow(tmp_path / "escrow", [RECIPIENT]))
    stage.declare(key("client-a", **more))  # type: ignore[arg-type]  # the tests' own keywords
    stage.sinks["local"].before = refusing(Step.PUT)
    return stage


def only(stage: Stage) -> Outcome:
    """Apply, and return the outcome of the only action."""
    (outcome,) = stage.apply().outcomes
    return outcome


def mend(stage: Stage) -> None:
    """Let the sink work again."""
    stage.sinks["local"].before = refusing()


def sealed(tmp_path: Path) -> Sealed:
    """Open the only escrow file."""
    (path,) = (tmp_path / "escrow").glob("*.age")
    return open_sealed(path, Secret(IDENTITY))


@pytest.mark.parametrize("behaviour", ONCE, ids=IDS)
def test_a_refused_secret_is_sealed_and_its_key_waits(tmp_path: Path, behaviour: Behaviour) -> None:
    """Exit 8; the row stays live at the floor, and later plans ask for the recovery, not for a mint."""
    stage = staged(tmp_path, behaviour)
    report = stage.apply()
    assert report.verdict == ("custody", ExitCode.CUSTODY)
    (row,) = stage.live()
    assert row.spec["limits.total_usd"] != SMALL["limits.total_usd"]
    assert sealed(tmp_path).secret.fingerprint() == stage.server.secret_of(row.id).fingerprint()
    assert sealed(tmp_path).receipt.remote_id == row.id
    mend(stage)
    (action,) = stage.plan().actions
    assert (action.op, action.reason) == (Operation.BLOCKED, Reason.ESCROWED)
    assert f"client-a.{row.id}." in action.note
    assert only(stage).status is Status.BLOCKED
    assert [item.id for item in stage.live()] == [row.id]


@pytest.mark.parametrize("behaviour", ONCE, ids=IDS)
def test_a_recovered_secret_is_activated_by_the_next_apply(tmp_path: Path, behaviour: Behaviour) -> None:
    """The sink gets secret and receipt, and the next plan raises the row to what is declared."""
    stage = staged(tmp_path, behaviour)
    only(stage)
    mend(stage)
    found = sealed(tmp_path)
    result = recover(stage.world(), found.secret, found.receipt)
    assert (result.address, result.remote_id, result.entries) == ("main/client-a", "k1", ("local/CLIENT_A",))
    assert not result.already
    assert recover(stage.world(), found.secret, found.receipt).already
    assert only(stage).status is Status.DONE
    (row,) = stage.live()
    assert row.spec["limits.total_usd"] == SMALL["limits.total_usd"]
    assert stage.holds("CLIENT_A") == row.id == "k1"
    assert stage.plan().actions == ()


@pytest.mark.parametrize("behaviour", ONCE, ids=IDS)
def test_where_the_file_is_not_seen_the_design_holds(tmp_path: Path, behaviour: Behaviour) -> None:
    """Another runner replays or condemns, and ends with one live key whose secret is in the sink."""
    stage = staged(tmp_path, behaviour)
    only(stage)
    mend(stage)
    stage.escrow = None
    assert only(stage).status is Status.DONE
    (row,) = stage.live()
    assert stage.holds("CLIENT_A") == row.id
    if row.id != "k1":
        found = sealed(tmp_path)
        with pytest.raises(StalePlanError, match="remove the file"):
            recover(stage.world(), found.secret, found.receipt)


@pytest.mark.parametrize("behaviour", [CLASS_C, CLASS_D], ids=["C", "D"])
def test_a_provider_that_shows_secrets_again_needs_no_escrow(tmp_path: Path, behaviour: Behaviour) -> None:
    """The row stays as it is, nothing is sealed, and the next run delivers."""
    stage = staged(tmp_path, behaviour)
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "can be read again" in outcome.message
    assert list((tmp_path / "escrow").glob("*.age")) == []
    mend(stage)
    assert only(stage).status is Status.DONE
    assert stage.holds("CLIENT_A") == "k1"


def test_a_key_in_use_stays_on_when_its_delivery_fails() -> None:
    """A broken sink never switches off a key that somebody uses."""
    stage = Stage(behaviour=CLASS_D)
    stage.declare(key("client-a"))
    assert only(stage).status is Status.DONE
    stage.server.spend("k1", 1_000)
    stage.sinks["local"] = MemorySink()
    stage.sinks["local"].before = refusing(Step.PUT)
    assert only(stage).status is Status.CUSTODY
    assert [row.id for row in stage.live()] == ["k1"]


def test_a_secret_that_only_one_sink_took_is_sealed_too(tmp_path: Path) -> None:
    """The first sink has it, the second one gets it by the recovery."""
    stage = staged(tmp_path, deliver=("local", "app"))
    stage.sinks["app"] = MemorySink()
    mend(stage)
    stage.sinks["app"].before = refusing(Step.VALUE)
    assert "sealed as" in only(stage).message
    stage.sinks["app"].before = refusing()
    found = sealed(tmp_path)
    recover(stage.world(), found.secret, found.receipt)
    assert (stage.holds("CLIENT_A"), stage.holds("CLIENT_A", "app")) == ("k1", "k1")
    assert only(stage).status is Status.DONE


def test_an_escrow_that_fails_too_disables_the_key(tmp_path: Path) -> None:
    """Nothing is worse than without an escrow, and both reasons are told."""
    stage = staged(tmp_path)
    local, escrow = stage.sinks["local"], tmp_path / "escrow"

    def hook(step: Step) -> None:
        if step is Step.PUT:
            escrow.write_text("a file where the directory should be")
            msg = "the disk is full"
            raise SinkError(msg)

    local.before = hook
    outcome = only(stage)
    assert outcome.status is Status.CUSTODY
    assert "escrow failed too" in outcome.message
    assert "k1 is disabled" in outcome.message
    assert stage.live() == []


def test_an_escrow_that_cannot_seal_stops_every_mint(tmp_path: Path) -> None:
    """The dummy is sealed before the first key is minted."""
    stage = staged(tmp_path)
    stage.escrow = AgeEscrow(tmp_path / "escrow", ["age1nothing"])
    outcome = only(stage)
    assert outcome.status is Status.FAILED
    assert "escrow" in outcome.message
    assert stage.server.writes == ()


def test_a_saved_plan_does_not_mint_past_an_escrow(tmp_path: Path) -> None:
    """A plan from before the secret was sealed is stale, and the row is not condemned."""
    stage = staged(tmp_path)
    plan = stage.plan()
    stage.apply(plan)
    mend(stage)
    (outcome,) = stage.apply(plan).outcomes
    assert outcome.status is Status.STALE
    assert "reconciler recover client-a.k1." in outcome.message
    assert [row.id for row in stage.live()] == ["k1"]


def test_a_key_that_is_declared_off_is_switched_off_in_escrow_too(tmp_path: Path) -> None:
    """Waiting for a person does not keep an unwanted key on."""
    stage = staged(tmp_path)
    only(stage)
    stage.declare(key("client-a", spec={**SMALL, "enabled": False}))
    assert {action.op for action in stage.plan().actions} == {Operation.BLOCKED, Operation.DISABLE}


class TestRecover:
    """What `recover` refuses, with nothing written."""

    @staticmethod
    def refused(stage: Stage, tmp_path: Path, match: str, **changes: object) -> None:
        """Expect a refusal that changes nothing."""
        mend(stage)
        found = sealed(tmp_path)
        writes, receipt = stage.server.writes, replace(found.receipt, **changes)  # type: ignore[arg-type]
        with pytest.raises(StalePlanError, match=match):
            recover(stage.world(), found.secret, receipt)
        assert stage.server.writes == writes
        assert stage.sinks["local"].store.values == {}

    def test_a_key_that_is_not_declared(self, tmp_path: Path) -> None:
        """Not at all, as absent, or without a sink."""
        stage = staged(tmp_path)
        only(stage)
        for declared in ((), (key("client-a", absent=True),), (key("client-a", deliver=()),)):
            stage.declare(*declared)
            self.refused(stage, tmp_path, "not declared any more")

    def test_a_key_of_another_provider(self, tmp_path: Path) -> None:
        """An account that moved to another host has other keys."""
        stage = staged(tmp_path)
        only(stage)
        self.refused(stage, tmp_path, "no longer declared", origin="https://elsewhere.example")

    def test_another_generation(self, tmp_path: Path) -> None:
        """A raised generation asks for a new key."""
        stage = staged(tmp_path)
        only(stage)
        stage.declare(key("client-a", generation=2))
        self.refused(stage, tmp_path, "generation 2")

    def test_a_row_that_is_off_or_gone(self, tmp_path: Path) -> None:
        """A dead key's secret opens nothing."""
        stage = staged(tmp_path)
        only(stage)
        self.refused(stage, tmp_path, "disabled or gone", remote_id="k99")
        stage.server.change("k1", {"enabled": False})
        self.refused(stage, tmp_path, "disabled or gone")

    def test_a_row_whose_place_was_taken(self, tmp_path: Path) -> None:
        """Another run minted and delivered the next attempt, and somebody switched the old row on again."""
        stage = staged(tmp_path)
        only(stage)
        mend(stage)
        escrow, stage.escrow = stage.escrow, None
        assert only(stage).remote_id == "k2"
        stage.server.change("k1", {"enabled": True})
        stage.escrow = escrow
        found = sealed(tmp_path)
        with pytest.raises(StalePlanError, match="k2 has taken the place of k1"):
            recover(stage.world(), found.secret, found.receipt)

    def test_a_sink_that_refuses_its_preflight(self, tmp_path: Path) -> None:
        """What the sink says comes through, and the secret stays sealed."""
        stage = staged(tmp_path)
        only(stage)
        mend(stage)
        stage.sinks["local"].store.denied.add("CLIENT_A")
        found = sealed(tmp_path)
        with pytest.raises(SinkRefusedError, match="denied"):
            recover(stage.world(), found.secret, found.receipt)

    def test_a_sink_that_fails_again(self, tmp_path: Path) -> None:
        """Exit 8, and the secret stays sealed."""
        stage = staged(tmp_path)
        only(stage)
        found = sealed(tmp_path)
        with pytest.raises(SinkUnverifiedError, match="stays in escrow"):
            recover(stage.world(), found.secret, found.receipt)

    def test_a_trail_that_cannot_be_kept(self, tmp_path: Path) -> None:
        """Nothing is delivered without a record of the intention; a lost last record is a warning."""
        stage = staged(tmp_path)
        only(stage)
        mend(stage)
        found = sealed(tmp_path)
        stage.audit = Trail(fails_from=1)
        with pytest.raises(AuditError):
            recover(stage.world(), found.secret, found.receipt)
        assert stage.holds("CLIENT_A") is None
        stage.audit = Trail(fails_from=2)
        assert recover(stage.world(), found.secret, found.receipt).warnings == ("the disk is full",)
        assert stage.holds("CLIENT_A") == "k1"

    def test_it_is_recorded(self, tmp_path: Path) -> None:
        """Before and after, with key and entries and no secret."""
        stage = staged(tmp_path)
        only(stage)
        mend(stage)
        trail = Trail()
        stage.audit = trail
        found = sealed(tmp_path)
        recover(stage.world(), found.secret, found.receipt)
        assert [record.event for record in trail.records] == ["recovering", "recovered"]
        assert trail.records[1].facts["entries"] == ["local/CLIENT_A"]


class TestOvertaken:
    """Two runs at once whose deliveries cross between the last look and the write."""

    @staticmethod
    def other_delivers(stage: Stage, name: str = "local") -> None:
        """Let another run's key arrive in a sink at the last moment before the put."""
        sink = stage.sinks[name]
        other = Receipt(
            origin=stage.world().providers["main"].origin,
            address="main/client-a",
            remote_id="k7",
            generation=1,
            attempt=1,
            delivered_at=stage.clock.now(),
        )

        def hook(step: Step) -> None:
            if step is Step.PUT:
                sink.before = refusing()
                entry = Entry(name="CLIENT_A", address=other.address, origin=other.origin)
                sink.put(entry, Secret("sk-of-the-other-run"), other)

        sink.before = hook

    def test_the_later_run_yields(self) -> None:
        """Its row is disabled, the secret of the other stays in the sink, and it says so."""
        stage = Stage(behaviour=CLASS_E)
        stage.declare(key("client-a"))
        self.other_delivers(stage)
        outcome = only(stage)
        assert outcome.status is Status.STALE
        assert "delivered k7" in outcome.message
        assert stage.holds("CLIENT_A") == "k7"
        assert stage.live() == []

    def test_a_run_that_has_written_one_sink_only_disables_its_row(self) -> None:
        """All sinks or none: the next run sorts out which of the two keys lives."""
        stage = Stage(behaviour=CLASS_E)
        stage.sinks["app"] = MemorySink()
        stage.declare(key("client-a", deliver=("local", "app")))
        self.other_delivers(stage, "app")
        outcome = only(stage)
        assert outcome.status is Status.CUSTODY
        assert "k1 is disabled until every sink has its secret" in outcome.message
        assert stage.live() == []
