"""One run of the program: its ports, each call of which the simulation sees, and nothing that survives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.app.control import RunControl
from reconciler.app.usecases import World as Outside
from reconciler.app.usecases import apply_plan, check_reviewed, make_plan
from reconciler.core.model import DesiredAccount, DesiredState, SafetyLimits, Undeclared
from reconciler.errors import ReconcilerError
from tests.simulation import invariants, reviewed
from tests.simulation.faults import KilledError
from tests.simulation.ports import SimulatedClock, SimulatedLease, SimulatedProvider, SimulatedSink
from tests.simulation.scenarios import ACCOUNT

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.plan import Action, Plan
    from reconciler.core.report import Outcome, Report
    from tests.simulation.faults import Port
    from tests.simulation.simulation import Simulation

SALT: Final = b"salt of the simulation"
DEADLINE: Final = 600.0
LIMITS: Final = SafetyLimits(max_creates=None, max_disables=None, max_deletes=None, max_change_percent=None)


class Process:
    """One process from its start to its end, or to its death.

    Args:
        simulation: the world that it lives in.
        name: stands in the trace.
    """

    def __init__(self, simulation: Simulation, name: str = "w1") -> None:
        self.simulation = simulation
        self.name = name
        self.ports: list[Port] = []
        self.plan: Plan | None = None
        self.writes = 0
        self.creates = 0
        self.listed_at = 0
        self.shifting = False
        simulation.ledger.runs += 1
        self.provider = SimulatedProvider(self)
        self.control = RunControl(clock=SimulatedClock(self))
        self.control.deadline = simulation.clock.seconds + DEADLINE

    def run(self, plan: Plan | None = None) -> Report | None:
        """Plan, have it reviewed, read again and apply; None when the process died or could not go on."""
        try:
            report = self._run(plan)
        except KilledError:
            self.simulation.trace.append(f"{self.name} dead")
            return None
        except ReconcilerError as error:
            invariants.no_secret_is_shown(self.simulation, str(error))
            self.simulation.trace.append(f"{self.name} ended: {type(error).__name__}")
            report = None
        SimulatedLease(self).release()
        return report

    def _run(self, saved: Plan | None) -> Report:
        outside = self._outside()
        self.plan = make_plan(outside, outside.observe()) if saved is None else saved
        check_reviewed(outside, self.plan, expect=None)
        if outside.lease is not None:
            outside.lease.acquire()
        live = outside.observe()
        report = apply_plan(outside, self.plan, live, salt=SALT, control=self.control, progress=self)
        invariants.report_is_fit_to_show(self.simulation, report)
        invariants.report_tells_the_truth(self, report)
        for outcome in report.outcomes:
            self.simulation.trace.append(
                f"{self.name} {outcome.action.op} {outcome.action.name}: {outcome.status}"
            )
        return report

    def _outside(self) -> Outside:
        simulation = self.simulation
        account = DesiredAccount(
            label=ACCOUNT,
            provider="memory",
            origin=self.provider.origin,
            namespace=None,
            undeclared=Undeclared.REPORT,
            capabilities=self.provider.capabilities,
        )
        desired = DesiredState(
            accounts={ACCOUNT: account},
            keys=simulation.keys,
            limits=LIMITS,
            settings_digest="settings",
            declarations_digest=f"declarations {simulation.revision}",
        )
        return Outside(
            desired=desired,
            providers={ACCOUNT: self.provider},
            sinks={name: SimulatedSink(self, name) for name in simulation.stores},
            clock=self.control.clock,
            tool="simulation",
            lease=SimulatedLease(self) if simulation.leased else None,
        )

    def waiting(self, reason: str, until: datetime) -> None:
        """Nobody watches."""

    def started(self, action: Action) -> None:
        """No work begins after the deadline."""
        reviewed.nothing_begins_after_the_deadline(self, action)

    def finished(self, outcome: Outcome) -> None:
        """Nobody watches."""
