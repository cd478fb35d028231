"""The ports of one run of the program; every call of each passes through the simulation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final, TypeVar

from reconciler.core.fields import ENABLED
from reconciler.core.model import Listing
from reconciler.errors import DeferredError
from reconciler.providers._budget import Delay, RequestBudget
from reconciler.sinks.memory import MemorySink, Step
from tests.simulation import invariants, reviewed
from tests.simulation.faults import Port
from tests.simulation.strikes import shifting_list

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from reconciler.core.fields import Spec
    from reconciler.core.model import Capabilities, Minted, MintRequest, ObservedKey, Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.sink import Entry
    from tests.simulation.process import Process

Result = TypeVar("Result")
LEASE: Final = 300.0


class SimulatedClock:
    """The clock port of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process

    def now(self) -> datetime:
        """Return the wall clock."""
        return self._process.simulation.clock.now()

    def monotonic(self) -> float:
        """Return seconds."""
        return self._process.simulation.clock.seconds

    def sleep(self, seconds: float) -> bool:
        """Wait, with everything that can happen meanwhile."""
        simulation = self._process.simulation
        return simulation.port(self._process, Port.SLEEP, lambda: simulation.clock.sleep(seconds))


class SimulatedProvider:
    """The provider port of one process."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._simulation = process.simulation
        self._vendor = process.simulation.vendor
        self._budget = RequestBudget(self.capabilities.rate_limits, process.simulation.clock)

    @property
    def capabilities(self) -> Capabilities:
        """What the adapter believes of the vendor."""
        return self._vendor.capabilities()

    @property
    def origin(self) -> str:
        """A name that no network knows."""
        return "memory://simulation"

    def list_keys(self) -> Listing:
        """Return what the vendor lists."""
        self._process.listed_at = self._simulation.calls
        return Listing(keys=self._simulation.port(self._process, Port.LIST, self._listed))

    def _listed(self) -> tuple[ObservedKey, ...]:
        return shifting_list(self._simulation) if self._process.shifting else self._vendor.listed()

    def get_key(self, key_id: str) -> ObservedKey:
        """Return one row."""
        return self._simulation.port(
            self._process, Port.GET, lambda: self._vendor.read(key_id), detail=key_id
        )

    def create_key(self, request: MintRequest) -> Minted:
        """Mint at the floor, if the adapter's own budget allows it."""
        reviewed.create_was_reviewed(self._process, request.incarnation)
        if isinstance(self._budget.reserve(create=True), Delay):
            message = "the creates of this hour are used up; run again later"
            raise DeferredError(message)
        self._process.writes += 1
        return self._simulation.port(
            self._process,
            Port.CREATE,
            lambda: self._create(request),
            detail=request.name,
            late=("create", request),
        )

    def _create(self, request: MintRequest) -> Minted:
        if not self._vendor.room_for_create():
            invariants.create_within_the_budget(self._process, refused=True)
            message = "429: too many creates; run again later"
            raise DeferredError(message)
        invariants.create_within_the_budget(self._process, refused=False)
        minted: Minted = self._simulation.create(request)
        return minted

    def reveal(self, key: ObservedKey) -> Secret:
        """Return the plaintext of a row."""
        return self._simulation.port(
            self._process,
            Port.REVEAL,
            lambda: self._vendor.secret_of(self._vendor.observed(key.id).id),
            detail=key.id,
        )

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Set fields."""
        self._write(Port.UPDATE, key, dict(changes))

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Enable or disable."""
        self._write(Port.SWITCH, key, {ENABLED: enabled})

    def _write(self, port: Port, key: ObservedKey, changes: Spec) -> None:
        reviewed.write_was_reviewed(self._process, key.id, changes)
        self._process.writes += 1

        def effect() -> None:
            self._vendor.about_to_change()
            self._vendor.update(key.id, changes)

        detail = f"{key.id} {dict(changes)}"
        self._simulation.port(self._process, port, effect, detail=detail, late=("update", key.id, changes))

    def delete_key(self, key: ObservedKey) -> None:
        """Delete a row; one that is gone already counts as deleted."""
        reviewed.write_was_reviewed(self._process, key.id, {ENABLED: False})
        self._process.writes += 1

        def effect() -> None:
            self._vendor.about_to_change()
            self._vendor.delete(key.id)

        self._simulation.port(self._process, Port.DELETE, effect, detail=key.id, late=("delete", key.id))

    def rename_key(self, key: ObservedKey, name: str) -> None:
        """Rename a row; the program never does."""
        raise AssertionError(key.id, name)

    def close(self) -> None:
        """Hold nothing."""


class SimulatedLease:
    """The lease port of one process: a record with an expiry, as a store with conditional writes keeps it."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._simulation = process.simulation

    def acquire(self) -> None:
        """Take the lease unless somebody has it."""
        self._port(self._acquire)

    def check(self) -> None:
        """Make sure that there is time for one key, renewing the lease when there is not."""
        self._port(self._check)

    def release(self) -> None:
        """Give the lease back."""
        if self._simulation.lease_holder is self._process.name:
            self._simulation.lease_until = float("-inf")

    def _acquire(self) -> None:
        simulation = self._simulation
        if simulation.clock.seconds < simulation.lease_until:
            message = "another run has the lease; run again then"
            raise DeferredError(message)
        simulation.lease_holder = self._process.name
        simulation.lease_until = simulation.clock.seconds + LEASE

    def _check(self) -> None:
        simulation = self._simulation
        ours = simulation.lease_holder == self._process.name
        if not ours or simulation.clock.seconds >= simulation.lease_until:
            message = "the lease is lost; run again"
            raise DeferredError(message)
        simulation.lease_until = simulation.clock.seconds + LEASE

    def _port(self, effect: Callable[[], None]) -> None:
        self._simulation.port(self._process, Port.LEASE, effect)


class SimulatedSink:
    """The sink port of one process, and the steps inside a put."""

    def __init__(self, process: Process, name: str) -> None:
        self._process = process
        self._name = name
        simulation = process.simulation
        self._sink = MemorySink(simulation.stores[name], kind=simulation.world.sink, after=self._stepped)
        self.entry = ""

    @property
    def write_only(self) -> bool:
        """Whether it shows no receipts."""
        return self._sink.write_only

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts."""
        return self._port(Port.STAT, lambda: self._sink.stat(names))

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Ask whether entries can be written."""
        self._port(Port.PREFLIGHT, lambda: self._sink.preflight(entries))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Write a secret in three steps."""
        reviewed.delivery_was_reviewed(self._process, self._name, entry.name)
        self.entry = entry.name
        self._process.writes += 1
        self._process.simulation.port(
            self._process,
            Port.PUT,
            lambda: self._sink.put(entry, secret, receipt),
            detail=f"{self._name} {receipt.remote_id}",
            late=("put", self._name, entry, secret, replace(receipt)),
        )

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Have a delivery confirmed."""
        self._port(Port.VERIFY, lambda: self._sink.verify(entry, secret, receipt))

    def close(self) -> None:
        """Hold nothing."""

    def tear(self) -> None:
        """Cut the value that is being written in half."""
        self._sink.store.tear(self.entry)

    def _port(self, port: Port, effect: Callable[[], Result]) -> Result:
        return self._process.simulation.port(self._process, port, effect, detail=self._name)

    def _stepped(self, step: Step) -> None:
        inner = {Step.PENDING: Port.PUT_PENDING, Step.VALUE: Port.PUT_VALUE}.get(step)
        if inner is not None:
            self._process.simulation.port(self._process, inner, lambda: self, late=None)
