"""Applies a reviewed plan, action by action; what it decides, it decides against the live rows."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reconciler.app.birth import Birth
from reconciler.app.minting import Mint
from reconciler.app.outcomes import from_error
from reconciler.app.preflight import preflight
from reconciler.app.row_writes import settle
from reconciler.core.decision import ALREADY, DO, Verdict, compare, decide, stale
from reconciler.core.plan import MINTING, Operation
from reconciler.core.plan_document import digest
from reconciler.core.report import Outcome, Report, Status
from reconciler.core.resolution import governed_rows, resolve
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
    from reconciler.core.decision import Decision
    from reconciler.core.model import DesiredKey, DesiredState, ObservedKey, ObservedState
    from reconciler.core.plan import Action, Plan
    from reconciler.core.resolution import Resolution, Row
    from reconciler.ports.clock import Clock
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
    """

    desired: DesiredState
    live: ObservedState
    providers: Mapping[str, Provider]
    sinks: Mapping[str, Sink]
    clock: Clock
    salt: bytes
    control: RunControl
    progress: Progress
    _done: Counter[str] = field(default_factory=Counter)
    _broken: dict[str, str] = field(default_factory=dict)
    _closed: dict[str, str] = field(default_factory=dict)
    _deferred: dict[str, DeferredError] = field(default_factory=dict)
    _keys: dict[str, DesiredKey] = field(default_factory=dict)
    _rows: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    _mints: dict[str, Mint] = field(default_factory=dict)

    def run(self, plan: Plan) -> Report:
        """Apply every action of the plan that still fits, in order, and report on each."""
        started = self.clock.now()
        self._index(plan)
        decisions = [(action, *self._decide(action)) for action in plan.actions]
        refused = preflight(
            self.sinks,
            [action for action, decision, _ in decisions if decision is DO and action.op in MINTING],
        )
        outcomes = []
        for action, decision, found in decisions:
            outcome = self._one(plan, action, decision, found=found, refused=refused.get(action.address))
            self._remember(outcome)
            self.progress.finished(outcome)
            outcomes.append(outcome)
        return Report(
            digest=digest(plan),
            outcomes=tuple(outcomes),
            started_at=started,
            finished_at=self.clock.now(),
            interrupted=self.control.interrupted,
        )

    def _index(self, plan: Plan) -> None:
        self._keys = {key.address: key for key in self.desired.keys}
        by_account: dict[str, list[DesiredKey]] = defaultdict(list)
        for key in self.desired.keys:
            by_account[key.account].append(key)
        for planned in plan.accounts:
            label, account = planned.label, self.desired.accounts[planned.label]
            listing = self.live.listings[label]
            self._rows[label] = governed_rows(account, by_account[label], listing)
            self._mints[label] = Mint(
                account=account,
                provider=self.providers[label],
                clock=self.clock,
                salt=self.salt,
                known_ids={row.id for row in listing.keys},
            )

    def _decide(self, action: Action) -> tuple[Decision, Resolution | None]:
        """Hold one action against the live rows, before anything of this run has changed them."""
        if action.op is Operation.BLOCKED:
            return DO, None
        rows = self._rows[action.account].get(action.name, [])
        if action.op in MINTING:
            return self._decide_birth(action, rows)
        decision = decide(action, _row_of(action, rows))
        if action.op is Operation.RETIRE and decision is DO and not _has_successor(action, rows):
            return stale("no live successor is there any more"), None
        return decision, None

    def _decide_birth(self, action: Action, rows: list[Row]) -> tuple[Decision, Resolution | None]:
        key, account = self._keys[action.address], self.desired.accounts[action.account]
        floor = account.capabilities.floor
        found = resolve(key, rows, origin=account.origin, floor=floor, receipts=self.live.receipts)
        if found.rivals or found.newer:
            return stale("another live key carries this name"), found
        if found.current is None:
            return (DO if action.op is not Operation.DELIVER or found.last_attempt else _GONE), found
        if not found.in_custody and not found.unborn and not account.capabilities.reveals:
            return stale("the key may be in use now"), found
        before = {**floor, "enabled": True} if action.before is None else action.before
        decision = compare(found.current.key.spec, before=before, after=action.after or {})
        if decision is ALREADY and not found.in_custody:
            return DO, found
        return decision, found

    def _one(
        self,
        plan: Plan,
        action: Action,
        decision: Decision,
        *,
        found: Resolution | None,
        refused: ReconcilerError | None,
    ) -> Outcome:
        """Do one action, or say why not; nothing but this decides."""
        passed = _passed_over(action, decision, found) or self._not_now(action)
        if passed is not None:
            return passed
        if refused is not None:
            return from_error(action, refused)
        try:
            self._gate(plan, action)
            self.progress.started(action)
            return self._do(action, found)
        except ReconcilerError as error:
            self._learn(action, error)
            return from_error(action, error)

    def _not_now(self, action: Action) -> Outcome | None:
        """Return why this action is not even tried, or None when it is."""
        if self.control.interrupted is not None:
            return _not_attempted(action, "interrupted before its turn; run again")
        if self.control.expired:
            return Outcome(
                action=action,
                status=Status.DEFERRED,
                message="the deadline was reached before its turn; run again",
                remote_id=action.remote_id,
            )
        if reason := self._broken.get(action.address) or self._closed.get(action.account):
            return _not_attempted(action, reason)
        if action.op in MINTING and (deferred := self._deferred.get(action.account)):
            return from_error(action, deferred)
        return None

    def _gate(self, plan: Plan, action: Action) -> None:
        """Enforce protection and the safety limits once more, last before the socket."""
        if text := protection(action):
            raise SafetyError(text)
        if kind := counted_as(action):
            if text := over(plan.limits, kind, self._done[kind] + 1):
                raise SafetyError(text)
            self._done[kind] += 1

    def _do(self, action: Action, found: Resolution | None) -> Outcome:
        if found is not None:
            mint, key = self._mints[action.account], self._keys[action.address]
            birth = Birth(action=action, key=key, mint=mint, sinks=self.sinks)
            outcome = birth.run(found)
            if birth.error is not None:
                self._learn(action, birth.error)
            return outcome
        provider = self.providers[action.account]
        row = _row_of(action, self._rows[action.account][action.name])
        if row is None:
            msg = f"{action.address} has no row; make a new plan"
            raise SafetyError(msg)
        if action.op is Operation.DELETE:
            provider.delete_key(row)
            return Outcome(action=action, status=Status.DONE, remote_id=row.id)
        settled = settle(provider, self.clock, row, action.after or {})
        unseen = tuple(f"the provider does not show {name}, so it is unverified" for name in settled.unseen)
        return Outcome(action=action, status=Status.DONE, remote_id=row.id, warnings=unseen)

    def _learn(self, action: Action, error: ReconcilerError) -> None:
        """Keep what an error says about the account's other actions."""
        if isinstance(error, CredentialsError):
            self._closed.setdefault(action.account, "the provider refused the credentials; mend the token")
        elif isinstance(error, HostileAnswerError):
            self._closed.setdefault(
                action.account, f"{action.address}: the provider answered for another key"
            )
        elif isinstance(error, DeferredError) and action.op in MINTING:
            self._deferred.setdefault(action.account, error)

    def _remember(self, outcome: Outcome) -> None:
        """Stop the chain of a key whose step did not succeed."""
        if outcome.status not in _GO_ON:
            self._broken.setdefault(outcome.action.address, f"an earlier step of this key: {outcome.status}")


_GONE: Final = stale("the key is no longer at the provider")


def _passed_over(action: Action, decision: Decision, found: Resolution | None) -> Outcome | None:
    """Return the outcome of an action that the live rows leave nothing to do for, or do not allow."""
    if action.op is Operation.BLOCKED:
        status, message = Status.BLOCKED, action.note
    elif decision.verdict is Verdict.DO:
        return None
    else:
        status = Status.ALREADY if decision.verdict is Verdict.ALREADY else Status.STALE
        message = decision.why
    return Outcome(action=action, status=status, message=message, remote_id=_known_id(action, found))


def _row_of(action: Action, rows: list[Row]) -> ObservedKey | None:
    return next((row.key for row in rows if row.key.id == action.remote_id), None)


def _has_successor(action: Action, rows: list[Row]) -> bool:
    return any(row.incarnation.generation > action.generation and row.key.live for row in rows)


def _known_id(action: Action, found: Resolution | None) -> str | None:
    return found.current.key.id if found and found.current else action.remote_id


def _not_attempted(action: Action, why: str) -> Outcome:
    return Outcome(action=action, status=Status.NOT_ATTEMPTED, message=why, remote_id=action.remote_id)
