"""What is declared, what exists, and what a provider can do; values only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from reconciler.core.costs import ListCost, RequestCosts
from reconciler.core.fields import TOTAL_USD

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from reconciler.core.allowance import Allowance
    from reconciler.core.fields import Field, Spec, Value
    from reconciler.core.identity import Incarnation
    from reconciler.core.policy import Policy
    from reconciler.core.secret import Secret

DEFAULT_OVERLAP: Final = timedelta(hours=24)
_LIFETIME_CAPS: Final = (TOTAL_USD, "limits.total_units")


class Undeclared(StrEnum):
    """What happens to governed keys that no file declares."""

    IGNORE = "ignore"
    REPORT = "report"
    DISABLE = "disable"
    DELETE = "delete"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Requests that an account may send; None where the provider documents no limit."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    creates_per_hour: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a provider's key API can do, as data.

    Attributes:
        fields: every field that the provider knows, settable or not.
        creatable: fields that the create request carries.
        updatable: fields that an update can set.
        clearable: fields whose "no limit" word the provider can express.
        idempotent_create: a create repeated with the same idempotency key mints no second key.
        create_returns_secret: the create answer carries the plaintext.
        replays_secret: such a repetition is known to answer with the plaintext again.
        reveals: the plaintext of an existing key can be read again.
        toggles: keys can be enabled and disabled.
        deletes: keys can be deleted.
        renames: the remote name can be changed.
        name_limit: longest remote name.
        name_unit: `characters` or `bytes`, the unit of `name_limit`.
        floor: the smallest legal limits; every key is born with them.
        rate_limits: the documented budgets.
        money_quantum: the smallest step of an amount, in micro-USD.
        replay_window: how long after a create a replay is trusted to answer with the same key.
        mintable: whether keys can be created at all.
        born: what a new key shows beside the floor, where the provider has fields that a create leaves out.
        same_limit: fields that are one limit in several units, so a key declares one of them at most.
        costs: requests that its steps cost.
        own: fields that only this provider has, named `<provider>.…`: switches, counts, texts and lists.
        pays_in_key_units: the account's balance is in the unit of its keys' caps, so they may be compared.
    """

    fields: frozenset[str]
    creatable: frozenset[str]
    updatable: frozenset[str]
    clearable: frozenset[str]
    idempotent_create: bool
    create_returns_secret: bool
    reveals: bool
    toggles: bool
    deletes: bool
    renames: bool
    name_limit: int
    name_unit: str
    floor: Spec
    rate_limits: RateLimits
    money_quantum: int
    replay_window: timedelta = timedelta(hours=1)
    mintable: bool = True
    born: Spec = field(default_factory=dict)
    same_limit: frozenset[str] = frozenset()
    costs: RequestCosts = field(default_factory=RequestCosts)
    own: tuple[Field, ...] = ()
    replays_secret: bool = False
    pays_in_key_units: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class SourceMark:
    """Where in the declarations a key stands; lines and columns count from one."""

    file: str
    line: int
    column: int


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Delivery:
    """One place that a key's secret goes to: an entry of a configured sink."""

    sink: str
    name: str
    takeover: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """How a key lives; shared between the keys that declare nothing of it."""

    generation: int = 1
    overlap: timedelta = DEFAULT_OVERLAP
    rotate_every: timedelta | None = None
    protected: bool = False
    adopt: str | None = None
    renamed_from: str | None = None
    absent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredKey:
    """One declared key with everything that its account's provider is asked for.

    Attributes:
        account: label of its account.
        name: in the key file.
        spec: the managed fields.
        deliver: where its secret goes.
        lifecycle: how it lives.
        mark: where it is declared.
        owner: who answers for it.
        description: what it is for.
        owner_left: its owner is not one of the policy's, so it is switched off whatever it declares.
        places: where the fields stand that a policy speaks about.
    """

    account: str
    name: str
    spec: Spec
    deliver: tuple[Delivery, ...]
    lifecycle: Lifecycle
    mark: SourceMark
    owner: str | None = None
    description: str | None = None
    owner_left: bool = False
    places: Mapping[str, SourceMark] = field(default_factory=dict, compare=False)

    @property
    def address(self) -> str:
        """The key's identity in this repository: `account/name`."""
        return f"{self.account}/{self.name}"

    @property
    def former(self) -> tuple[str, str] | None:
        """The account and the name that the key went by before; None where it always had these."""
        written = self.lifecycle.renamed_from
        if written is None:
            return None
        account, _, name = written.rpartition("/")
        return account or self.account, name

    @property
    def moved_from(self) -> tuple[str, str] | None:
        """The former account and name of a key that another account minted."""
        return self.former if self.former and self.former[0] != self.account else None


@dataclass(frozen=True, slots=True, kw_only=True)
class SafetyLimits:
    """The most that one plan may do; None means no limit.

    Attributes:
        max_creates: keys minted, rotations included.
        max_disables: keys disabled, retirements included.
        max_deletes: keys deleted.
        max_change_percent: share of the governed keys that are changed, once there are ten.
        max_increase_usd: sum of the raised lifetime caps, in micro-USD.
        protected: patterns of addresses that are never cut off, declared or not.
        require: fields that every declared key must set.
    """

    max_creates: int | None = 20
    max_disables: int | None = 3
    max_deletes: int | None = 0
    max_change_percent: int | None = 30
    max_increase_usd: int | None = None
    protected: tuple[str, ...] = ()
    require: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredAccount:
    """One credential at one provider, as the planner sees it; the token is not here.

    Attributes:
        label: in the settings.
        provider: its type.
        origin: scheme, host and port.
        namespace: with which its remote names start.
        undeclared: what happens to governed keys that no file declares.
        capabilities: of the provider.
        delete_retired: predecessors that were retired are deleted after a second grace.
    """

    label: str
    provider: str
    origin: str
    namespace: str | None
    undeclared: Undeclared
    capabilities: Capabilities
    delete_retired: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DesiredState:
    """Everything that the settings and the declarations ask for.

    Attributes:
        accounts: by label.
        keys: sorted by address.
        limits: the safety limits.
        settings_digest: SHA-256 of what the settings mean.
        declarations_digest: SHA-256 of what the key files mean.
        allow: what raises the limits for a while.
        policy: what is asked of every key.
    """

    accounts: Mapping[str, DesiredAccount]
    keys: tuple[DesiredKey, ...]
    limits: SafetyLimits
    settings_digest: str
    declarations_digest: str
    allow: Allowance | None = None
    policy: Policy | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedKey:
    """One row of a provider's list; the spec holds the fields that the provider showed.

    Attributes:
        id: the provider's id.
        name: the name by which this repository would recognise the row; None where none was shown.
        spec: canonical values of the fields that were shown.
        used_micro_usd: what the key has spent in its lifetime; None where the provider does not say.
        unused: whether the provider shows that the key never spent anything; None where it does not say.
        age: time since creation by the provider's own clock; None where unknown.
        idle: time since the last use by the provider's own clock; None where it does not say.
        foreign: the row belongs to somebody else and is never written.
        used_up: nothing is left of the lifetime cap, so it cannot be told from any lower one.
        alias: a name that the provider made for it, by which other sources may know it; never by which the
            row would be recognised as ours.
    """

    id: str
    name: str | None
    spec: Spec
    used_micro_usd: int | None = None
    unused: bool | None = None
    age: timedelta | None = None
    idle: timedelta | None = None
    foreign: bool = False
    used_up: bool = False
    alias: str | None = None

    @property
    def live(self) -> bool:
        """Whether the key may be usable; a provider that does not say counts as yes."""
        return self.spec.get("enabled") is not False

    def held_against(self, wanted: Spec) -> ObservedKey:
        """Return the row for a comparison: of a used-up key, a lower cap has taken already.

        A provider that keeps only what is left and what was used can store no cap below the spend.
        """
        if not self.used_up:
            return self
        met = {
            name: wanted[name]
            for name in _LIFETIME_CAPS
            if name in self.spec and _is_lower(wanted.get(name), self.spec[name])
        }
        return replace(self, spec={**self.spec, **met}) if met else self


def _is_lower(wanted: Value | None, shown: Value) -> bool:
    return isinstance(wanted, int) and isinstance(shown, int) and wanted < shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A complete list of an account's keys; an incomplete one is an error, never a value.

    Attributes:
        keys: every row.
        warnings: what the reader of the plan should know about the list.
        creates_refused: why a key minted now might not be recognised later; no key is minted then as
            long as an unrecognised row could be one of ours. None where the list shows names.
        cost: what reading it takes.
        abridged: ids of rows of which a read of the one key may show more than the list.
    """

    keys: tuple[ObservedKey, ...]
    warnings: tuple[str, ...] = ()
    creates_refused: str | None = None
    cost: ListCost = field(default_factory=ListCost)
    abridged: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a sink remembers beside a secret: which incarnation it holds, never the value.

    Attributes:
        origin: the provider that minted the key.
        address: `account/name` in this repository.
        remote_id: the provider's id of the row.
        generation: of the incarnation.
        attempt: of the incarnation.
        delivered_at: when the secret was handed over.
    """

    origin: str
    address: str
    remote_id: str
    generation: int
    attempt: int
    delivered_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservedState:
    """Everything that exists.

    Attributes:
        listings: the rows of each account, by label.
        receipts: what each sink entry holds.
        escrowed: names of the sealed secrets that no sink took, by origin and remote id.
    """

    listings: Mapping[str, Listing]
    receipts: Mapping[Delivery, Receipt]
    escrowed: Mapping[tuple[str, str], str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Minted:
    """What a create answered: an id and a secret where the provider returns them."""

    key_id: str | None
    secret: Secret | None
    warnings: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class MintRequest:
    """Everything that a create may depend on: no limit, no time, nothing that an edit could change."""

    incarnation: Incarnation
    name: str
    idempotency_key: str
