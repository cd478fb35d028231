"""What each fault does to the call that it strikes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from reconciler.core.fields import ENABLED, TOTAL_USD
from reconciler.core.model import Minted
from reconciler.errors import (
    AnswerError,
    DeferredError,
    HostileAnswerError,
    OutcomeUnknownError,
    ProviderUnavailableError,
    SecretLostError,
    SinkError,
    SinkUnverifiedError,
)
from tests.simulation.faults import LATE, OPERATOR, Fault, KilledError, Port

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.core.model import ObservedKey
    from reconciler.errors import (
        ReconcilerError,
    )
    from tests.simulation.faults import Injection
    from tests.simulation.process import Process
    from tests.simulation.simulation import Simulation

Result = TypeVar("Result")
_SINK: Final = frozenset(
    {Port.LEASE, Port.STAT, Port.PREFLIGHT, Port.PUT, Port.PUT_PENDING, Port.PUT_VALUE, Port.VERIFY}
)
_WRITE: Final = frozenset({Port.CREATE, Port.UPDATE, Port.SWITCH, Port.DELETE})
_DAY: Final = 86_400.0
STALLED: Final = 2_000.0


def strike(
    simulation: Simulation,
    process: Process,
    port: Port,
    injection: Injection,
    effect: Callable[[], Result],
    late: tuple[Any, ...] | None,
) -> Result:
    """Let a fault happen to one call; return what the caller sees, or raise what it meets."""
    fault = injection.fault
    if fault in LATE:
        simulation.send_late(late or (), injection.landing)
    if (stopped := _stopped(port, fault)) is not None:
        raise stopped
    if fault is Fault.NOT_STORED:
        return cast("Result", None)
    if fault is Fault.STALE_LIST:
        return cast("Result", simulation.vendor.stale())
    if fault is Fault.PAGE_SHIFT:
        process.shifting = True
        return cast("Result", shifting_list(simulation))
    _around(simulation, fault)
    result = effect()
    simulation.check()
    if fault is Fault.KILL_AFTER:
        raise KilledError
    if fault is Fault.TORN:
        _tear(simulation, result)
        raise KilledError
    if fault in {Fault.LOST_ANSWER, Fault.GARBAGE, Fault.HOSTILE}:
        raise _executed(port, fault, result)
    return result


def _stopped(port: Port, fault: Fault) -> BaseException | None:
    """Return what ends a call before it has any effect."""
    match fault:
        case Fault.KILL_BEFORE | Fault.KILL_LATE:
            return KilledError()
        case Fault.NO_ANSWER | Fault.LATE:
            return _unknown(port)
        case Fault.ERROR_BEFORE:
            return _not_executed(port)
        case Fault.RATE_LIMIT:
            return DeferredError("429: too many requests; run again later")
        case _:
            return None


def _around(simulation: Simulation, fault: Fault) -> None:
    """Let happen what does not touch the call itself."""
    if fault is Fault.CLOCK_FORWARD:
        simulation.clock.jumped += _DAY
    elif fault is Fault.CLOCK_BACK:
        simulation.clock.jumped -= _DAY
    elif fault is Fault.STALL:
        simulation.clock.seconds += STALLED
        simulation.land()
    elif fault in OPERATOR:
        operator_acts(simulation, fault)


def operator_acts(simulation: Simulation, fault: Fault) -> None:
    """Let a person do something to the newest row in the provider's panel."""
    vendor = simulation.vendor
    rows = [row for row in vendor.rows() if row.id in simulation.ledger.ours]
    if not rows:
        return
    row = rows[-1]
    vendor.about_to_change()
    simulation.touch(row.id)
    if fault is Fault.OPERATOR_DISABLES:
        vendor.change(row.id, {ENABLED: False})
    elif fault is Fault.OPERATOR_LIMITS:
        vendor.change(row.id, {TOTAL_USD: 777})
    elif fault is Fault.OPERATOR_RENAMES:
        vendor.rename(row.id, f"{row.name}-renamed".replace("~", "-"))
    elif fault is Fault.OPERATOR_DELETES:
        vendor.remove(row.id)
    elif row.name is not None:
        simulation.touch(vendor.put(row.name, row.spec))


def shifting_list(simulation: Simulation) -> tuple[ObservedKey, ...]:
    """Return the list, read page by page while somebody is at work in the account."""
    vendor = simulation.vendor
    # When the newest row goes between two pages, one that was not read yet moves to the page before.
    newest = vendor.put("somebody else's")
    simulation.ledger.foreign.add(newest)
    return vendor.paged(lambda: vendor.remove(newest))


def _tear(simulation: Simulation, sink: object) -> None:
    """Cut the value short; whoever was killed inside `put` left half of it."""
    del simulation
    tear = getattr(sink, "tear", None)
    if tear is not None:
        tear()


def _not_executed(port: Port) -> ReconcilerError:
    if port in _SINK:
        return SinkError("no connection; run again")
    return ProviderUnavailableError("no connection; run again")


def _unknown(port: Port) -> ReconcilerError:
    if port in _SINK:
        return SinkUnverifiedError("no answer; run again")
    return OutcomeUnknownError("no answer; run again")


def _executed(port: Port, fault: Fault, result: object) -> ReconcilerError:
    """Return the error of a call that was executed and whose answer is useless."""
    if port is Port.CREATE and fault is Fault.HOSTILE:
        return HostileAnswerError("the answer names another key; report it")
    if port is Port.CREATE and fault is Fault.GARBAGE:
        key_id = result.key_id if isinstance(result, Minted) else None
        return SecretLostError("the answer has no secret", key_id=key_id)
    if fault is Fault.LOST_ANSWER:
        return _unknown(port)
    return (
        OutcomeUnknownError("not JSON; run again") if port in _WRITE else AnswerError("not JSON; run again")
    )
