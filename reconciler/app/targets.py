"""What each reviewed action meets in the live state: a row, a birth to go on with, or nothing to do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from reconciler.core.decision import ALREADY, DO, Verdict, compare, decide, stale
from reconciler.core.fields import ENABLED
from reconciler.core.plan import MINTING, Operation
from reconciler.core.report import Outcome, Status
from reconciler.core.resolution import governed_rows, resolve, vanished

if TYPE_CHECKING:
    from reconciler.core.decision import Decision
    from reconciler.core.model import DesiredKey, DesiredState, ObservedKey, ObservedState
    from reconciler.core.plan import Action, Plan
    from reconciler.core.resolution import Resolution, Row

_GONE: Final = stale("the key is no longer at the provider")


@dataclass(slots=True, kw_only=True, eq=False)
class Targets:
    """Holds actions against the live rows, before anything of this run has changed them.

    Args:
        desired: the state that the plan was made from.
        live: read after the review.
        plan: the reviewed plan.
    """

    desired: DesiredState
    live: ObservedState
    plan: Plan
    keys: dict[str, DesiredKey] = field(init=False)
    _rows: dict[str, dict[str, list[Row]]] = field(init=False)

    def __post_init__(self) -> None:
        """Index the declared keys and the governed rows."""
        self.keys = {key.address: key for key in self.desired.keys}
        by_account: dict[str, list[DesiredKey]] = defaultdict(list)
        for key in self.desired.keys:
            by_account[key.account].append(key)
        self._rows = {
            planned.label: governed_rows(
                self.desired.accounts[planned.label],
                by_account[planned.label],
                self.live.listings[planned.label],
            )
            for planned in self.plan.accounts
        }

    def of(self, action: Action) -> Outcome | Resolution | ObservedKey:
        """Return what to act on, or the outcome of an action that there is nothing to do for."""
        if action.op is Operation.BLOCKED:
            return _outcome(action, Status.BLOCKED, action.note, action.remote_id)
        rows = self._rows[action.account].get(action.name, [])
        return self._birth(action, rows) if action.op in MINTING else self._row(action, rows)

    def _row(self, action: Action, rows: list[Row]) -> Outcome | ObservedKey:
        row = next((row.key for row in rows if row.key.id == action.remote_id), None)
        decision = decide(action, row)
        if action.op is Operation.RETIRE and decision is DO and not _has_successor(action, rows):
            decision = stale("no live successor is there any more")
        if row is None or decision is not DO:
            return _passed_over(action, decision, action.remote_id)
        return row

    def _birth(self, action: Action, rows: list[Row]) -> Outcome | Resolution:
        key, account = self.keys[action.address], self.desired.accounts[action.account]
        can = account.capabilities
        floor = can.floor
        found = resolve(key, rows, origin=account.origin, floor=floor, receipts=self.live.receipts)
        decision = _decide_birth(action, found, {**floor, **can.born, ENABLED: True}, reveals=can.reveals)
        gone = None if found.current else vanished(key, rows, account.origin, self.live.receipts)
        if gone:
            # A saved plan, a list that lags or another token: minting would replace a secret in use.
            decision = stale(f"a sink holds the secret of {gone}, which the provider does not list")
        if decision is not DO:
            return _passed_over(action, decision, found.current.key.id if found.current else None)
        planned = {item.remote_id for item in self.plan.actions}
        return replace(found, orphans=tuple(row for row in found.orphans if row.key.id not in planned))


def _decide_birth(
    action: Action,
    found: Resolution,
    newborn: dict[str, bool | int | str | tuple[str, ...]],
    *,
    reveals: bool,
) -> Decision:
    """Decide on a create, rotate or delivery; one that was cut in the middle is gone on with."""
    if found.rivals or found.newer:
        return stale("another live key carries this name")
    if found.current is None:
        return _GONE if action.op is Operation.DELIVER and not found.last_attempt else DO
    if not found.in_custody and not found.unborn and not reveals:
        return stale("the key may be in use now")
    before = newborn if action.before is None else action.before
    decision = compare(found.current.key.spec, before=before, after=action.after or {})
    return DO if decision is ALREADY and not found.in_custody else decision


def _has_successor(action: Action, rows: list[Row]) -> bool:
    return any(row.incarnation.generation > action.generation and row.key.live for row in rows)


def _passed_over(action: Action, decision: Decision, remote_id: str | None) -> Outcome:
    status = Status.ALREADY if decision.verdict is Verdict.ALREADY else Status.STALE
    return _outcome(action, status, decision.why, remote_id)


def _outcome(action: Action, status: Status, message: str, remote_id: str | None) -> Outcome:
    return Outcome(action=action, status=status, message=message, remote_id=remote_id)
