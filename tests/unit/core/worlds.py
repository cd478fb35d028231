"""Small worlds for the tests of the core: one account, some keys, some rows, some receipts."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.diff import diff
from reconciler.core.fields import FIELDS
from reconciler.core.identity import parse_remote_name
from reconciler.core.model import (
    Capabilities,
    Delivery,
    DesiredAccount,
    DesiredKey,
    DesiredState,
    Lifecycle,
    Listing,
    ObservedKey,
    ObservedState,
    RateLimits,
    Receipt,
    SafetyLimits,
    SourceMark,
    Undeclared,
)
from reconciler.core.plan import EVERYTHING, Action, Operation, Plan, PlanMeta, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.core.fields import Spec, Value
    from reconciler.core.plan import Scope

NOW: Final = datetime(2026, 3, 1, 12, tzinfo=UTC)
ORIGIN: Final = "https://api.example"
USD: Final = 1_000_000
FLOOR: Final[Spec] = {
    "limits.daily_usd": USD,
    "limits.total_usd": USD,
    "limits.concurrency": 1,
}
SPEC: Final[Spec] = {
    "enabled": True,
    "limits.daily_usd": 5 * USD,
    "limits.total_usd": 100 * USD,
    "limits.concurrency": 5,
}
CAPABILITIES: Final = Capabilities(
    fields=frozenset(FIELDS),
    creatable=frozenset(FLOOR),
    updatable=frozenset(FIELDS) - {"enabled"},
    clearable=frozenset(),
    idempotent_create=True,
    create_returns_secret=True,
    reveals=False,
    toggles=True,
    deletes=False,
    renames=False,
    name_limit=100,
    name_unit="characters",
    floor=FLOOR,
    rate_limits=RateLimits(requests_per_minute=60, requests_per_day=1000, creates_per_hour=5),
    money_quantum=10_000,
)
LOCAL: Final = Delivery(sink="local", name="A")
APP: Final = Delivery(sink="app", name="A")


def usd(**caps: int) -> dict[str, Value]:
    """Return money limits in whole USD, for example `usd(total=5)`."""
    return {f"limits.{name}_usd": amount * USD for name, amount in caps.items()}


def account(
    label: str = "acc",
    *,
    namespace: str | None = None,
    undeclared: Undeclared = Undeclared.REPORT,
    origin: str = ORIGIN,
    delete_retired: bool = False,
    **capabilities: Any,
) -> DesiredAccount:
    """Return an account whose provider shows no secret twice, unless the capabilities say otherwise."""
    return DesiredAccount(
        label=label,
        provider="example",
        origin=origin,
        namespace=namespace,
        undeclared=undeclared,
        capabilities=replace(CAPABILITIES, **capabilities),
        delete_retired=delete_retired,
    )


def key(
    name: str = "a",
    spec: Spec = SPEC,
    *,
    label: str = "acc",
    deliver: tuple[Delivery, ...] | None = None,
    **lifecycle: Any,
) -> DesiredKey:
    """Return a declared key, delivered to `local` under its name in capitals."""
    return DesiredKey(
        account=label,
        name=name,
        spec=spec,
        deliver=(Delivery(sink="local", name=name.upper()),) if deliver is None else deliver,
        lifecycle=Lifecycle(**lifecycle),
        mark=SourceMark(file="keys.yaml", line=1, column=3),
    )


def row(
    key_id: str,
    name: str | None = "a",
    spec: Spec = SPEC,
    *,
    enabled: bool | None = True,
    used: int | None = 7 * USD,
    **values: Any,
) -> ObservedKey:
    """Return a row that has spent something; `enabled=None` and absent fields are not shown."""
    shown: dict[str, Value] = {field: value for field, value in spec.items() if field != "enabled"}
    if enabled is not None:
        shown["enabled"] = enabled
    return ObservedKey(id=key_id, name=name, spec=shown, used_micro_usd=used, **values)


def unborn(key_id: str, name: str = "a", *, enabled: bool = True, **values: Any) -> ObservedKey:
    """Return a row as a create leaves it: at the floor, and nothing spent."""
    return row(key_id, name, FLOOR, enabled=enabled, **{"used": 0, **values})


def receipt(
    key_id: str,
    name: str = "a",
    *,
    generation: int = 1,
    attempt: int = 1,
    age: timedelta = timedelta(days=30),
    label: str = "acc",
    origin: str = ORIGIN,
) -> Receipt:
    """Return what a sink remembers of a delivery `age` ago."""
    return Receipt(
        origin=origin,
        address=f"{label}/{name}",
        remote_id=key_id,
        generation=generation,
        attempt=attempt,
        delivered_at=NOW - age,
    )


def held(*rows: ObservedKey, namespace: str | None = None, sink: str = "local") -> dict[Delivery, Receipt]:
    """Return the receipts by which one sink holds the secrets of some rows, delivered 30 days ago."""
    found = {}
    for item in rows:
        known = parse_remote_name(item.name or "", namespace)
        assert known is not None
        found[Delivery(sink=sink, name=known.name.upper())] = receipt(
            item.id, known.name, generation=known.generation, attempt=known.attempt
        )
    return found


def desired(
    *keys: DesiredKey, accounts: Iterable[DesiredAccount] | None = None, limits: SafetyLimits | None = None
) -> DesiredState:
    """Return a desired state; without accounts, the plain one."""
    chosen = [account()] if accounts is None else list(accounts)
    return DesiredState(
        accounts={item.label: item for item in chosen},
        keys=keys,
        limits=limits or SafetyLimits(),
        settings_digest="sha256:settings",
        declarations_digest="sha256:declarations",
    )


def observed(
    *rows: ObservedKey,
    receipts: Mapping[Delivery, Receipt] | None = None,
    label: str = "acc",
    **listing: Any,
) -> ObservedState:
    """Return an observed state with one listed account."""
    return ObservedState(listings={label: Listing(keys=rows, **listing)}, receipts=receipts or {})


def plan_for(
    state: DesiredState, seen: ObservedState, *, scope: Scope = EVERYTHING, now: datetime = NOW
) -> Plan:
    """Return the plan for a world."""
    return diff(state, seen, now=now, tool="reconciler test", scope=scope)


def shape(plan: Plan) -> list[tuple[Operation, str | None, Reason]]:
    """Return what a plan does, to which row, and why."""
    return [(action.op, action.remote_id, action.reason) for action in plan.actions]


def action(op: Operation = Operation.UPDATE, reason: Reason = Reason.DRIFT, **values: Any) -> Action:
    """Return an action on row 1 of key `a`, with everything that is not given filled in."""
    filled: dict[str, Any] = {"account": "acc", "name": "a", "incarnation": "a", "remote_id": "1"}
    return Action(op=op, reason=reason, **(filled | values))


def plan_of(*actions: Action, limits: SafetyLimits | None = None, existing: int = 20) -> Plan:
    """Return a plan of exactly these actions."""
    return Plan(
        accounts=(),
        scope=EVERYTHING,
        actions=actions,
        limits=limits or SafetyLimits(),
        settings_digest="sha256:settings",
        declarations_digest="sha256:declarations",
        existing=existing,
        meta=PlanMeta(
            generated_at=NOW, tool="test", unchanged=0, undeclared=(), warnings=(), eta=timedelta(0)
        ),
    )
