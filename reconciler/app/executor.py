"""Applies a reviewed plan, action by action; what it decides, it decides against the live rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from reconciler.app.audit_log import AuditLog
from reconciler.app.birth import Birth
from reconciler.app.minting import Mint
from reconciler.app.outcomes import from_error, unverified
from reconciler.app.preflight import preflight
from reconciler.app.row_writes import rename, settle
from reconciler.app.targets import Targets
from reconciler.core.plan import MINTING, Operation, condemns
from reconciler.core.plan_document import digest
from reconciler.core.report import Outcome, Report, Status
from reconciler.core.resolution import Resolution
from reconciler.core.safety import counted_as, over, protection
from reconciler.errors import (
    CredentialsError,
    DeferredError,
    HostileAnswerError,
    ReconcilerError,
    SafetyError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.app.control import RunControl
    from reconciler.core.model import DesiredState, ObservedKey, ObservedState
    from reconciler.core.plan import Action, Plan
    from reconciler.ports.audit import AuditTrail
    from reconciler.ports.clock import Clock
    from reconciler.ports.escrow import Escrow
    from reconciler.ports.lease import Lease
    from reconciler.ports.progress import Progress
    from reconciler.ports.provider import Provider
    from reconciler.ports.sink import Sink

_GO_ON: Final = frozenset({Status.DONE, Status.ALREADY, Status.BLOCKED})


@dataclass(slots=True, kw_only=True, eq=False)
class Executor:
    """Carries out one plan.

    Args:
        desired: the state that the plan was made from.
        live: every listed account and receipt, read after the plan was reviewed.
        providers: by account label.
        sinks: by name.
        clock: wall clock and waits.
        salt: of the idempotency keys.
        control: asked before each action whether to go on.
        progress: told what happens.
        audit: told what happens, for later.
        escrow: for secrets that no sink takes.
        lease: held by this run; asked for before each action.
    """

    desired: DesiredState
    live: ObservedState
    providers: Mapping[str, Provider]
    sinks: Mapping[str, Sink]
    clock: Clock
    salt: bytes
    control: RunControl
    progress: Progress
    audit: AuditTrail | None = None
    escrow: Escrow | None = None
    lease: Lease | None = None
    _log: AuditLog = field(init=False)
    _done: Counter[str] = field(default_factory=Counter)
    _broken: dict[str, str] = field(default_factory=dict)
    _closed: dict[str, str] = field(default_factory=dict)
    _deferred: dict[str, DeferredError] = field(default_factory=dict)

    def run(self, plan: Plan) -> Report:
        """Apply every action of the plan that still fits, in order, and report on each.

        Raises:
            AuditError: when the audit trail cannot be kept; nothing was done.
        """
        started = self.clock.now()
        self._log = AuditLog(trail=self.audit, clock=self.clock, digest=digest(plan))
        self._log.began(plan)
        targets = Targets(desired=self.desired, live=self.live, plan=plan)
        met = [(action, targets.of(action)) for action in plan.actions]
        births = [action for action, target in met if isinstance(target, Resolution)]
        rows = {action.address: targets.rows_of(action) for action in births}
        refused = preflight(
            self.desired, births, rows, sinks=self.sinks, escrow=self.escrow, lease=self.lease
        )
        outcomes = []
        for action, target in met:
            if isinstance(target, Outcome):
                outcome = target
            elif (not_now := self._not_now(action, refused.get(action.address))) is not None:
                outcome = not_now
            else:
                outcome = self._one(plan, action, target, targets)
            outcome = self._log.ended(outcome)
            self._remember(outcome)
            self.progress.finished(outcome)
            outcomes.append(outcome)
        return Report(
            digest=self._log.digest,
            outcomes=tuple(outcomes),
            started_at=started,
            finished_at=self.clock.now(),
            interrupted=self.control.interrupted,
        )

    def _one(self, plan: Plan, action: Action, target: Resolution | ObservedKey, targets: Targets) -> Outcome:
        """Do one action, and keep what its failure says about the others."""
        try:
            self._gate(plan, action, target)
            if self.lease is not None:
                self.lease.check()
            self._log.started(action)
            self.progress.started(action)
            if isinstance(target, Resolution):
                return self._give_birth(action, target, targets)
            return self._write(action, target, targets.name_of(action))
        except ReconcilerError as error:
            self._learn(action, error)
            return from_error(action, error)

    def _not_now(self, action: Action, refused: ReconcilerError | None) -> Outcome | None:
        """Return why this action is not even tried, or None when it is."""
        if self.control.interrupted is not None:
            return _not_attempted(action, "interrupted before its turn; run again")
        if self.control.expired:
            late = DeferredError("the deadline was reached before its turn; run again")
            return from_error(action, late)
        if self._log.failure is not None:
            return from_error(action, self._log.failure)
        if reason := self._broken.get(action.address) or self._closed.get(action.account):
            return _not_attempted(action, reason)
        if action.op not in MINTING:
            return None
        error = refused or self._deferred.get(action.account)
        return from_error(action, error) if error else None

    def _gate(self, plan: Plan, action: Action, target: Resolution | ObservedKey) -> None:
        """Enforce protection and the safety limits once more, last before the socket."""
        row = target.current and target.current.key if isinstance(target, Resolution) else target
        # A saved plan's figure proves nothing: only what the provider shows now counts.
        if text := protection(replace(action, used_micro_usd=row.used_micro_usd if row else None)):
            raise SafetyError(text)
        if kind := counted_as(action):
            if text := over(plan.limits, kind, self._done[kind] + 1):
                raise SafetyError(text)
            self._done[kind] += 1

    def _give_birth(self, action: Action, found: Resolution, targets: Targets) -> Outcome:
        birth = Birth(
            action=action,
            key=targets.keys[action.address],
            mint=self._mint(action),
            sinks=self.sinks,
            receipts=self.live.receipts,
            rows=targets.rows_of(action),
            escrow=self.escrow,
            lease=self.lease,
        )
        outcome = birth.run(found)
        if birth.error is not None:
            self._learn(action, birth.error)
        return outcome

    def _mint(self, action: Action) -> Mint:
        listed = self.live.listings[action.account].keys
        return Mint(
            account=self.desired.accounts[action.account],
            provider=self.providers[action.account],
            clock=self.clock,
            salt=self.salt,
            known_ids=frozenset(row.id for row in listed),
        )

    def _write(self, action: Action, row: ObservedKey, name: str) -> Outcome:
        provider = self.providers[action.account]
        if condemns(action):
            self._mint(action).condemn(row)
            return Outcome(action=action, status=Status.DONE, remote_id=row.id)
        if action.op is Operation.DELETE:
            provider.delete_key(row)
            return Outcome(action=action, status=Status.DONE, remote_id=row.id)
        if action.op is Operation.ADOPT:
            rename(provider, self.clock, row, name)
            return Outcome(action=action, status=Status.DONE, remote_id=row.id)
        settled = settle(provider, self.clock, row, action.after or {})
        return Outcome(
            action=action, status=Status.DONE, remote_id=row.id, warnings=unverified(settled.unseen)
        )

    def _learn(self, action: Action, error: ReconcilerError) -> None:
        """Keep what an error says about the account's other actions."""
        if isinstance(error, CredentialsError):
            self._closed.setdefault(action.account, "the provider refused the credentials; mend the token")
        elif isinstance(error, HostileAnswerError):
            reason = f"{action.address}: the provider answered for another key"
            self._closed.setdefault(action.account, reason)
        elif isinstance(error, DeferredError) and action.op in MINTING:
            self._deferred.setdefault(action.account, error)

    def _remember(self, outcome: Outcome) -> None:
        """Stop the chain of a key whose step did not succeed."""
        if outcome.status not in _GO_ON:
            self._broken.setdefault(outcome.action.address, f"an earlier step of this key: {outcome.status}")


def _not_attempted(action: Action, why: str) -> Outcome:
    return Outcome(action=action, status=Status.NOT_ATTEMPTED, message=why, remote_id=action.remote_id)
