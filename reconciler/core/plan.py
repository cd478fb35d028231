"""A plan as data: frozen, sorted, secret-free, and the same bytes for the same world."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import DAILY_USD, TOTAL_USD, Direction, changed_fields, direction

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from reconciler.core.allowance import Allowance
    from reconciler.core.fields import FieldChange, Spec, Value
    from reconciler.core.model import Delivery, SafetyLimits, SourceMark
    from reconciler.core.spending import Outlook


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
    CUT_SHORT = "delivered, and switched off before it was ever used"
    ESCROWED = "its secret is sealed in escrow"
    GENERATION = "the generation was raised"
    OVERLAP_OVER = "replaced, and the overlap is over"
    REPLACED_NOW = "replaced by this plan, without an overlap"
    GRACE_OVER = "retired, and its grace is over"
    UNDECLARED = "governed, and no file declares it"
    ABSENT = "declared absent"
    RENAMED = "declared under a new name"
    DUPLICATE = "two live keys carry this name"
    NEWER = "a newer generation exists than the declared one"
    GONE = "the adopted id is not at the provider"
    VANISHED = "its secret is in a sink, and the provider lists no such key"
    NO_MINTING = "keys of this account could not be recognised later"
    MOVED = "another account has taken it over"
    EMERGENCY = "switched off at once"
    OWNER_LEFT = "its owner is none of `policy.owners`"
    EMPTY = "no key of this account is declared"
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
        requests: HTTP requests that the action costs at most when nothing fails; an estimate, so beside the
            digest.
        mark: where the key is declared; beside the digest, because moving a line changes nothing.
        used_micro_usd: spend so far; beside the digest, because it moves all the time.
        outlook: how fast the key spends and when its cap is used up; beside the digest for the same reason.
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
    requests: int = field(default=0, compare=False)
    mark: SourceMark | None = field(default=None, compare=False)
    used_micro_usd: int | None = field(default=None, compare=False)
    outlook: Outlook | None = field(default=None, compare=False)

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
    def cap_before(self) -> Value | None:
        """The managed lifetime cap as it is, in micro-USD or `unlimited`; None where there is none."""
        return (self.before or {}).get(TOTAL_USD)

    @property
    def cap_after(self) -> Value | None:
        """The managed lifetime cap as it will be; None where the action leaves it as it is."""
        return (self.after or {}).get(TOTAL_USD)

    @property
    def increase_micro_usd(self) -> int | None:
        """By how much the lifetime cap changes; None when a cap is lifted altogether."""
        before, after = self.cap_before, self.cap_after
        if isinstance(after, int):
            return after - before if isinstance(before, int) else (0 if isinstance(before, str) else after)
        return None if isinstance(after, str) and after != before else 0

    @property
    def daily_rise_micro_usd(self) -> int | None:
        """By how much the daily cap rises; None when it is lifted altogether."""
        before, after = (self.before or {}).get(DAILY_USD), (self.after or {}).get(DAILY_USD)
        if isinstance(after, int):
            known = before if isinstance(before, int) else (after if isinstance(before, str) else 0)
            return max(0, after - known)
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
    Reason.EMERGENCY: Phase.DISABLE,
    Reason.OWNER_LEFT: Phase.DISABLE,
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


def condemns(action: Action) -> bool:
    """Tell whether an action switches off a row whose secret nobody has."""
    return action.op is Operation.DISABLE and action.reason is Reason.LOST


def in_order(actions: list[Action]) -> tuple[Action, ...]:
    """Return actions in the order of work; ties are broken by address and row, never by chance."""
    return tuple(
        sorted(
            actions,
            key=lambda item: (
                _ORDER[phase(item)],
                # Last in its phase: switched on with its old caps, a key is wider than before and declared.
                item.op in {Operation.ENABLE, Operation.DELIVER, Operation.ADOPT},
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

    def covers(self, name: str) -> bool:
        """Tell whether a key of this name belongs to the part that is looked at."""
        return not self.keys or any(fnmatchcase(name, pattern) for pattern in self.keys)


EVERYTHING: Final = Scope()


@dataclass(frozen=True, slots=True, kw_only=True)
class Undeclared:
    """A governed key that no file declares, and that the policy only reports."""

    account: str
    incarnation: str
    remote_id: str
    enabled: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Funds:
    """What an account can pay for, against what its keys may still spend; both in the unit of its keys' caps.

    Attributes:
        account: its label.
        balance_micro_usd: what the account holds.
        spendable_micro_usd: what is left of the lifetime caps of its governed keys once the plan is applied.
        unbounded: governed keys that have no lifetime cap then.
    """

    account: str
    balance_micro_usd: int
    spendable_micro_usd: int
    unbounded: int

    @property
    def short(self) -> bool:
        """Whether the keys may spend more than there is."""
        return bool(self.unbounded) or self.spendable_micro_usd > self.balance_micro_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanMeta:
    """What a reviewer wants beside the plan; it changes with time and is outside the digest.

    Attributes:
        generated_at: when the plan was made.
        tool: name and version of what made it.
        unchanged: declared keys that need nothing.
        undeclared: governed keys that no file declares.
        warnings: what the reader should know.
        eta: what the rate limits add to an apply.
        reading: HTTP requests that an apply makes before the first action, to read everything again.
        refused: what the policy refuses, with file, line and column; an apply finds it out by itself.
        funds: of the accounts whose balance is in the unit of their keys' caps.
    """

    generated_at: datetime
    tool: str
    unchanged: int
    undeclared: tuple[Undeclared, ...]
    warnings: tuple[str, ...]
    eta: timedelta
    reading: int = 0
    refused: tuple[str, ...] = ()
    funds: tuple[Funds, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that an apply would do, and where.

    Attributes:
        accounts: sorted by label.
        scope: the part of the declarations that was looked at.
        actions: in the order of work.
        limits: the safety limits that hold for it, raised by `allow`.
        settings_digest: of the settings it was made from.
        declarations_digest: of the key files it was made from.
        existing: governed keys at the providers, the base of `max_change_percent`.
        allow: what raises the safety limits for a while; None when nothing does.
        meta: what is outside the digest.
    """

    accounts: tuple[PlannedAccount, ...]
    scope: Scope
    actions: tuple[Action, ...]
    limits: SafetyLimits
    settings_digest: str
    declarations_digest: str
    existing: int
    allow: Allowance | None = None
    meta: PlanMeta = field(compare=False)

    @property
    def work(self) -> tuple[Action, ...]:
        """The actions that can be done; blocked keys are not among them."""
        return tuple(action for action in self.actions if action.op is not Operation.BLOCKED)

    @property
    def exposure_micro_usd(self) -> int:
        """By how much the lifetime caps change in all, those that are lifted left out."""
        return sum(action.increase_micro_usd or 0 for action in self.work)

    @property
    def daily_exposure_micro_usd(self) -> int:
        """By how much daily caps rise in all; a lowered one pays for nothing."""
        return sum(action.daily_rise_micro_usd or 0 for action in self.work)

    @property
    def unbounded(self) -> tuple[Action, ...]:
        """The actions after which a key has no lifetime cap any more."""
        return tuple(action for action in self.work if action.increase_micro_usd is None)

    @property
    def blocked(self) -> tuple[Action, ...]:
        """The keys that wait for a person."""
        return tuple(action for action in self.actions if action.op is Operation.BLOCKED)
