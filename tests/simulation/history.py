"""One history from its spelling to its end: setup, faulted runs, and clean runs that mend everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.plan import Reason
from reconciler.core.report import Status
from reconciler.sinks.memory import Kind as SinkKind
from tests.simulation import invariants
from tests.simulation.allowances import excused
from tests.simulation.faults import KILLS, Fault, Injection
from tests.simulation.ledger import Violation
from tests.simulation.process import Process
from tests.simulation.scenarios import BY_NAME
from tests.simulation.simulation import Simulation
from tests.simulation.worlds import GAPS, World

if TYPE_CHECKING:
    from reconciler.core.model import DesiredKey
    from reconciler.core.report import Report
    from tests.simulation.faults import Port
    from tests.simulation.scenarios import Scenario

MOST_CLEAN_RUNS: Final = 4
_NOTHING_TO_DO: Final = frozenset({Status.REFUSED, Status.BLOCKED, Status.ALREADY, Status.NOT_ATTEMPTED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """A history that is spelled out: at most one fault in each of its runs.

    Attributes:
        world: the kind.
        scenario: what is declared.
        gap: between the runs; after a plus, that between the clean runs where it is another one.
        runs: the fault of each.
    """

    world: World
    scenario: Scenario
    gap: str
    runs: tuple[Injection | None, ...]

    def __str__(self) -> str:
        runs = ",".join("clean" if item is None else str(item) for item in self.runs)
        return f"x:{self.world.name}:{self.scenario.name}:{self.gap}={runs}"

    @classmethod
    def parse(cls, text: str) -> Scripted:
        """Return the history that `str` wrote."""
        head, _, runs = text.removeprefix("x:").partition("=")
        world, scenario, gap = head.split(":")
        return cls(
            world=World.parse(world),
            scenario=BY_NAME[scenario],
            gap=gap,
            runs=tuple(None if item == "clean" else Injection.parse(item) for item in runs.split(",")),
        )


def begin(world: World, scenario: Scenario) -> Simulation:
    """Return the world in which the scenario's first declarations are in place, and the second are new."""
    simulation = Simulation(world, scenario.before, scenario.sinks)
    simulation.ledger.foreign.add(simulation.vendor.put("somebody else's own"))
    if scenario.before:
        for _ in range(2):
            Process(simulation).run()
        simulation.advance(GAPS["25h"])
    simulation.declare(scenario.after)
    if scenario.sum_bounded:
        simulation.ledger.sum_bound = max(_sum(scenario.before), _sum(scenario.after))
    return simulation


def _sum(keys: tuple[DesiredKey, ...]) -> int:
    return sum(invariants.micro_usd(key.spec) for key in keys)


def run_with(simulation: Simulation, injection: Injection | None, name: str = "w1") -> list[Port]:
    """Run the program once with at most one fault, and return the calls that it made."""
    process = Process(simulation, name)
    if injection is not None:
        if injection.fault not in KILLS - {Fault.KILL_LATE}:
            simulation.ledger.sum_bound = None
        simulation.chaos = lambda _, number, __: injection if number == injection.call else None
    process.run()
    simulation.chaos = None
    return process.ports


def settle(simulation: Simulation, gap: str) -> int:
    """Run the program without faults until it finds nothing to do, and return how many runs it took.

    Raises:
        Violation: when it does not come to rest, or rests in a state that was not declared.
    """
    undisturbed = number = 0
    refused: frozenset[str] = frozenset()
    while undisturbed < MOST_CLEAN_RUNS:
        simulation.advance(GAPS[gap])
        quiet = not simulation.late and len(simulation.vendor.listed()) == len(simulation.vendor.rows())
        number += 1
        process = Process(simulation, f"c{number}")
        report = process.run()
        if report is None and simulation.lease_until > simulation.clock.seconds:
            # A dead run's lease has to expire first.
            continue
        if report is not None and any(item.status is Status.DEFERRED for item in report.outcomes):
            # Waiting for a rate limit is no step that could have mended anything.
            simulation.advance(3_600.0)
            continue
        undisturbed += quiet
        if report is not None:
            refused = frozenset(item.action.name for item in report.outcomes if item.status is Status.REFUSED)
        if quiet and report is not None and _at_rest(simulation, process, report):
            break
    else:
        if not excused(simulation, "I4"):
            msg = "I4"
            raise Violation(msg, f"not at rest after {MOST_CLEAN_RUNS} clean runs")
    if not excused(simulation, "end"):
        invariants.converged(simulation, refused)
    return number


def _at_rest(simulation: Simulation, process: Process, report: Report) -> bool:
    # A sink that shows no receipts is delivered to by every run where the provider can reveal.
    again = simulation.world.sink is SinkKind.WRITE_ONLY and simulation.world.of.behaviour.reveals
    return all(
        outcome.status in _NOTHING_TO_DO or (again and outcome.action.reason is Reason.CUSTODY)
        for outcome in report.outcomes
    ) and (again or not process.writes)


def play(history: Scripted) -> Simulation:
    """Play a spelled history from its beginning.

    Raises:
        Violation: with the simulation as `simulation` for the trace.
    """
    simulation = begin(history.world, history.scenario)
    try:
        for number, injection in enumerate(history.runs):
            if number:
                simulation.advance(GAPS[history.gap.partition("+")[0]])
            run_with(simulation, injection, f"w{number + 1}")
        settle(simulation, history.gap.rpartition("+")[2])
    except Violation as violation:
        violation.trace = simulation.trace
        raise
    return simulation
