"""One history drawn from a seed: world, declarations and their edits, writers, schedule and faults."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED
from tests.simulation.baton import Alone, Baton
from tests.simulation.faults import APPLICABLE, LANDINGS, LATE, OPERATOR, Injection
from tests.simulation.history import settle
from tests.simulation.ledger import Violation
from tests.simulation.process import Process
from tests.simulation.scenarios import key, spec
from tests.simulation.simulation import Simulation
from tests.simulation.worlds import GAPS, LAGGING, METERED, WORLDS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import DesiredKey
    from reconciler.core.plan import Plan
    from tests.simulation.faults import Port
    from tests.simulation.worlds import World

_RATES: Final = (0.0, 0.02, 0.05, 0.1, 0.2)
_STAYS: Final = (0.3, 0.7, 0.9)


@dataclass(slots=True, eq=False)
class RandomHistory:
    """Everything that happens in the history of one seed.

    Args:
        seed: decides all of it.
    """

    seed: int
    rng: Random
    simulation: Simulation
    rate: float
    operated: bool
    writers: int

    @classmethod
    def of(cls, seed: int, *, world: World | None = None) -> RandomHistory:
        """Return the history of a seed, not yet played; `world` takes the place of the one that was drawn."""
        rng = Random(seed)
        drawn = rng.choice(rng.choices((WORLDS, LAGGING, METERED), weights=(6, 3, 1))[0])
        count = rng.choices((1, 2, 3, rng.randint(4, 8), rng.randint(9, 40)), weights=(50, 25, 15, 9, 1))[0]
        sinks = rng.choices((1, 2), weights=(4, 1))[0]
        keys = tuple(_declared(rng, number, sinks) for number in range(count))
        simulation = Simulation(world or drawn, keys, sinks)
        simulation.ledger.foreign.add(simulation.vendor.put("somebody else's own"))
        rate = rng.choice(_RATES) / (1 if count < 4 else count / 2)
        writers = rng.choices((1, 2, 3), weights=(5, 4, 1))[0]
        return cls(seed, rng, simulation, rate, rng.random() < 0.2, writers)

    def play(self) -> Simulation:
        """Play the rounds, and then the clean runs.

        Raises:
            Violation: with the trace.
        """
        simulation = self.simulation
        saved: Plan | None = None
        try:
            for number in range(self.rng.randint(1, 3)):
                if number:
                    simulation.advance(GAPS[self.rng.choice(list(GAPS))])
                    if self.rng.random() < 0.5:
                        simulation.declare(_edited(self.rng, simulation.keys))
                        saved = None
                saved = self._round(number, saved)
            settle(simulation, self.rng.choice(list(GAPS)))
        except Violation as violation:
            violation.trace = simulation.trace
            raise
        return simulation

    def _round(self, number: int, saved: Plan | None) -> Plan | None:
        """Let some writers run at once, each with its own faults; return a plan that may be applied later."""
        simulation = self.simulation
        count = self.rng.randint(1, self.writers)
        simulation.ledger.writers = max(simulation.ledger.writers, count)
        simulation.chaos = self._chaos
        processes = {f"r{number}w{writer}": self._process(f"r{number}w{writer}") for writer in range(count)}
        plans = {name: saved if self.rng.random() < 0.2 else None for name in processes}
        if count == 1:
            for name, process in processes.items():
                process.run(plans[name])
        else:
            self._together(processes, plans)
        simulation.chaos = None
        return next(iter(processes.values())).plan

    def _together(self, processes: Mapping[str, Process], plans: Mapping[str, Plan | None]) -> None:
        baton = Baton(self.rng, self.rng.choice(_STAYS))
        self.simulation.baton = baton
        jobs = {name: _job(process, plans[name]) for name, process in processes.items()}
        try:
            baton.run(jobs)
        finally:
            self.simulation.baton = Alone()

    def _process(self, name: str) -> Process:
        return Process(self.simulation, name)

    def _chaos(self, process: Process, number: int, port: Port) -> Injection | None:
        del process
        if self.rng.random() >= self.rate:
            return None
        faults = [item for item in APPLICABLE[port] if self.operated or item not in OPERATOR]
        fault = self.rng.choice(faults)
        landing = self.rng.choice(LANDINGS) if fault in LATE else 0
        return Injection(call=number, fault=fault, landing=landing)


class _job:  # noqa: N801  # a closure that binds its own process
    def __init__(self, process: Process, plan: Plan | None) -> None:
        self._process = process
        self._plan = plan

    def __call__(self) -> None:
        self._process.run(self._plan)


def _declared(rng: Random, number: int, sinks: int) -> DesiredKey:
    enabled = rng.choices((None, True, False), weights=(6, 3, 1))[0]
    return key(f"k{number}", rng.randint(2, 9), enabled=enabled, sinks=rng.randint(1, sinks))


def _edited(rng: Random, keys: tuple[DesiredKey, ...]) -> tuple[DesiredKey, ...]:
    """Return the declarations of the next commit."""
    return tuple(_edit(rng, item) if rng.random() < 0.6 else item for item in keys)


def _edit(rng: Random, old: DesiredKey) -> DesiredKey:
    kind = rng.choice(("limits", "limits", "rotate", "off", "on", "absent", "protect"))
    lifecycle = old.lifecycle
    if lifecycle.absent:
        return replace(old, lifecycle=replace(lifecycle, absent=False, generation=lifecycle.generation + 1))
    if kind == "limits":
        return replace(old, spec={**old.spec, **spec(rng.randint(2, 9))})
    if kind == "rotate":
        return replace(old, lifecycle=replace(lifecycle, generation=lifecycle.generation + 1))
    if kind in {"off", "on"}:
        return replace(old, spec={**old.spec, ENABLED: kind == "on"})
    if kind == "absent":
        return replace(old, lifecycle=replace(lifecycle, absent=True, protected=False))
    return replace(old, lifecycle=replace(lifecycle, protected=not lifecycle.protected))
