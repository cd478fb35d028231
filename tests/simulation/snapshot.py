"""Copies of a world, and what tells two worlds apart that have different futures."""

from __future__ import annotations

from typing import Any

from reconciler.sinks.memory import MemoryStore
from tests.simulation.simulation import Simulation
from tests.simulation.virtual_clock import VirtualClock


def fork(simulation: Simulation) -> Simulation:
    """Return an independent copy; what happens to one does not happen to the other."""
    other = Simulation(simulation.world, simulation.keys, simulation.sinks)
    other.clock = VirtualClock(simulation.clock.seconds, simulation.clock.jumped)
    other.vendor = simulation.world.vendor(other.clock)
    simulation.vendor.copy_to(other.vendor)
    other.stores = {
        name: MemoryStore(values=dict(store.values), records=dict(store.records))
        for name, store in simulation.stores.items()
    }
    other.ledger = simulation.ledger.copy()
    other.late = list(simulation.late)
    other.calls = simulation.calls
    other.touched_at = dict(simulation.touched_at)
    other.lease_holder, other.lease_until = simulation.lease_holder, simulation.lease_until
    other.revision = simulation.revision
    other.trace = list(simulation.trace)
    return other


def state_of(simulation: Simulation) -> tuple[Any, ...]:
    """Return everything on which the future depends, so that equal states have equal futures."""
    wall = simulation.clock.now()
    stores = tuple(
        (
            name,
            tuple((entry, value.fingerprint()) for entry, value in store.values.items()),
            tuple(
                (
                    entry,
                    half,
                    stamp.fingerprint,
                    stamp.receipt.remote_id,
                    wall - stamp.receipt.delivered_at,
                )
                for entry, record in store.records.items()
                for half, stamp in (("d", record.delivered), ("p", record.pending))
                if stamp
            ),
        )
        for name, store in simulation.stores.items()
    )
    late = tuple(
        (item.calls - simulation.calls, item.seconds - simulation.clock.seconds, repr(item.request[:3]))
        for item in simulation.late
    )
    ages = tuple(simulation.clock.seconds - at for at in simulation.ledger.struck_at)
    leased = max(0.0, simulation.lease_until - simulation.clock.seconds)
    return (simulation.vendor.state(), stores, late, simulation.ledger.state(), ages, leased)
