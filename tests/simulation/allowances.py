"""Where a class cannot hold an invariant: every exception that the simulation makes, in one table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED
from reconciler.sinks.memory import Kind as SinkKind
from tests.simulation.faults import LATE, OPERATOR, Fault, Port

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.core.model import DesiredKey
    from tests.simulation.simulation import Simulation
    from tests.simulation.worlds import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """One documented exception.

    Attributes:
        invariants: that a history under it need not hold.
        why: what makes them unattainable there.
        applies: whether a history is under it.
    """

    invariants: frozenset[str]
    why: str
    applies: Callable[[Simulation], bool]


def _write_only(simulation: Simulation) -> bool:
    return simulation.world.sink is SinkKind.WRITE_ONLY


_COSTS_NOTHING: Final = frozenset(
    {Fault.KILL_BEFORE, Fault.KILL_AFTER, Fault.KILL_LATE, Fault.CLOCK_FORWARD, Fault.CLOCK_BACK}
)
_BLINDING: Final = frozenset({Fault.ERROR_BEFORE, Fault.GARBAGE, Fault.RATE_LIMIT, Fault.STALE_LIST})
_DEAFENING: Final = _COSTS_NOTHING | _BLINDING | {Fault.LOST_ANSWER, Fault.NO_ANSWER, Fault.LATE}
_OPERATOR: Final = "operator"
_LYING: Final = "lying store"
_TORN: Final = "torn value"
_LATE_PUT: Final = "late put"
_CUT_PUT: Final = "cut put"
_LATE: Final = "late request"
_DEAF: Final = "deaf"


def label(port: Port, fault: Fault) -> str | None:
    """Return what the table calls a fault, or None for one that excuses nothing."""
    if fault in OPERATOR:
        return _OPERATOR
    if (port, fault) in _BY_PORT:
        return _BY_PORT[port, fault]
    if fault in LATE:
        return _LATE
    if port is Port.LIST and fault in _BLINDING:
        return "blind"
    activating = port in {Port.GET, Port.SWITCH, Port.UPDATE, Port.SLEEP}
    return _DEAF if activating and fault in _DEAFENING else None


_BY_PORT: Final = {
    (Port.PUT, Fault.KILL_LATE): _LATE_PUT,
    (Port.PUT, Fault.NOT_STORED): _LYING,
    (Port.PUT_VALUE, Fault.TORN): _TORN,
    **{
        (port, fault): _CUT_PUT
        for port in (Port.PUT_PENDING, Port.PUT_VALUE)
        for fault in (Fault.KILL_AFTER, Fault.LOST_ANSWER)
    },
}


_REPLAYED: Final = frozenset({Fault.LOST_ANSWER, Fault.NO_ANSWER, Fault.LATE, Fault.RATE_LIMIT})


def burns(world: World, port: Port, fault: Fault) -> bool:
    """Tell whether a fault may cost a create; where creates are replayed, kills and lost answers do not."""
    if not world.replays or world.lag or world.sink is SinkKind.WRITE_ONLY:
        return True
    return fault not in _COSTS_NOTHING and not (port is Port.CREATE and fault in _REPLAYED)


ALLOWANCES: Final = (
    Allowance(
        invariants=frozenset({"I4", "I10", "end"}),
        why="a person changed a key in the panel; what is right then only a person knows",
        applies=lambda simulation: _OPERATOR in simulation.ledger.harsh,
    ),
    Allowance(
        invariants=frozenset({"end"}),
        why="without receipts and without reveal nothing proves which secret a store holds, so a key that "
        "may be in use waits for a person",
        applies=lambda simulation: _write_only(simulation) and not simulation.world.of.behaviour.reveals,
    ),
    Allowance(
        invariants=frozenset({"I2"}),
        why="a store that says stored and shows nothing again cannot be found out",
        applies=lambda simulation: _write_only(simulation) and _LYING in simulation.ledger.harsh,
    ),
    Allowance(
        invariants=frozenset({"end"}),
        why="of two deliveries of one key at once the second is cut after it was announced, and a store that "
        "does not show values cannot tell whether the first one's is still whole: a person is asked",
        applies=lambda simulation: (
            _CUT_PUT in simulation.ledger.harsh
            and simulation.ledger.writers > 1
            and simulation.world.sink is not SinkKind.READABLE
        ),
    ),
    Allowance(
        invariants=frozenset({"I1", "end"}),
        why="of two deliveries at once one is torn in a store without atomic writes: where the store shows "
        "values a person is asked, and elsewhere nothing tells",
        applies=lambda simulation: _TORN in simulation.ledger.harsh and simulation.ledger.writers > 1,
    ),
    Allowance(
        invariants=frozenset({"I2"}),
        why="a store that tears a value in two shows half of it until the next run writes it again",
        applies=lambda simulation: _TORN in simulation.ledger.harsh,
    ),
    Allowance(
        invariants=frozenset({"I2", "end"}),
        why="a delivery of a dead run that arrives after the next run has replaced it; a lease keeps the "
        "next run away for that long",
        applies=lambda simulation: (
            _LATE_PUT in simulation.ledger.harsh
            and (_OPERATOR in simulation.ledger.harsh or not _recoverable(simulation))
        ),
    ),
    Allowance(
        invariants=frozenset({"I2"}),
        why="a store that shows nothing takes a dead run's delivery whenever it arrives; where the provider "
        "reveals, the next run delivers again",
        applies=lambda simulation: _LATE_PUT in simulation.ledger.harsh and _write_only(simulation),
    ),
    Allowance(
        invariants=frozenset({"I1", "I2", "end"}),
        why="a key that is not listed yet, under a sink that shows no receipts, cannot be known of; "
        "a lease that is held for as long as a list may lag keeps the next run away",
        applies=lambda simulation: (
            bool(simulation.world.lag) and _write_only(simulation) and not _honoured(simulation)
        ),
    ),
)


def _recoverable(simulation: Simulation) -> bool:
    """Tell whether a half-born key's secret can be had again for certain, so that none is replaced."""
    return simulation.world.of.name in {"A", "C", "D", "Q-honoured"}


def _honoured(simulation: Simulation) -> bool:
    """Tell whether a repeated create shows the row that is not listed yet, or its secret again."""
    world = simulation.world
    return world.replays or (world.of.name == "B" and not world.reads_lag)


def may_stay_off(simulation: Simulation, key: DesiredKey) -> bool:
    """Tell whether a key without `enabled` may end switched off, with its secret in the sinks.

    One run condemned it, and was cut or did not hear before it saw that another had activated it; or the
    request arrived when its sender was dead. The row looks as if a person had switched it off.
    """
    ledger = simulation.ledger
    crossed = ledger.writers > 1 and _DEAF in ledger.harsh
    return ENABLED not in key.spec and (crossed or _LATE in ledger.harsh)


def excused(simulation: Simulation, invariant: str) -> bool:
    """Tell whether a history need not hold an invariant; `end` is the state that was declared."""
    return any(invariant in item.invariants and item.applies(simulation) for item in ALLOWANCES)
