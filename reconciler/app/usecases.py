"""The two things that the program does: make a plan, and apply one."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from reconciler.app.observe import observe
from reconciler.core.allowance import in_force, over_warning
from reconciler.core.diff import diff
from reconciler.core.plan import EVERYTHING
from reconciler.core.plan_document import digest
from reconciler.core.policy import breaches
from reconciler.core.safety import violations
from reconciler.errors import ReconcilerError, SafetyError, StalePlanError, UsageError
from reconciler.ports.balance import BalanceSource

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.app.control import RunControl
    from reconciler.core.model import DesiredState, ObservedState
    from reconciler.core.plan import Plan, Scope
    from reconciler.core.report import Report
    from reconciler.core.spending import Baseline
    from reconciler.ports.audit import AuditTrail
    from reconciler.ports.clock import Clock
    from reconciler.ports.escrow import Escrow
    from reconciler.ports.lease import Lease
    from reconciler.ports.progress import Progress
    from reconciler.ports.provider import Provider
    from reconciler.ports.sink import Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything outside the program that a use case touches.

    Attributes:
        desired: from the settings and the declarations.
        providers: by account label; only those in scope.
        sinks: by name.
        clock: wall clock and waits.
        tool: name and version.
        audit: where evidence is kept, if anywhere.
        escrow: where secrets are sealed that no sink takes, if anywhere.
        lease: what keeps other runs out, if anything.
    """

    desired: DesiredState
    providers: Mapping[str, Provider]
    sinks: Mapping[str, Sink]
    clock: Clock
    tool: str
    audit: AuditTrail | None = None
    escrow: Escrow | None = None
    lease: Lease | None = None

    def observe(self) -> ObservedState:
        """Read everything that exists."""
        observed = observe(self.providers, self.sinks, self.desired.keys)
        if self.escrow is None:
            return observed
        rows = (
            (self.providers[label].origin, row.id)
            for label, listing in observed.listings.items()
            for row in listing.keys
        )
        return replace(observed, escrowed=self.escrow.held(rows))


def make_plan(
    world: World,
    observed: ObservedState,
    *,
    scope: Scope = EVERYTHING,
    baseline: Baseline | None = None,
    balances: Mapping[str, int] = MappingProxyType({}),
) -> Plan:
    """Return the plan for what was observed.

    Args:
        world: whose desired state is planned for.
        observed: everything that exists.
        scope: the part of the declarations to look at.
        baseline: what keys had spent at an earlier moment.
        balances: what accounts hold, by label; see `read_balances`.
    """
    return diff(
        world.desired,
        observed,
        now=world.clock.now(),
        tool=world.tool,
        scope=scope,
        baseline=baseline,
        balances=balances,
    )


def read_balances(world: World) -> dict[str, int]:
    """Return what accounts hold whose balance is in the unit of their keys' caps, in micro-USD by label.

    No other account is asked: a settlement currency is never held against upstream USD. One that does not
    answer is left out, since no plan depends on it.
    """
    found = {}
    for label, provider in sorted(world.providers.items()):
        if not provider.capabilities.pays_in_key_units or not isinstance(provider, BalanceSource):
            continue
        with suppress(ReconcilerError):
            amount = provider.balance()
            if amount is not None:
                found[label] = amount
    return found


def check_reviewed(world: World, plan: Plan, *, expect: str | None) -> None:
    """Make sure that a plan is the reviewed one and belongs to today's settings and declarations.

    Raises:
        StalePlanError: when a digest or the safety limits differ.
        SafetyError: when a safety limit or the policy refuses the plan as a whole, or what raised a limit
            has ended.
    """
    found = digest(plan)
    if expect is not None and expect != found:
        msg = f"the plan's digest is {found}, not the expected {expect}; review the new plan"
        raise StalePlanError(msg)
    if plan.settings_digest != world.desired.settings_digest:
        msg = "the settings changed since this plan was made; make a new plan and have it reviewed"
        raise StalePlanError(msg)
    if plan.declarations_digest != world.desired.declarations_digest:
        msg = "the declarations changed since this plan was made; make a new plan and have it reviewed"
        raise StalePlanError(msg)
    if missing := sorted({account.label for account in plan.accounts} - world.providers.keys()):
        msg = f"the plan is also about {', '.join(missing)}; apply it without --account"
        raise UsageError(msg)
    _check_limits(world, plan)
    if refused := breaches(world.desired, world.clock.now(), plan.scope):
        raise SafetyError("\n".join(str(found.problem) for found in refused))
    if broken := violations(plan):
        raise SafetyError("\n".join(broken))


def _check_limits(world: World, plan: Plan) -> None:
    """Make sure that the limits of a plan are those of this moment: what raised them may have ended since."""
    limits, allow = in_force(world.desired, world.clock.now())
    if plan.allow is not None and allow is None and world.desired.allow is not None:
        msg = f"{over_warning(world.desired.allow)}, or have a later `until` reviewed, and make a new plan"
        raise SafetyError(msg)
    if (plan.limits, plan.allow) != (limits, allow):
        msg = "the safety limits are not those of this plan; make a new plan and have it reviewed"
        raise StalePlanError(msg)


def apply_plan(
    world: World, plan: Plan, live: ObservedState, *, salt: bytes, control: RunControl, progress: Progress
) -> Report:
    """Apply a reviewed plan to the live state and report on every action.

    Args:
        world: with providers that may write.
        plan: that passed `check_reviewed`.
        live: read after the review.
        salt: of the idempotency keys.
        control: asked before each action whether to go on.
        progress: told what happens.

    Raises:
        AuditError: when the audit trail cannot be kept; nothing was done.
    """
    from reconciler.app.executor import Executor  # noqa: PLC0415  # a plan does not need it, and starts faster

    executor = Executor(
        desired=world.desired,
        live=live,
        providers=world.providers,
        sinks=world.sinks,
        clock=world.clock,
        salt=salt,
        control=control,
        progress=progress,
        audit=world.audit,
        escrow=world.escrow,
        lease=world.lease,
    )
    return executor.run(plan)
