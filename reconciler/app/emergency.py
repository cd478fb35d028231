"""Switching keys off at once, ahead of the review that follows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from reconciler.app.observe import observe
from reconciler.app.usecases import apply_plan, make_plan
from reconciler.core.diff import guarded
from reconciler.core.key_actions import disable
from reconciler.core.plan import Reason, in_order
from reconciler.core.view import View
from reconciler.errors import AuditError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from reconciler.app.control import RunControl
    from reconciler.app.usecases import World
    from reconciler.core.plan import Action
    from reconciler.core.report import Report
    from reconciler.ports.audit import AuditRecord, AuditTrail
    from reconciler.ports.progress import Progress


@dataclass(slots=True, kw_only=True, eq=False)
class _WhileItLasts:
    """A trail that stops no emergency; why records are missing is kept for the report."""

    trail: AuditTrail
    failure: AuditError | None = None

    def append(self, record: AuditRecord) -> None:
        """Add one record, if that is possible."""
        try:
            self.trail.append(record)
        except AuditError as error:
            self.failure = self.failure or error


def disable_now(
    world: World, addresses: Collection[str], *, salt: bytes, control: RunControl, progress: Progress
) -> Report:
    """Switch off every live row of some declared keys, whatever else is the matter with them.

    The number of keys is not limited, since each was named; a protected key is refused as ever. An audit
    trail that cannot be kept is a warning.

    Args:
        world: with providers that may write.
        addresses: of the keys.
        salt: of the idempotency keys; nothing is minted.
        control: asked before each key whether to go on.
        progress: told what happens.
    """
    # A sink that is down must not keep a key on, and what it holds does not matter here.
    live = observe(world.providers, {}, ())
    view = View.of(world.desired, live, now=world.clock.now())
    plan = make_plan(world, live)
    limits = replace(plan.limits, max_disables=None)
    actions = [guarded(action, limits) for action in _actions(view, addresses)]
    emergency = replace(plan, actions=in_order(actions), limits=limits)
    trail = None if world.audit is None else _WhileItLasts(trail=world.audit)
    # A key that leaked does not wait for another run: switching off by id is safe beside everything.
    alone = replace(world, lease=None, audit=trail)
    report = apply_plan(alone, emergency, live, salt=salt, control=control, progress=progress)
    if trail is None or trail.failure is None:
        return report
    warning = f"not all of this is in the audit trail: {trail.failure}"
    told = tuple(replace(item, warnings=(*item.warnings, warning)) for item in report.outcomes)
    return replace(report, outcomes=told)


def _actions(view: View, addresses: Collection[str]) -> Iterator[Action]:
    for label, keys in view.keys.items():
        # What an account has left of a key that moved away works as well.
        named = [*((key.name, key) for key in keys), *view.left(label).items()]
        for name, key in named:
            if key.address not in addresses:
                continue
            for row in view.rows[label].get(name, ()):
                if row.key.live:
                    action = disable(label, row, Reason.EMERGENCY)
                    yield replace(action, protected=key.lifecycle.protected, mark=key.mark)
