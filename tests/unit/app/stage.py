"""A stage for the application: memory providers and sinks, a fake clock, and keys to declare."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from reconciler.app.control import RunControl
from reconciler.app.usecases import World, apply_plan, check_reviewed, make_plan
from reconciler.core.fields import MICRO
from reconciler.core.model import (
    Delivery,
    DesiredAccount,
    DesiredKey,
    DesiredState,
    Lifecycle,
    SafetyLimits,
    SourceMark,
    Undeclared,
)
from reconciler.providers.memory import CLASS_A, MemoryProvider, MemoryServer
from reconciler.sinks.memory import MemorySink
from tests.clocks import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from reconciler.core.fields import Value
    from reconciler.core.model import ObservedKey
    from reconciler.core.plan import Action, Plan
    from reconciler.core.report import Outcome, Report
    from reconciler.ports.audit import AuditTrail
    from reconciler.ports.escrow import Escrow
    from reconciler.ports.lease import Lease
    from reconciler.providers.memory import Behaviour, MemoryCall

ACCOUNT = "main"
SALT = b"salt of the tests"
SMALL = {"limits.daily_usd": 5 * MICRO, "limits.total_usd": 100 * MICRO}


def key(
    name: str,
    *,
    spec: Mapping[str, Value] | None = None,
    deliver: tuple[str, ...] = ("local",),
    **lifecycle: object,
) -> DesiredKey:
    """Return a declared key that is delivered to entries named after it."""
    return DesiredKey(
        account=ACCOUNT,
        name=name,
        spec=SMALL if spec is None else spec,
        deliver=tuple(Delivery(sink=sink, name=name.upper().replace("-", "_")) for sink in deliver),
        lifecycle=replace(Lifecycle(), **lifecycle),  # type: ignore[arg-type]  # the tests' own keywords
        mark=SourceMark(file="keys.yaml", line=3, column=3),
    )


class Watcher:
    """Keeps what the progress port is told."""

    def __init__(self) -> None:
        self.outcomes: list[Outcome] = []
        self.started_actions: list[Action] = []

    def waiting(self, reason: str, until: datetime) -> None:
        """Nothing waits in these tests."""

    def started(self, action: Action) -> None:
        """Note the start of an action."""
        self.started_actions.append(action)

    def finished(self, outcome: Outcome) -> None:
        """Note the end of an action."""
        self.outcomes.append(outcome)


@dataclass(slots=True, kw_only=True)
class Stage:
    """One account, some sinks, and the keys that are declared at the moment."""

    behaviour: Behaviour = CLASS_A
    clock: FakeClock = field(default_factory=FakeClock)
    keys: tuple[DesiredKey, ...] = ()
    limits: SafetyLimits = field(default_factory=SafetyLimits)
    namespace: str | None = None
    undeclared: Undeclared = Undeclared.REPORT
    audit: AuditTrail | None = None
    escrow: Escrow | None = None
    lease: Lease | None = None
    sinks: dict[str, MemorySink] = field(default_factory=lambda: {"local": MemorySink()})
    server: MemoryServer = field(init=False)
    control: RunControl = field(init=False)
    watcher: Watcher = field(default_factory=Watcher)

    def __post_init__(self) -> None:
        """Start the server."""
        self.server = MemoryServer(behaviour=self.behaviour, clock=self.clock)
        self.control = RunControl(clock=self.clock)

    def declare(self, *keys: DesiredKey) -> None:
        """Replace the declarations."""
        self.keys = keys

    def world(self, provider: MemoryProvider | None = None) -> World:
        """Return what the use cases see."""
        client = provider or self.server.client()
        account = DesiredAccount(
            label=ACCOUNT,
            provider="memory",
            origin=client.origin,
            namespace=self.namespace,
            undeclared=self.undeclared,
            capabilities=client.capabilities,
        )
        desired = DesiredState(
            accounts={ACCOUNT: account},
            keys=tuple(sorted(self.keys, key=lambda item: item.address)),
            limits=self.limits,
            settings_digest="settings",
            declarations_digest=repr(self.keys),
        )
        return World(
            desired=desired,
            providers={ACCOUNT: client},
            sinks=dict(self.sinks),
            clock=self.clock,
            tool="reconciler test",
            audit=self.audit,
            escrow=self.escrow,
            lease=self.lease,
        )

    def plan(self) -> Plan:
        """Plan with a client that cannot write."""
        world = self.world(MemoryProvider(self.server, "planner", read_only=True))
        return make_plan(world, world.observe())

    def apply(self, plan: Plan | None = None) -> Report:
        """Apply a plan, by default a fresh one."""
        world = self.world()
        reviewed = self.plan() if plan is None else plan
        check_reviewed(world, reviewed, expect=None)
        return apply_plan(
            world, reviewed, world.observe(), salt=SALT, control=self.control, progress=self.watcher
        )

    def live(self) -> list[ObservedKey]:
        """Return the enabled rows."""
        return [row for row in self.server.rows() if row.live]

    def on(self, method: str, error: Exception, *, nth: int = 1, after: bool = False) -> None:
        """Raise an error at the n-th call of a method, before or after its effect; once."""
        hook = _raising(method, error, nth)
        if after:
            self.server.after = hook
        else:
            self.server.before = hook

    def holds(self, name: str, sink: str = "local") -> str | None:
        """Return the remote id whose secret a sink entry holds."""
        receipt = self.sinks[sink].stat([name]).get(name)
        return None if receipt is None else receipt.remote_id


def _raising(method: str, error: Exception, nth: int) -> Callable[[MemoryCall], None]:
    seen = 0

    def hook(call: MemoryCall) -> None:
        nonlocal seen
        if call.method == method:
            seen += 1
            if seen == nth:
                raise error

    return hook
