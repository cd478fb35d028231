"""A small part of the simulation under pytest: it plays, it finds, and it plays again."""

from __future__ import annotations

import pytest

from reconciler.app import targets
from reconciler.core import key_actions
from tests.simulation import campaign
from tests.simulation.__main__ import main, replay
from tests.simulation.faults import APPLICABLE, Fault, Injection, Port, injections
from tests.simulation.history import Scripted, play
from tests.simulation.inline_pool import one_thread
from tests.simulation.ledger import Violation
from tests.simulation.mutants import missed
from tests.simulation.random_history import RandomHistory
from tests.simulation.safeguards import SAFEGUARDS
from tests.simulation.scenarios import BY_NAME, SMALLEST
from tests.simulation.worlds import WORLDS, World

QUICK = ("deliver before activate", "protection in the executor", "order across the plan", "lease")


def test_random_histories_hold_every_invariant() -> None:
    """A few hundred histories of every kind of world, with two and three writers among them."""
    tally = campaign.play(campaign.Part(kind="random", first=0, count=300))
    assert tally.violations == []
    assert tally.histories == 300


@pytest.mark.parametrize("world", WORLDS, ids=lambda world: world.name)
def test_every_single_fault_of_the_smallest_plan_is_survived(world: World) -> None:
    """Whatever happens at any one call, the next clean runs end with what is declared."""
    tally = campaign.play(campaign.Part(kind="singles", world=world, scenario=BY_NAME[SMALLEST]))
    assert tally.violations == []
    assert tally.histories > 300


def test_a_seed_takes_the_same_course_again() -> None:
    """Bit for bit, three writers and all."""
    with one_thread():
        several = [seed for seed in range(200) if RandomHistory.of(seed).writers > 1][:20]
        assert len(several) == 20
        for seed in several:
            history = RandomHistory.of(seed)
            history.play()
            assert campaign.same_again(seed, history.simulation.trace)


def test_a_spelled_history_is_read_back() -> None:
    """The replay command takes what a violation prints."""
    history = Scripted(
        world=World.parse("E/readable/lag20/reads"),
        scenario=BY_NAME["rotate"],
        gap="20m",
        runs=(Injection(call=5, fault=Fault.KILL_LATE, landing=8), None),
    )
    assert Scripted.parse(str(history)) == history


def test_replay_prints_every_call(capsys: pytest.CaptureFixture[str]) -> None:
    """One line a call, the fault at its place, and the verdict."""
    assert main(["replay", "x:A/readable:new1:10s=5:lost-answer", "r:1"]) == 0
    shown = capsys.readouterr().out
    assert "w1 5 create k0 !lost-answer" in shown
    assert shown.count("no invariant was violated") == 2


def test_replay_shows_the_violation(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a safeguard gone, the replay ends with the invariant and a status of 1."""
    monkeypatch.setattr(key_actions, "vanished", lambda *_: None)
    monkeypatch.setattr(targets, "vanished", lambda *_: None)
    monkeypatch.setattr("tests.simulation.ports.SimulatedSink.verify", lambda *_: None)
    assert replay("x:A/readable:new1:10s=8:not-stored") == 1
    assert "I2: k2 is live" in capsys.readouterr().out


@pytest.mark.parametrize("name", QUICK)
def test_a_safeguard_is_missed(name: str) -> None:
    """Without it, some history violates an invariant."""
    safeguard = next(item for item in SAFEGUARDS if item.name == name)
    assert missed(safeguard) is not None


def test_a_campaign_prints_its_figures_and_the_replay_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed can be pasted back."""
    monkeypatch.setattr("tests.simulation.ports.SimulatedSink.verify", lambda *_: None)
    parts = [campaign.Part(kind="singles", world=World.parse("A/readable"), scenario=BY_NAME[SMALLEST])]
    total = campaign.run(parts, "singles", workers=1)
    shown = capsys.readouterr().out
    assert total.violations
    assert f"{len(total.violations)} violations" in shown
    assert "replay 'x:A/readable:new1:" in shown


def test_a_fault_that_never_struck_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    """The coverage gate names the port and the fault."""
    tally = campaign.play(campaign.Part(kind="random", first=0, count=1))
    missing = campaign.report_coverage(tally)
    assert f"{Port.LEASE}!{Fault.RATE_LIMIT}" in missing
    assert "pairs of port and fault were reached" in capsys.readouterr().out


def test_every_port_can_be_killed_before_and_after() -> None:
    """No call is left out of the enumeration."""
    inner = {Port.PUT_PENDING, Port.PUT_VALUE}
    for port in Port:
        faults = {injection.fault for injection in injections([port])}
        assert Fault.KILL_AFTER in faults
        assert (Fault.KILL_BEFORE in faults) is (port not in inner)
        assert faults == set(APPLICABLE[port])


def test_a_killed_run_unwinds_through_everything() -> None:
    """No handler of the program survives a kill: the process makes no call after it."""
    with one_thread():
        trace = play(Scripted.parse("x:A/readable:new1:10s=8:kill-before")).trace
    killed = next(number for number, line in enumerate(trace) if line.endswith("!kill-before"))
    assert trace[killed + 1 : killed + 3] == ["w1 dead", "time +10s"]


def test_a_violation_is_no_error_that_the_program_could_catch() -> None:
    """Like a kill, it is none of the exceptions that a run may handle."""
    assert not issubclass(Violation, Exception)
