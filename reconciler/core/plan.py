"""A plan as data: frozen, sorted, secret-free, and the same bytes for the same world."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import TOTAL_USD, Direction, changed_fields, direction

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.core.fields import FieldChange, Spec
    from reconciler.core.model import Delivery, SafetyLimits, SourceMark


class Operation(StrEnum):
    """What an action does to one key."""

    CREATE = "create"
    UPDATE = "update"
    ENABLE = "enable"
    DISABLE = "disable"
    DELIVER = "deliver"
    ROTATE = "rotate"
    RETIRE = "retire"
    DELETE = "delete"
    ADOPT = "adopt"
    BLOCKED = "blocked"


CHANGING: Final = frozenset(Operation) - {Operation.CREATE, Operation.DELIVER, Operation.BLOCKED}
"""Operations that change a key which somebody may be using."""

MINTING: Final = frozenset({Operation.CREATE, Operation.ROTATE, Operation.DELIVER})
"""Operations that write a secret to a sink."""


class Reason(StrEnum):
    """Why an action is in the plan."""

    NEW = "declared, and not at the provider"
    DRIFT = "differs from the declaration"
    TURNED_OFF = "declared disabled"
    TURNED_ON = "declared enabled"
    UNBORN = "minted, never delivered and never used"
    LOST = "its secret was lost before delivery"
    CUSTODY = "its secret is not in custody"
    GENERATION = "the generation was raised"
    OVERLAP_OVER = "replaced, and the overlap is over"
    SUPERSEDED = "a later attempt took its place"
    UNDECLARED = "governed, and no file declares it"
    ABSENT = "declared absent"
    RENAMED = "declared under a new name"
    DUPLICATE = "two live keys carry this name"
    NEWER = "a newer generation exists than the declared one"
    GONE = "the adopted id is not at the provider"
    VANISHED = "its secret is in a sink, and the provider lists no such key"
    NO_MINTING = "keys of this account could not be recognised later"
    NO_SINK = "not at the provider, and no sink is declared for its secret"


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One reviewed step on one key.

    Attributes:
        op: what is done.
        account: label of the account.
        name: declared name of the key; the remote name for a key that nobody declares.
        incarnation: remote name of the row that is acted on or minted.
        generation: of that row.
        attempt: of that row.
        remote_id: id of the row; None for one that is still to be minted.
        reason: why.
        note: what else the reviewer must know; for `blocked`, the remedies.
        before: managed fields as they are; None where there is no row yet.
        after: managed fields as they will be; None where the row goes away or stays as it is.
        deliver: where the secret goes.
        protected: whether the key refuses to be cut off.
        requests: HTTP requests that the action costs at most when nothing fails.
        mark: where the key is declared; beside the digest, because moving a line changes nothing.
        used_micro_usd: spend so far; beside the digest, because it moves all the time.
    """

    op: Operation
    account: str
    name: str
    incarnation: str
    generation: int = 1
    attempt: int = 1
    remote_id: str | None
    reason: Reason
    note: str = ""
    before: Spec | None = None
    after: Spec | None = None
    deliver: tuple[Delivery, ...] = ()
    protected: bool = False
    requests: int = 0
    mark: SourceMark | None = field(default=None, compare=False)
    used_micro_usd: int | None = field(default=None, compare=False)

    @property
    def address(self) -> str:
        """The key's identity in this repository: `account/name`."""
        return f"{self.account}/{self.name}"

    @property
    def changes(self) -> tuple[FieldChange, ...]:
        """The fields that the action sets, with their values before."""
        if self.after is None or self.before == self.after:
            return ()
        return changed_fields(self.before or {}, self.after)

    @property
    def direction(self) -> Direction:
        """What the action does to the access that the key gives."""
        return DIRECTION[self.op] if self.op in DIRECTION else direction(self.before or {}, self.after or {})

    @property
    def increase_micro_usd(self) -> int | None:
        """By how much the lifetime cap changes; None when a cap is lifted altogether."""
        after = (self.after or {}).get(TOTAL_USD)
        before = (self.before or {}).get(TOTAL_USD)
        if isinstance(after, int):
            return after - before if isinstance(before, int) else (0 if isinstance(before, str) else after)
        return None if isinstance(after, str) and after != before else 0

    @property
    def cuts_off(self) -> bool:
        """Whether the new lifetime cap is below what the key has spent already."""
        return cuts_off(self.after, self.used_micro_usd)


DIRECTION: Final = {
    Operation.CREATE: Direction.WIDENS,
    Operation.ROTATE: Direction.WIDENS,
    Operation.ENABLE: Direction.WIDENS,
    Operation.DISABLE: Direction.NARROWS,
    Operation.RETIRE: Direction.NARROWS,
    Operation.DELETE: Direction.NARROWS,
    Operation.ADOPT: Direction.NEUTRAL,
    Operation.BLOCKED: Direction.NEUTRAL,
}


def cuts_off(after: Spec | None, used_micro_usd: int | None) -> bool:
    """Tell whether a lifetime cap is below a spend."""
    cap = (after or {}).get(TOTAL_USD)
    return isinstance(cap, int) and used_micro_usd is not None and cap < used_micro_usd


class Phase(StrEnum):
    """The order of work; a run may be cut after any action and access is never lost by it.

        disable → recover → tighten → loosen → create → retire → delete → blocked

    What the declarations turn off comes first and waits for nothing. Recoveries come before new
    keys because a replay window is running. Creates may wait for an hour, so they hold nothing
    back. A predecessor goes only after its successor works.
    """

    DISABLE = "disable"
    RECOVER = "recover"
    TIGHTEN = "tighten"
    LOOSEN = "loosen"
    CREATE = "create"
    RETIRE = "retire"
    DELETE = "delete"
    BLOCKED = "blocked"


_PHASES: Final = {
    Operation.CREATE: Phase.CREATE,
    Operation.ROTATE: Phase.CREATE,
    Operation.DELIVER: Phase.RECOVER,
    Operation.ENABLE: Phase.LOOSEN,
    Operation.ADOPT: Phase.LOOSEN,
    Operation.RETIRE: Phase.RETIRE,
    Operation.DELETE: Phase.DELETE,
    Operation.BLOCKED: Phase.BLOCKED,
}
_DISABLES: Final = {
    Reason.TURNED_OFF: Phase.DISABLE,
    Reason.SUPERSEDED: Phase.RECOVER,
    Reason.LOST: Phase.RECOVER,
}
_ORDER: Final = {phase: position for position, phase in enumerate(Phase)}


def phase(action: Action) -> Phase:
    """Return when in a run the action is done."""
    if action.op is Operation.DISABLE:
        return _DISABLES.get(action.reason, Phase.RETIRE)
    if action.op is Operation.UPDATE:
        return Phase.TIGHTEN if action.direction is Direction.NARROWS else Phase.LOOSEN
    return _PHASES[action.op]


def in_order(actions: list[Action]) -> tuple[Action, ...]:
    """Return actions in the order of work; ties are broken by address and row, never by chance."""
    return tuple(
        sorted(
            actions,
            key=lambda item: (
                _ORDER[phase(item)],
                # Last in its phase: switched on with its old caps, a key is wider than before and declared.
                item.op in {Operation.ENABLE, Operation.DELIVER},
                item.address,
                item.op,
                item.remote_id or "",
            ),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedAccount:
    """Where a plan applies: one account at one provider."""

    label: str
    provider: str
    origin: str
    namespace: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The part of the declarations that a plan is about; empty means everything."""

    accounts: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Undeclared:
    """A governed key that no file declares, and that the policy only reports."""

    account: str
    incarnation: str
    remote_id: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMeta:
    """What a reviewer wants beside the plan; it changes with time and is outside the digest."""

    generated_at: datetime
    tool: str
    unchanged: int
    undeclared: tuple[Undeclared, ...]
    warnings: tuple[str, ...]
    eta: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that an apply would do, and where.

    Attributes:
        accounts: sorted by label.
        scope: the part of the declarations that was looked at.
        actions: in the order of work.
        limits: the safety limits that hold for it.
        settings_digest: of the settings it was made from.
        declarations_digest: of the key files it was made from.
        existing: governed keys at the providers, the base of `max_change_percent`.
        meta: what is outside the digest.
    """

    accounts: tuple[PlannedAccount, ...]
    scope: Scope
    actions: tuple[Action, ...]
    limits: SafetyLimits
    settings_digest: str
    declarations_digest: str
    existing: int
    meta: PlanMeta = field(compare=False)

    @property
    def work(self) -> tuple[Action, ...]:
        """The actions that can be done; blocked keys are not among them."""
        return tuple(action for action in self.actions if action.op is not Operation.BLOCKED)

    @property
    def blocked(self) -> tuple[Action, ...]:
        """The keys that wait for a person."""
        return tuple(action for action in self.actions if action.op is Operation.BLOCKED)
