"""What a call of the program must be before it is made: reviewed, allowed, and in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core.fields import ENABLED
from reconciler.core.plan import MINTING, Reason
from tests.simulation.invariants import is_active
from tests.simulation.ledger import Violation

if TYPE_CHECKING:
    from reconciler.core.fields import Spec
    from reconciler.core.identity import Incarnation
    from reconciler.core.model import ObservedKey
    from reconciler.core.plan import Action
    from tests.simulation.process import Process


def write_was_reviewed(process: Process, key_id: str, changes: Spec) -> None:
    """I6 and I9: a write is to a row of the plan, or to one of a birth in it; never to a foreign one."""
    simulation = process.simulation
    row = next((row for row in simulation.vendor.rows() if row.id == key_id), None)
    name = simulation.incarnation_name(row.name) if row else None
    if key_id in simulation.ledger.foreign:
        msg = "I6"
        raise Violation(msg, f"a write to the foreign key {key_id}")
    actions = process.plan.work if process.plan else ()
    planned = any(
        action.remote_id == key_id or (action.op in MINTING and action.name == name) for action in actions
    )
    _still_as_reviewed(process, key_id, changes, row)
    born_here = key_id in simulation.ledger.ours or row is None
    if not planned and not (born_here and any(action.op in MINTING for action in actions)):
        msg = "I9"
        raise Violation(msg, f"a write to {key_id}, which the plan does not name")
    if changes.get(ENABLED) is False and row is not None and is_active(simulation, row):
        incarnation = simulation.ledger.ours.get(key_id)
        # A key that is declared off is born off, whatever a person does to its limits meanwhile.
        born_off = any(
            action.op in MINTING and action.name == name and (action.after or {}).get(ENABLED) is False
            for action in actions
        )
        seen = simulation.touched_at.get(key_id, -1) < process.listed_at
        if incarnation and incarnation.name in simulation.ledger.protected and seen and not born_off:
            msg = "I6"
            raise Violation(msg, f"{key_id} is protected, live, and about to be disabled")


def _still_as_reviewed(process: Process, key_id: str, changes: Spec, row: ObservedKey | None) -> None:
    """I9: what was changed before the last look at the account is not overwritten as if it were reviewed."""
    simulation = process.simulation
    if row is None or simulation.touched_at.get(key_id, process.listed_at) >= process.listed_at:
        return
    for action in process.plan.work if process.plan else ():
        if action.remote_id != key_id or action.op in MINTING:
            continue
        reviewed = (action.before or {}, action.after or {})
        moved = [name for name in changes if all(row.spec.get(name) != side.get(name) for side in reviewed)]
        if moved and all(name in (action.after or {}) for name in moved):
            msg = "I9"
            raise Violation(msg, f"{moved} of {key_id} changed before the last look, and is overwritten")


def create_was_reviewed(process: Process, incarnation: Incarnation) -> None:
    """I9: a create is one that the plan lists, or the next attempt of one."""
    actions = process.plan.work if process.plan else ()
    for action in actions:
        same = (action.name, action.generation) == (incarnation.name, incarnation.generation)
        if same and action.op in MINTING and action.reason is not Reason.CUSTODY:
            return
    msg = "I9"
    raise Violation(msg, f"a create of {incarnation}, which the plan does not list")


def delivery_was_reviewed(process: Process, sink: str, entry: str) -> None:
    """I9: a secret goes only where the plan says."""
    actions = process.plan.work if process.plan else ()
    if not any((item.sink, item.name) == (sink, entry) for action in actions for item in action.deliver):
        msg = "I9"
        raise Violation(msg, f"a delivery to {sink}/{entry}, which the plan does not list")


def nothing_begins_after_the_deadline(process: Process, action: Action) -> None:
    """I11: no action begins when the run's time is over."""
    deadline = process.control.deadline
    if deadline is not None and process.simulation.clock.seconds >= deadline:
        msg = "I11"
        raise Violation(msg, f"{action.op} of {action.address} begins after the deadline")
