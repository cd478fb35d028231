"""The two things that the program does: make a plan, and apply one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from reconciler.app.observe import observe
from reconciler.core.diff import EVERYTHING, diff
from reconciler.core.plan_document import digest
from reconciler.core.safety import violations
from reconciler.errors import SafetyError, StalePlanError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.app.control import RunControl
    from reconciler.core.model import DesiredState, ObservedState
    from reconciler.core.plan import Plan, Scope
    from reconciler.core.report import Report
    from reconciler.ports.clock import Clock
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
    """

    desired: DesiredState
    providers: Mapping[str, Provider]
    sinks: Mapping[str, Sink]
    clock: Clock
    tool: str

    def observe(self) -> ObservedState:
        """Read everything that exists."""
        return observe(self.providers, self.sinks, self.desired.keys)


def make_plan(world: World, observed: ObservedState, *, scope: Scope = EVERYTHING) -> Plan:
    """Return the plan for what was observed."""
    return diff(world.desired, observed, now=world.clock.now(), tool=world.tool, scope=scope)


def check_reviewed(world: World, plan: Plan, *, expect: str | None) -> None:
    """Make sure that a plan is the reviewed one and belongs to today's settings and declarations.

    Raises:
        StalePlanError: when a digest differs.
        SafetyError: when a safety limit refuses the plan as a whole.
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
    if broken := violations(plan):
        raise SafetyError("\n".join(broken))


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
    )
    return executor.run(plan)
