"""What the audit trail is told of a run, and what follows when it cannot be told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from reconciler.core.plan_document import action_document
from reconciler.core.report import outcome_document
from reconciler.errors import AuditError
from reconciler.ports.audit import AuditRecord

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.plan import Action, Plan
    from reconciler.core.report import Outcome
    from reconciler.ports.audit import AuditTrail
    from reconciler.ports.clock import Clock


@dataclass(slots=True, kw_only=True, eq=False)
class AuditLog:
    """Tells the trail what a run does; without a trail, nobody is told.

    Args:
        trail: where records go.
        clock: dates them.
        digest: of the plan.
        failure: why a record is missing; nothing may be begun from then on.
    """

    trail: AuditTrail | None
    clock: Clock
    digest: str
    failure: AuditError | None = None

    def began(self, plan: Plan) -> None:
        """Record that a plan is about to be applied.

        Raises:
            AuditError: when it cannot be recorded.
        """
        accounts = [{"account": account.label, "origin": account.origin} for account in plan.accounts]
        self._append("began", {"accounts": accounts, "actions": len(plan.actions)})

    def started(self, action: Action) -> None:
        """Record that an action is about to be tried.

        Raises:
            AuditError: when it cannot be recorded.
        """
        self._append("started", action_document(action))

    def ended(self, outcome: Outcome) -> Outcome:
        """Record how an action ended, and return the outcome; a record that failed is a warning in it."""
        if self.failure is not None:
            return outcome
        facts = {**action_document(outcome.action), **outcome_document(outcome)}
        try:
            self._append("ended", facts)
        except AuditError as error:
            return replace(outcome, warnings=(*outcome.warnings, str(error)))
        return outcome

    def _append(self, event: str, facts: Mapping[str, Any]) -> None:
        if self.trail is None:
            return
        record = AuditRecord(event=event, at=self.clock.now(), facts={"plan": self.digest, **facts})
        try:
            self.trail.append(record)
        except AuditError as error:
            self.failure = error
            raise
