"""Every single fault of a run, and every pair of faults over two runs, for one world, scenario and gap.

Histories that reach the same state have the same future, so each state is settled once: the program and
the world decide nothing by chance. What is counted are histories; `executed` is how many runs it took.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.simulation.faults import APPLICABLE, FEW_LANDINGS, injections
from tests.simulation.history import Scripted, begin, run_with, settle
from tests.simulation.ledger import Violation
from tests.simulation.snapshot import fork, state_of
from tests.simulation.worlds import GAPS

if TYPE_CHECKING:
    from tests.simulation.faults import Fault, Injection, Port
    from tests.simulation.scenarios import Scenario
    from tests.simulation.simulation import Simulation
    from tests.simulation.worlds import World


@dataclass(slots=True)
class Tally:
    """What a part of a campaign came to.

    Attributes:
        histories: that were decided.
        executed: runs of the program that it took, clean ones included.
        violations: by the history's spelling.
        reached: how often each fault struck at each port.
    """

    histories: int = 0
    executed: int = 0
    violations: list[tuple[str, str]] = field(default_factory=list)
    reached: Counter[tuple[Port, Fault]] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Take in another part."""
        self.histories += other.histories
        self.executed += other.executed
        self.violations += other.violations
        self.reached.update(other.reached)

    def missing(self) -> list[str]:
        """Return the faults that never struck at a port that they can strike at."""
        return [
            f"{port}!{fault}"
            for port, faults in APPLICABLE.items()
            for fault in faults
            if not self.reached[(port, fault)]
        ]


@dataclass(slots=True, kw_only=True)
class Enumeration:
    """The histories of one world and scenario, with every gap between the runs.

    Args:
        world: the kind.
        scenario: what is declared.
    """

    world: World
    scenario: Scenario
    tally: Tally = field(default_factory=Tally)
    _settled: dict[tuple[Any, ...], str | None] = field(default_factory=dict)

    def singles(self) -> Tally:
        """Play every history with one fault, and the one with none."""
        base = begin(self.world, self.scenario)
        for injection in [None, *injections(run_with(fork(base), None))]:
            self._end_with(base, (), injection, tuple(GAPS))
        return self.tally

    def pairs(self) -> Tally:
        """Play every history with one fault in each of two consecutive runs."""
        base = begin(self.world, self.scenario)
        groups: dict[tuple[Any, ...], tuple[Simulation, str, list[Injection]]] = {}
        for first in injections(run_with(fork(base), None), FEW_LANDINGS):
            struck = fork(base)
            if not self._strike(struck, (first,), 1):
                continue
            for gap in GAPS:
                simulation = fork(struck)
                if self._advance(simulation, gap, (first,)):
                    group = groups.setdefault((gap, state_of(simulation)), (simulation, gap, []))
                    group[2].append(first)
        for simulation, gap, firsts in groups.values():
            for second in injections(self._calls(simulation, gap, firsts[0]), FEW_LANDINGS):
                self._end_with(simulation, (firsts[0],), second, (gap,), weight=len(firsts))
        return self.tally

    def _calls(self, simulation: Simulation, gap: str, first: Injection) -> list[Port]:
        """Return the calls of a second run without a fault."""
        try:
            return run_with(fork(simulation), None)
        except Violation as violation:
            self._note(gap, (first, None), str(violation))
            return []

    def _end_with(
        self,
        base: Simulation,
        before: tuple[Injection, ...],
        injection: Injection | None,
        gaps: tuple[str, ...],
        weight: int = 1,
    ) -> None:
        """Play a last faulted run, and settle what it leaves with each of the gaps."""
        self.tally.histories += weight * len(gaps)
        simulation = fork(base)
        runs = (*before, injection)
        if not self._strike(simulation, runs, weight * len(gaps)):
            return
        state = state_of(simulation)
        for gap in gaps:
            if (gap, state) not in self._settled:
                self._settled[gap, state] = self._outcome(fork(simulation), gap)
            if text := self._settled[gap, state]:
                self._note(gap, runs, text)

    def _strike(self, simulation: Simulation, runs: tuple[Injection | None, ...], weight: int) -> bool:
        self.tally.executed += 1
        try:
            run_with(simulation, runs[-1])
        except Violation as violation:
            self._note("10s", runs, str(violation))
            return False
        finally:
            self.tally.reached.update(dict.fromkeys(simulation.reached, weight))
        return True

    def _advance(self, simulation: Simulation, gap: str, runs: tuple[Injection, ...]) -> bool:
        try:
            simulation.advance(GAPS[gap])
        except Violation as violation:
            self._note(gap, runs, str(violation))
            return False
        return True

    def _outcome(self, simulation: Simulation, gap: str) -> str | None:
        try:
            self.tally.executed += settle(simulation, gap)
        except Violation as violation:
            return str(violation)
        return None

    def _note(self, gap: str, runs: tuple[Injection | None, ...], text: str) -> None:
        history = Scripted(world=self.world, scenario=self.scenario, gap=gap, runs=runs)
        self.tally.violations.append((str(history), text))
