"""What each reviewed action meets in the live state: a row, a birth to go on with, or nothing to do."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from reconciler.core.decision import ALREADY, DO, Verdict, compare, decide, stale
from reconciler.core.fields import ENABLED
from reconciler.core.identity import Incarnation, remote_name
from reconciler.core.plan import MINTING, Operation, Reason, condemns
from reconciler.core.report import Outcome, Status
from reconciler.core.resolution import (
    governed_rows,
    holds_custody,
    is_unborn,
    is_used,
    moved_keys,
    resolve,
    sealed_row,
    vanished,
)

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
    _moved: dict[tuple[str, str], DesiredKey] = field(init=False)
    _rows: dict[str, dict[str, list[Row]]] = field(init=False)

    def __post_init__(self) -> None:
        """Index the declared keys and the governed rows."""
        self.keys = {key.address: key for key in self.desired.keys}
        by_account: dict[str, list[DesiredKey]] = defaultdict(list)
        for key in self.desired.keys:
            by_account[key.account].append(key)
        self._moved = moved_keys(self.desired.keys)
        self._rows = {
            planned.label: governed_rows(
                self.desired.accounts[planned.label],
                by_account[planned.label],
                self.live.listings[planned.label],
                left={name for label, name in self._moved if label == planned.label},
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
        decision = decide(action, row, name=self.name_of(action))
        if action.op is Operation.RETIRE and decision is DO and not self._has_successor(action, rows):
            decision = stale("no live successor is there any more")
        elif row is not None and decision is DO and self._cut_short(action, row):
            decision = stale("it was switched off before it was ever used")
        elif row is not None and decision is DO and self._found_again(action, row):
            decision = stale("another run delivered it meanwhile")
        if row is None or decision is not DO:
            return _passed_over(action, decision, action.remote_id)
        return row

    def _cut_short(self, action: Action, row: ObservedKey) -> bool:
        """Tell whether an update would hide that another run condemned the row, which would then stay off."""
        key = self.keys.get(action.address)
        managed = key is None or ENABLED in key.spec
        floor = self.desired.accounts[action.account].capabilities.floor
        return action.op is Operation.UPDATE and not managed and not row.live and is_unborn(row, floor)

    def _found_again(self, action: Action, row: ObservedKey) -> bool:
        """Tell whether a row that was lost when the plan was made has been delivered or used since."""
        if not condemns(action):
            return False
        key, account = self.keys.get(action.address), self.desired.accounts[action.account]
        held = key is not None and holds_custody(key, row, account.origin, self.live.receipts)
        return held or is_used(row, account.capabilities.floor)

    def rows_of(self, action: Action) -> frozenset[tuple[str, str]]:
        """Return origin and id of every row of an action's key, those that it moved away from included."""
        key = self.keys[action.address]
        places = [(key.account, key.name), *([key.moved_from] if key.moved_from else [])]
        return frozenset(
            (self.desired.accounts[account].origin, row.key.id)
            for account, name in places
            for row in self._rows.get(account, {}).get(name, [])
        )

    def name_of(self, action: Action) -> str:
        """Return the remote name that an action's row has, or gets by a rename."""
        incarnation = Incarnation(name=action.name, generation=action.generation, attempt=action.attempt)
        return remote_name(incarnation, self.desired.accounts[action.account].namespace)

    def _has_successor(self, action: Action, rows: list[Row]) -> bool:
        """Tell whether something works, or is minted before, that takes over from a row that is retired."""
        heir = self._moved.get((action.account, action.name))
        if heir is not None:
            found = self._resolved(heir, self._rows.get(heir.account, {}).get(heir.name, []))
            return found.current is not None and found.in_custody and found.current.key.live
        # A mint that fails stops what comes after it for the same key.
        return any(row.incarnation.generation > action.generation and row.key.live for row in rows) or any(
            other.address == action.address and other.op in MINTING and other.generation > action.generation
            for other in self.plan.actions
        )

    def _resolved(self, key: DesiredKey, rows: list[Row]) -> Resolution:
        account = self.desired.accounts[key.account]
        floor = account.capabilities.floor
        return resolve(key, rows, origin=account.origin, floor=floor, receipts=self.live.receipts)

    def _birth(self, action: Action, rows: list[Row]) -> Outcome | Resolution:
        key, account = self.keys[action.address], self.desired.accounts[action.account]
        can = account.capabilities
        found = self._resolved(key, rows)
        # A row that only some sinks took is off until the others have it.
        waits = found.unborn and found.current is not None and not found.current.key.live
        newborn = {**can.floor, **can.born, ENABLED: not waits}
        decision = _decide_birth(action, found, newborn, reveals=can.reveals)
        replaced = found.current is None or found.unborn
        gone = vanished(key, rows, account.origin, self.live.receipts) if replaced else None
        if gone:
            # A saved plan, a list that lags or another token: minting would replace a secret in use.
            decision = stale(f"a sink holds the secret of {gone}, which the provider does not list")
        if sealed := sealed_row(key, found, rows, account.origin, self.live.escrowed):
            name = self.live.escrowed[account.origin, sealed.key.id]
            decision = stale(
                f"its secret is sealed in escrow; run `reconciler recover {name} --identity FILE`"
            )
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
    if action.reason is Reason.CUSTODY and (
        found.current is None or found.current.key.id != action.remote_id
    ):
        # Reviewed was that this row's secret goes out again; a birth in its place would be a second key.
        return _GONE
    if found.current is None:
        return _GONE if action.op is Operation.DELIVER and not found.last_attempt else DO
    if not found.in_custody and not found.unborn and not reveals:
        return stale("the key may be in use now")
    before = newborn if action.before is None else action.before
    decision = compare(found.current.key.spec, before=before, after=action.after or {})
    return DO if decision is ALREADY and not found.in_custody else decision


def _passed_over(action: Action, decision: Decision, remote_id: str | None) -> Outcome:
    status = Status.ALREADY if decision.verdict is Verdict.ALREADY else Status.STALE
    return _outcome(action, status, decision.why, remote_id)


def _outcome(action: Action, status: Status, message: str, remote_id: str | None) -> Outcome:
    return Outcome(action=action, status=status, message=message, remote_id=remote_id)
