"""What must hold after every call of a port, and at the end; the numbers are those of docs/custody.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, TOTAL_USD
from reconciler.core.plan import MINTING
from reconciler.core.report import Status
from reconciler.sinks.memory import Kind as SinkKind
from tests.simulation import allowances
from tests.simulation.ledger import Violation

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.core.fields import Spec
    from reconciler.core.identity import Incarnation
    from reconciler.core.model import ObservedKey
    from reconciler.core.report import Report
    from tests.simulation.process import Process
    from tests.simulation.simulation import Simulation

_SECRET: Final = "cr_"


def is_active(simulation: Simulation, row: ObservedKey) -> bool:
    """Tell whether a row can be used for more than the floor allows."""
    floor = simulation.world.of.floor
    return row.live and any(row.spec.get(name) != value for name, value in floor.items())


def active_rows(simulation: Simulation) -> tuple[tuple[Incarnation, ObservedKey], ...]:
    """Return the rows of ours that can be used and that no operator has had a hand in."""
    ledger = simulation.ledger
    return tuple(
        (ledger.ours[row.id], row)
        for row in simulation.rows
        if row.id in ledger.ours and row.id not in ledger.touched and is_active(simulation, row)
    )


def one_live_key(simulation: Simulation) -> None:
    """I1: one name and generation never has two keys that can be used."""
    seen: dict[tuple[str, int], str] = {}
    for incarnation, row in simulation.active:
        name = (incarnation.name, incarnation.generation)
        if name in seen:
            msg = "I1"
            raise Violation(msg, f"{seen[name]} and {row.id} are both live for {name}")
        seen[name] = row.id


def live_keys_are_in_custody(simulation: Simulation) -> None:
    """I2: the secret of a live key is in every sink it is declared for, or a later generation's is.

    What a person cloned in the panel is named like a later generation, so it counts as one.
    """
    declared = {key.name: key for key in simulation.keys}
    for incarnation, row in simulation.active:
        key = declared.get(incarnation.name)
        if key is None:
            continue
        for delivery in key.deliver:
            value = simulation.stores[delivery.sink].values.get(delivery.name)
            if not _holds(simulation, value, incarnation, row.id):
                msg = "I2"
                raise Violation(
                    msg, f"{row.id} is live and {delivery.sink}/{delivery.name} has another secret"
                )


def _holds(simulation: Simulation, value: object, incarnation: Incarnation, key_id: str) -> bool:
    fingerprint = getattr(value, "fingerprint", None)
    if fingerprint is None:
        return False
    held = fingerprint()
    if held == simulation.vendor.secret_of(key_id).fingerprint():
        return True
    cloned = simulation.ledger.touched - simulation.ledger.ours.keys()
    if any(held == simulation.vendor.secret_of(other).fingerprint() for other in cloned):
        return True
    return any(
        later.name == incarnation.name
        and later.generation > incarnation.generation
        and held == simulation.vendor.secret_of(other).fingerprint()
        for other, later in simulation.ledger.ours.items()
    )


def nothing_wider_than_declared(simulation: Simulation) -> None:
    """I8: no key of ours allows more than the floor, or than it was ever declared with."""
    floor = simulation.world.of.floor
    for row in simulation.rows:
        incarnation = simulation.ledger.ours.get(row.id)
        if incarnation is None or row.id in simulation.ledger.touched:
            continue
        specs = simulation.ledger.declared.get(incarnation.name, [])
        for name in floor:
            value = row.spec.get(name)
            if value != floor[name] and all(spec.get(name) != value for spec in specs):
                msg = "I8"
                raise Violation(msg, f"{row.id} has {name} = {value}, which nobody declared")


def create_within_the_budget(process: Process, *, refused: bool) -> None:
    """I5: a process does not run into a limit that it has used up itself."""
    limit = process.simulation.world.creates_per_hour
    process.creates += not refused
    if refused and limit is not None and process.creates >= limit:
        msg = "I5"
        raise Violation(msg, f"a create although this process has made {process.creates} of {limit}")


def no_key_is_minted_twice(simulation: Simulation) -> None:
    """I7: rows that were minted are those that are declared, and at most one lost birth for each fault."""
    ledger = simulation.ledger
    # A key that is off at the floor looks condemned to a run that no receipt tells otherwise.
    shared = simulation.world.replays and simulation.world.sink is not SinkKind.WRITE_ONLY
    allowed = len(ledger.mints) * (1 if shared else ledger.writers) + ledger.burns
    if simulation.world.lag:
        # What the list does not show yet is minted again where a create is not idempotent.
        allowed += len(ledger.mints) * ledger.runs
    if len(ledger.ours) > allowed:
        msg = "I7"
        raise Violation(msg, f"{len(ledger.ours)} rows were minted, and {allowed} are accounted for")


def no_secret_is_shown(simulation: Simulation, text: str) -> None:
    """I3: no text that leaves the program holds a secret."""
    if _SECRET in text:
        msg = "I3"
        raise Violation(msg, f"a secret in {text[:20]!r} of {simulation.world.name}")


def report_is_fit_to_show(simulation: Simulation, report: Report) -> None:
    """I3: no message or warning of a report holds a secret."""
    for outcome in report.outcomes:
        for text in (outcome.message, *outcome.warnings):
            no_secret_is_shown(simulation, text)


def report_tells_the_truth(process: Process, report: Report) -> None:
    """I13: what a run reports as done is done, and a birth leaves no second live row of its key."""
    simulation = process.simulation
    ledger = simulation.ledger
    if ledger.writers > 1 or ledger.harsh or simulation.world.lag or simulation.late:
        return
    rows = {row.id: row for row in simulation.vendor.rows()}
    for outcome in report.outcomes:
        row = rows.get(outcome.remote_id or "")
        if outcome.status is not Status.DONE or row is None:
            continue
        off = [
            name for name, value in (outcome.action.after or {}).items() if row.spec.get(name, value) != value
        ]
        if off:
            msg = "I13"
            raise Violation(msg, f"{row.id} is reported done, and {off} did not take")
        twins = _twins(simulation, row) if outcome.action.op in MINTING else []
        if twins:
            msg = "I13"
            raise Violation(msg, f"{row.id} is reported born, and {', '.join(twins)} still lives beside it")


def _twins(simulation: Simulation, row: ObservedKey) -> list[str]:
    born = simulation.ledger.ours.get(row.id)
    return [
        other.id
        for other in simulation.vendor.rows()
        if other.id != row.id
        and other.live
        and born is not None
        and (made := simulation.ledger.ours.get(other.id)) is not None
        and (made.name, made.generation) == (born.name, born.generation)
    ]


def micro_usd(spec: Spec) -> int:
    """Return what a spec allows in all."""
    value = spec[TOTAL_USD]
    return value if isinstance(value, int) else 0


def the_sum_is_bounded(simulation: Simulation) -> None:
    """I8: while runs are only cut, all keys together never allow more than before or after the change."""
    bound = simulation.ledger.sum_bound
    if bound is None:
        return
    total = sum(micro_usd(row.spec) for _, row in simulation.active)
    if total > bound:
        msg = "I8"
        raise Violation(msg, f"all keys together allow {total}, and {bound} is the most that was declared")


def converged(simulation: Simulation, refused: frozenset[str]) -> None:
    """I4 and I10: after clean runs there is one live key as declared, in custody, and nothing else.

    Args:
        simulation: at rest.
        refused: names of keys whose protection refuses what is declared.
    """
    for key in simulation.keys:
        if key.name in refused:
            continue
        rows = [
            (incarnation, row)
            for row in simulation.vendor.rows()
            if (incarnation := simulation.ledger.ours.get(row.id))
            and incarnation.name == key.name
            and row.live
        ]
        current = [row for incarnation, row in rows if incarnation.generation == key.lifecycle.generation]
        wanted = 0 if key.lifecycle.absent or key.spec.get(ENABLED) is False else 1
        if wanted and not current and allowances.may_stay_off(simulation, key):
            continue
        if len(current) != wanted:
            ids = ", ".join(row.id for row in current) or "none"
            msg = "I4"
            raise Violation(msg, f"{key.name} ends with {ids} live, and {wanted} is declared")
        for row in current if wanted else ():
            off = [name for name, value in key.spec.items() if row.spec.get(name, value) != value]
            if off:
                msg = "I4"
                raise Violation(msg, f"{row.id} ends with {off} not as declared")
            for delivery in key.deliver:
                _agrees(simulation, row, delivery.sink, delivery.name)


def _agrees(simulation: Simulation, row: ObservedKey, sink: str, entry: str) -> None:
    store = simulation.stores[sink]
    value, record = store.values.get(entry), store.records.get(entry)
    delivered = record.delivered if record else None
    if value is None or value.fingerprint() != simulation.vendor.secret_of(row.id).fingerprint():
        msg = "I2"
        raise Violation(msg, f"{row.id} ends live and {sink}/{entry} does not hold its secret")
    if delivered is None or delivered.receipt.remote_id != row.id:
        msg = "I10"
        raise Violation(msg, f"{sink}/{entry} ends with the receipt of another key than {row.id}")


OF_A_STATE: Final[tuple[Callable[[Simulation], None], ...]] = (
    one_live_key,
    live_keys_are_in_custody,
    nothing_wider_than_declared,
    no_key_is_minted_twice,
    the_sum_is_bounded,
)
