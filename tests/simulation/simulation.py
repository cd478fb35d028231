"""One world and its history: every call of a port passes here, may meet a fault, and is checked."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from reconciler.core.fields import ENABLED
from reconciler.core.identity import parse_remote_name
from reconciler.errors import ReconcilerError
from reconciler.sinks.memory import Kind as SinkKind
from reconciler.sinks.memory import MemorySink, MemoryStore
from tests.simulation import allowances, invariants
from tests.simulation.baton import Alone
from tests.simulation.faults import WRITES, Port
from tests.simulation.ledger import Ledger, Violation
from tests.simulation.virtual_clock import VirtualClock
from tests.simulation.worlds import REPLAYABLE, T_MAX

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.core.identity import Incarnation
    from reconciler.core.model import DesiredKey, ObservedKey
    from tests.simulation.baton import Baton
    from tests.simulation.faults import Fault, Injection
    from tests.simulation.process import Process
    from tests.simulation.vendor import Vendor
    from tests.simulation.worlds import World

Result = TypeVar("Result")
_INNER = frozenset({Port.PUT_PENDING, Port.PUT_VALUE})
_CHECKED = WRITES | {Port.PUT_PENDING, Port.PUT_VALUE}


@dataclass(frozen=True, slots=True)
class Late:
    """A request that is still on its way; it arrives after so many calls, or when the time is up."""

    calls: int
    seconds: float
    request: tuple[Any, ...]


@dataclass(slots=True, eq=False)
class Simulation:
    """The part of a world that outlives a process, and everything that happens to it.

    Args:
        world: its kind.
        keys: what is declared now.
        sinks: how many there are.
    """

    world: World
    keys: tuple[DesiredKey, ...]
    sinks: int
    clock: VirtualClock = field(default_factory=VirtualClock)
    ledger: Ledger = field(default_factory=Ledger)
    vendor: Vendor = field(init=False)
    stores: dict[str, MemoryStore] = field(init=False)
    rows: tuple[ObservedKey, ...] = ()
    active: tuple[tuple[Incarnation, ObservedKey], ...] = ()
    baton: Alone | Baton = field(default_factory=Alone)
    lease_holder: str = ""
    lease_until: float = float("-inf")
    chaos: Callable[[Process, int, Port], Injection | None] | None = None
    late: list[Late] = field(default_factory=list)
    calls: int = 0
    revision: int = 0
    touched_at: dict[str, int] = field(default_factory=dict)
    trace: list[str] = field(default_factory=list)
    reached: set[tuple[Port, Fault]] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Open the provider and the sinks."""
        self.vendor = self.world.vendor(self.clock)
        self.stores = {f"s{number}": MemoryStore() for number in range(self.sinks)}
        self.ledger.declare(self.keys)

    @property
    def leased(self) -> bool:
        """Whether this world's runs are configured with a lease."""
        most = self.world.most_without_lease
        # Several locked sinks are not locked together.
        most = 1 if most == 2 and self.sinks > 1 else most
        return self.ledger.writers > most or self.world.minted_once

    def declare(self, keys: tuple[DesiredKey, ...]) -> None:
        """Replace the declarations."""
        self.keys = keys
        self.revision += 1
        self.ledger.declare(keys)

    def port(
        self,
        process: Process,
        port: Port,
        effect: Callable[[], Result],
        *,
        detail: str = "",
        late: tuple[Any, ...] | None = None,
    ) -> Result:
        """Make one call of a port, or let happen to it what the history says.

        Args:
            process: whose call it is.
            port: which one.
            effect: what the call does when nothing happens to it.
            detail: for the trace.
            late: the request as data, so that it can arrive after its sender is dead.
        """
        from tests.simulation.strikes import strike  # noqa: PLC0415  # the two need each other

        # A readable store writes under a lock, or under a condition that a second writer does not meet.
        if port not in _INNER or self.world.sink is not SinkKind.READABLE:
            self.baton.pause(process.name)
        number = len(process.ports)
        process.ports.append(port)
        self.calls += 1
        self.land()
        injection = self.chaos(process, number, port) if self.chaos else None
        self.trace.append(
            f"{process.name} {number} {port} {detail}{f' !{injection.fault}' if injection else ''}"
        )
        if injection is None:
            result = effect()
        else:
            self.reached.add((port, injection.fault))
            self.ledger.faults += 1
            self.ledger.struck_at.append(self.clock.seconds)
            self.ledger.burns += 2 * allowances.burns(self.world, port, injection.fault)
            if label := allowances.label(port, injection.fault):
                self.ledger.harsh.add(label)
            result = strike(self, process, port, injection, effect, late)
        if port in _CHECKED or injection is not None:
            self.check()
        return result

    def check(self) -> None:
        """Hold the state to every invariant that speaks of a state."""
        self.rows = self.vendor.rows()
        self.active = invariants.active_rows(self)
        for invariant in invariants.OF_A_STATE:
            try:
                invariant(self)
            except Violation as violation:
                if not allowances.excused(self, violation.invariant):
                    raise

    def advance(self, seconds: float) -> None:
        """Let time pass between runs."""
        self.trace.append(f"time +{seconds:g}s")
        self.clock.seconds += seconds
        expired = sum(self.clock.seconds - at > REPLAYABLE for at in self.ledger.struck_at)
        self.ledger.burns = max(self.ledger.burns, expired)
        self.land()

    def send_late(self, request: tuple[Any, ...], landing: int) -> None:
        """Put a request on its way."""
        self.late.append(Late(self.calls + landing, self.clock.seconds + T_MAX, request))

    def land(self) -> None:
        """Let the requests arrive whose time has come."""
        if not self.late:
            return
        due = [item for item in self.late if self.calls >= item.calls or self.clock.seconds >= item.seconds]
        for item in due:
            self.late.remove(item)
            self.trace.append(f"late {item.request[0]} {item.request[1]!r:.60}")
            self._arrive(*item.request)
            self.check()

    def _arrive(self, method: str, *arguments: Any) -> None:
        vendor = self.vendor
        if method == "put":
            name, entry, secret, receipt = arguments
            # Nobody hears the answer, be it a refusal.
            with suppress(ReconcilerError):
                MemorySink(self.stores[name], kind=self.world.sink).put(entry, secret, receipt)
        elif method == "create":
            with suppress(ReconcilerError):
                self.create(arguments[0])
        elif any(row.id == arguments[0] for row in vendor.rows()):
            vendor.about_to_change()
            if method == "delete":
                vendor.delete(arguments[0])
            else:
                vendor.update(*arguments)
                if arguments[1].get(ENABLED) is not None:
                    self.touch(arguments[0])

    def create(self, request: Any) -> Any:
        """Mint, and remember whose the row is."""
        self.vendor.about_to_change()
        known = {row.id for row in self.vendor.rows()}
        minted = self.vendor.create(request)
        for row in self.vendor.rows():
            if row.id not in known:
                self.ledger.ours[row.id] = request.incarnation
        return minted

    def touch(self, key_id: str) -> None:
        """Note that a row was changed by somebody whom no plan told to."""
        self.ledger.touched.add(key_id)
        self.touched_at[key_id] = self.calls - 1

    def incarnation_name(self, remote_name: str | None) -> str | None:
        """Return the declared name that a remote name stands for."""
        parsed = parse_remote_name(remote_name, None) if remote_name else None
        return parsed.name if parsed else None
