"""The plan file as it is written: the reader's check, and the source of schemas/plan.v1.json."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter

from reconciler.core.fields import Direction
from reconciler.core.plan import Operation, Reason
from reconciler.core.spending import Basis
from reconciler.manifest.scalars import one_of
from reconciler.manifest.wire_documents import (
    Amount,
    CapText,
    Change,
    Closed,
    Count,
    Day,
    Digest,
    Format,
    Instant,
    Open,
    SpecFields,
    Whole,
)

OperationWord = Annotated[str, one_of(*Operation)]
ReasonWord = Annotated[str, one_of(*(reason.name.lower() for reason in Reason))]
DirectionWord = Annotated[str, one_of(*Direction)]


class AccountRow(Closed):
    """One account that the plan is about."""

    label: str = Field(description="Its label in the settings.")
    provider: str = Field(description="Its provider.")
    origin: str = Field(description="Scheme, host and port that every request goes to.")
    namespace: str | None = Field(description="Its namespace; null where it has none.")


class ScopeRow(Closed):
    """The part of the declarations that was looked at; empty lists mean everything."""

    accounts: list[str] = Field(description="Labels of accounts.")
    keys: list[str] = Field(description="Patterns of key names.")


class SafetyRow(Closed):
    """The safety limits that hold for the plan; null means no limit."""

    max_creates: Whole | None = Field(description="Keys minted, rotations included.")
    max_disables: Whole | None = Field(description="Keys disabled, retirements included.")
    max_deletes: Whole | None = Field(description="Keys deleted.")
    max_change_percent: Whole | None = Field(description="Share of the governed keys that change.")
    max_increase_usd: Amount | None = Field(description="Sum by which lifetime caps rise, in USD.")
    require: list[str] = Field(description="Limits that every declared key sets.")
    protected: list[str] = Field(description="Patterns of keys that are never cut off.")


class AllowRow(Closed):
    """What raises the safety limits for a while; a limit that is not named stays."""

    creates: Whole | None = Field(default=None, description="Instead of `max_creates`.")
    disables: Whole | None = Field(default=None, description="Instead of `max_disables`.")
    deletes: Whole | None = Field(default=None, description="Instead of `max_deletes`.")
    change_percent: Whole | None = Field(default=None, description="Instead of `max_change_percent`.")
    increase_usd: Amount | None = Field(default=None, description="Instead of `max_increase_usd`, in USD.")
    until: Day = Field(description="The last day that it holds, in UTC.")
    reason: str = Field(description="Why.")


class DeliveryRow(Closed):
    """One place that a secret goes to."""

    sink: str = Field(description="Name of the sink in the settings.")
    name: str = Field(description="Entry in the sink.")
    takeover: bool = Field(description="Whether an entry of somebody else may be overwritten.")


class ActionRow(Closed):
    """One reviewed step on one key."""

    op: OperationWord = Field(description="What is done.")
    address: str = Field(description="The key: account label, slash, declared name.")
    account: str = Field(description="Label of the account.")
    name: str = Field(description="Declared name; the remote name of a key that nobody declares.")
    incarnation: str = Field(description="Remote name of the row that is acted on or minted.")
    generation: Count = Field(description="Generation of that row.")
    attempt: Count = Field(description="Attempt of that row.")
    remote_id: str | None = Field(description="Id of the row; null for one still to be minted.")
    reason: ReasonWord = Field(description="Why.")
    note: str = Field(description="What else the reviewer must know; for `blocked`, the remedies.")
    direction: DirectionWord = Field(description="What happens to the access that the key gives.")
    before: SpecFields | None = Field(description="Managed fields as they are; null where there is no row.")
    before_fp: Digest | None = Field(description="Digest of `before`.")
    after: SpecFields | None = Field(description="Managed fields as they will be; null where they stay.")
    after_fp: Digest | None = Field(description="Digest of `after`.")
    deliver: list[DeliveryRow] = Field(description="Where the secret goes.")
    protected: bool = Field(description="Whether the key refuses to be cut off.")


class PlanBody(Closed):
    """What would be done, and where; the digest covers exactly this."""

    accounts: list[AccountRow] = Field(description="The accounts, sorted by label.")
    scope: ScopeRow = Field(description="The part of the declarations that was looked at.")
    settings_digest: Digest = Field(description="Digest of what the settings mean.")
    declarations_digest: Digest = Field(description="Digest of what the key files mean.")
    safety: SafetyRow = Field(description="The safety limits that hold for the plan, raised by `allow`.")
    allow: AllowRow | None = Field(
        default=None, description="What raises the safety limits; left out where nothing does."
    )
    existing: Whole = Field(description="Governed keys at the providers.")
    actions: list[ActionRow] = Field(description="The actions, in the order of work.")


class UndeclaredRow(Open):
    """A governed key that no file declares, only reported."""

    account: str = Field(description="Label of the account.")
    incarnation: str = Field(description="Remote name.")
    remote_id: str = Field(description="Id at the provider.")
    enabled: bool = Field(description="Whether it works.")


class PlaceRow(Open):
    """A place in a key file."""

    file: str = Field(description="The file.")
    line: Count = Field(description="Line, from one.")
    column: Count = Field(description="Column, from one.")


class OutlookRow(Open):
    """How fast a key spends, and when its lifetime cap is used up at that rate."""

    usd_per_day: Amount = Field(description="The rate in upstream USD.")
    source: Annotated[str, one_of(*Basis)] = Field(
        description="What it was read from: an earlier observed state, or the key's lifetime."
    )
    start: Instant = Field(description="Since when it was measured.")
    span_seconds: Whole = Field(description="How long that is.")
    used_up_before: Instant | None = Field(description="When the cap of now is used up; null for never.")
    used_up_after: Instant | None = Field(description="When the new cap is used up; null for never.")


class FundsRow(Open):
    """What an account holds, against what its keys may still spend; both in the unit of the keys' caps."""

    account: str = Field(description="Label of the account.")
    balance_usd: Change = Field(description="What it holds, in USD.")
    spendable_usd: Amount = Field(description="What is left of its keys' lifetime caps after the plan.")
    unbounded: Whole = Field(description="Keys without a lifetime cap then.")


class FactRow(Open):
    """What stands beside the action of the same position."""

    address: str = Field(description="The action's key.")
    used_usd: Amount | None = Field(description="Spend so far in USD; null where unknown.")
    old_cap_usd: CapText | None = Field(
        description="Managed lifetime cap before, in USD or `unlimited`; null where there is none."
    )
    new_cap_usd: CapText | None = Field(
        description="Lifetime cap after, in USD or `unlimited`; null where the action leaves it as it is."
    )
    increase_usd: Change | None = Field(
        description="Change of the lifetime cap in USD; null where it is lifted."
    )
    cuts_off: bool = Field(description="Whether the new cap is below the spend so far.")
    outlook: OutlookRow | None = Field(
        default=None, description="How fast the key spends; null where nobody shows it."
    )
    requests: Whole = Field(description="HTTP requests that the action costs at most.")
    declared_at: PlaceRow | None = Field(description="Where the key is declared.")


class MetaRow(Open):
    """What a reviewer wants beside the plan; outside the digest."""

    generated_at: Instant = Field(description="When the plan was made.")
    tool: str = Field(description="Name and version of what made it.")
    unchanged: Whole = Field(description="Declared keys that need nothing.")
    undeclared: list[UndeclaredRow] = Field(description="Governed keys that no file declares.")
    warnings: list[str] = Field(description="What the reader should know.")
    eta_seconds: Whole = Field(description="How long the apply takes under the accounts' rate limits.")
    requests: Whole = Field(description="HTTP requests of all actions.")
    reading_requests: Whole = Field(
        description="HTTP requests that reading everything again costs, before the first action."
    )
    exposure_usd: Change = Field(
        description="Change of all lifetime caps in USD, those that are lifted left out."
    )
    unbounded: Whole = Field(description="Actions after which a key has no lifetime cap.")
    daily_exposure_usd: Amount = Field(default="0", description="Sum by which daily caps rise in USD.")
    funds: list[FundsRow] = Field(
        default=[], description="Of the accounts whose balance is in the unit of their keys' caps."
    )
    policy: list[str] = Field(
        default=[], description="What the policy refuses, with file, line and column; an apply refuses it."
    )
    violations: list[str] = Field(description="Safety limits that the plan breaks; an apply refuses it.")
    facts: list[FactRow] = Field(description="One entry for each action, in their order.")


class PlanFile(Closed):
    """A saved plan."""

    model_config = ConfigDict(title="reconciler plan")

    format: Format = Field(description="Version of this format; another major number is refused.")
    digest: Digest = Field(description="SHA-256 over the canonical JSON of `plan`; what a reviewer approves.")
    plan: PlanBody = Field(description="What would be done, and where.")
    meta: MetaRow = Field(description="What stands beside the plan, outside the digest.")


PLAN_FILE: Final = TypeAdapter(PlanFile)
