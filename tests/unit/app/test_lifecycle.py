"""A key's life after its birth, applied: rotation without an overlap, and renames."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from reconciler.app.control import RunControl
from reconciler.app.usecases import World, apply_plan, make_plan
from reconciler.core.model import DesiredAccount, DesiredState, SafetyLimits, Undeclared
from reconciler.core.plan import Operation
from reconciler.core.report import Status
from reconciler.errors import ExitCode, OutcomeUnknownError, ProviderUnavailableError, SinkError
from reconciler.providers.memory import CLASS_A, CLASS_C, MemoryServer
from reconciler.sinks.memory import MemorySink, Step
from tests.clocks import FakeClock
from tests.unit.app.stage import SALT, SMALL, Stage, Watcher, key
from tests.unit.app.test_birth import failing

if TYPE_CHECKING:
    from reconciler.core.model import DesiredKey
    from reconciler.core.plan import Plan
    from reconciler.core.report import Report

RENAMES = replace(CLASS_C, renames=True)


def rotating(overlap: timedelta) -> Stage:
    """Return a stage with one applied key whose generation was raised since."""
    stage = Stage(behaviour=CLASS_A)
    stage.declare(key("client-a"))
    stage.apply()
    stage.declare(key("client-a", generation=2, overlap=overlap))
    return stage


def test_a_leaked_key_is_replaced_and_retired_by_one_apply() -> None:
    """The new key is delivered and live before the old one goes, and the next plan is empty."""
    stage = rotating(timedelta(0))
    report = stage.apply()
    assert [outcome.action.op for outcome in report.outcomes] == [Operation.ROTATE, Operation.RETIRE]
    assert report.verdict == ("applied", ExitCode.OK)
    assert [row.id for row in stage.live()] == ["k2"]
    assert stage.holds("CLIENT_A") == "k2"
    assert stage.plan().actions == ()


def test_a_leaked_key_stays_when_its_replacement_could_not_be_delivered() -> None:
    """A working secret, leaked or not, is not taken away before there is another."""
    stage = rotating(timedelta(0))
    stage.sinks["local"].before = failing(Step.PUT, SinkError("the disk is full; make room"))
    report = stage.apply()
    assert [outcome.status for outcome in report.outcomes] == [Status.CUSTODY, Status.NOT_ATTEMPTED]
    assert [row.id for row in stage.live()] == ["k1"]
    assert stage.apply().verdict == ("applied", ExitCode.OK)
    assert len(stage.live()) == 1
    assert stage.plan().actions == ()


def test_a_retirement_whose_successor_is_gone_is_stale() -> None:
    """A saved plan retires nothing once the successor was switched off by hand."""
    stage = rotating(timedelta(hours=1))
    stage.apply()
    stage.clock.advance(7200)
    plan = stage.plan()
    assert [action.op for action in plan.actions] == [Operation.RETIRE]
    stage.server.change("k2", {"enabled": False})
    (outcome,) = stage.apply(plan).outcomes
    assert outcome.status is Status.STALE
    assert [row.id for row in stage.live()] == ["k1"]


def renaming() -> Stage:
    """Return a stage with one applied key that was renamed since."""
    stage = Stage(behaviour=RENAMES)
    stage.declare(key("old"))
    stage.apply()
    stage.declare(replace(key("new", renamed_from="old"), deliver=key("old").deliver))
    return stage


def names(server: MemoryServer) -> list[str | None]:
    """Return the names of all rows."""
    return [row.name for row in server.rows()]


def test_a_renamed_key_is_the_same_row_under_its_new_name() -> None:
    """Secret, limits and id stay; `renamed_from` can be dropped afterwards."""
    stage = renaming()
    assert stage.apply().verdict == ("applied", ExitCode.OK)
    assert names(stage.server) == ["new"]
    assert stage.holds("OLD") == "k1"
    assert stage.plan().actions == ()
    stage.declare(replace(key("new"), deliver=key("old").deliver))
    assert stage.plan().actions == ()


def test_a_rename_that_was_done_already_is_no_error() -> None:
    """A saved plan applied twice says so."""
    stage = renaming()
    plan = stage.plan()
    stage.apply(plan)
    assert [outcome.status for outcome in stage.apply(plan).outcomes] == [Status.ALREADY]


def test_other_changes_of_a_saved_plan_go_on_after_its_rename() -> None:
    """A run that was cut after the rename is resumed with the same plan."""
    stage = renaming()
    stage.declare(
        replace(
            key("new", spec={**SMALL, "limits.concurrency": 9}, renamed_from="old"),
            deliver=key("old").deliver,
        )
    )
    plan = stage.plan()
    assert [action.op for action in plan.actions] == [Operation.UPDATE, Operation.ADOPT]
    stage.server.rename("k1", "new")
    assert [outcome.status for outcome in stage.apply(plan).outcomes] == [Status.DONE, Status.ALREADY]


def test_a_lost_answer_to_a_rename_is_repeated() -> None:
    """It sets one name, so twice is the same as once."""
    stage = renaming()
    stage.on("rename_key", OutcomeUnknownError("timeout; run again"))
    assert [outcome.status for outcome in stage.apply().outcomes] == [Status.DONE]
    assert names(stage.server) == ["new"]


def test_a_rename_that_does_not_take_is_a_failure() -> None:
    """A 200 is not proof: the name is read back."""
    stage = renaming()
    stage.server.after = lambda call: (
        stage.server.rename("k1", "old") if call.method == "rename_key" else None
    )
    (outcome,) = stage.apply().outcomes
    assert outcome.status is Status.FAILED
    assert "the new name new, and it did not take" in outcome.message


def test_a_rename_that_cannot_be_sent_changes_nothing() -> None:
    """The key is left under its former name, and the next run renames it."""
    stage = renaming()
    stage.on("rename_key", ProviderUnavailableError("no network; run again"))
    assert stage.apply().verdict[1] is not ExitCode.OK
    assert names(stage.server) == ["old"]
    assert stage.apply().verdict == ("applied", ExitCode.OK)


def test_a_key_rotates_into_the_entry_of_its_former_name() -> None:
    """The receipt names the old address, and its row is the key's, so the entry may be overwritten."""
    stage = renaming()
    stage.apply()
    stage.declare(replace(key("new", generation=2), deliver=key("old").deliver))
    assert stage.apply().verdict == ("applied", ExitCode.OK)
    assert stage.holds("OLD") == "k2"


@dataclass(kw_only=True)
class Move:
    """Two accounts, and a key that goes from one to the other."""

    clock: FakeClock = field(default_factory=FakeClock)
    sink: MemorySink = field(default_factory=MemorySink)
    servers: dict[str, MemoryServer] = field(init=False)
    keys: tuple[DesiredKey, ...] = ()

    def __post_init__(self) -> None:
        """Start the two servers."""
        self.servers = {label: MemoryServer(clock=self.clock, seed=label) for label in ("old", "new")}

    def world(self) -> World:
        """Return what the use cases see."""
        clients = {label: server.client() for label, server in self.servers.items()}
        accounts = {
            label: DesiredAccount(
                label=label,
                provider="memory",
                origin=client.origin,
                namespace=None,
                undeclared=Undeclared.REPORT,
                capabilities=client.capabilities,
            )
            for label, client in clients.items()
        }
        desired = DesiredState(
            accounts=accounts,
            keys=self.keys,
            limits=SafetyLimits(),
            settings_digest="settings",
            declarations_digest=repr(self.keys),
        )
        return World(
            desired=desired, providers=clients, sinks={"local": self.sink}, clock=self.clock, tool="test"
        )

    def plan(self) -> Plan:
        """Plan for both accounts."""
        world = self.world()
        return make_plan(world, world.observe())

    def apply(self, plan: Plan | None = None) -> Report:
        """Apply a plan for both accounts, by default a fresh one."""
        world = self.world()
        control = RunControl(clock=self.clock)
        return apply_plan(
            world, plan or self.plan(), world.observe(), salt=SALT, control=control, progress=Watcher()
        )

    def live(self) -> list[str]:
        """Return the accounts with a live key."""
        return [label for label, server in self.servers.items() for row in server.rows() if row.live]


def moved() -> Move:
    """Return a key that was minted by one account and is declared for the other."""
    move = Move(keys=(replace(key("a"), account="old"),))
    move.apply()
    move.keys = (replace(key("a", renamed_from="old/a"), account="new"),)
    return move


def test_a_key_moves_to_another_account() -> None:
    """Minted there, delivered into the same entry, and retired here after the overlap."""
    move = moved()
    assert move.apply().verdict == ("applied", ExitCode.OK)
    assert move.live() == ["old", "new"]
    receipt = move.sink.stat(["A"])["A"]
    assert (receipt.address, receipt.origin) == ("new/a", "memory://new")
    assert move.plan().actions == ()
    move.clock.advance(86400)
    assert move.apply().verdict == ("applied", ExitCode.OK)
    assert move.live() == ["new"]
    assert move.plan().actions == ()


def test_the_old_row_stays_when_the_new_key_no_longer_works() -> None:
    """A saved plan does not take the last working key away."""
    move = moved()
    move.apply()
    move.clock.advance(86400)
    plan = move.plan()
    move.servers["new"].change("k1", {"enabled": False})
    (outcome,) = move.apply(plan).outcomes
    assert outcome.status is Status.STALE
    assert move.live() == ["old"]
