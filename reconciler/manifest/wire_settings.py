"""The settings file as people write it; validated here, and the source of schemas/settings.v1.json."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import ConfigDict, Field, TypeAdapter

from reconciler.core.model import SafetyLimits, Undeclared
from reconciler.manifest.places import BaseUrl, CredentialSource, Glob, Label
from reconciler.manifest.scalars import Money, Text, one_of, whole
from reconciler.manifest.strict import StrictModel
from reconciler.manifest.wire_allow import AllowFields
from reconciler.manifest.wire_custody import AuditFields, EscrowFields, LeaseFields
from reconciler.manifest.wire_keys import LIMITS
from reconciler.manifest.wire_policy import PolicyFields
from reconciler.manifest.wire_sinks import BUILT_IN_SHAPES, PluginFields, SinkFields

_USUAL: Final = SafetyLimits()
_PERCENT: Final = 100
DEFAULT_FILE_MB: Final = 8

Version = Annotated[int, whole(1, 1)]
Amount = Annotated[int, whole(0)]
Percent = Annotated[int, whole(0, _PERCENT)]
Budget = Annotated[int, whole(1)]
Megabytes = Annotated[int, whole(1, 1024)]


class RateLimitFields(StrictModel):
    """Requests that an account may send, where the provider's support granted other budgets."""

    requests_per_minute: Budget | None = Field(default=None, description="Requests a minute.")
    requests_per_day: Budget | None = Field(default=None, description="Requests a day.")
    creates_per_hour: Budget | None = Field(default=None, description="Keys created an hour.")


class AccountFields(StrictModel):
    """One credential at one provider."""

    provider: Label = Field(description="Name of the provider, like qcode-partner.")
    base_url: BaseUrl | None = Field(
        default=None, description="Where its API is; the provider's own when left out."
    )
    token: CredentialSource = Field(description="Where the credential is read from; never the credential.")
    namespace: Label | None = Field(
        default=None, description="Remote names start with it and `/`, and all of those are governed."
    )
    undeclared: Annotated[str, one_of(*Undeclared)] = Field(
        default=Undeclared.REPORT.value, description="What happens to governed keys that no file declares."
    )
    retired: Annotated[str, one_of("keep", "delete")] = Field(
        default="keep", description="What happens, after a second grace, to keys that a rotation retired."
    )
    rate_limits: RateLimitFields = Field(
        default=RateLimitFields(), description="Other budgets than the documented ones."
    )
    options: dict[str, str | int | dict[str, str]] = Field(
        default={}, description="Further settings that only this provider has, like user_id."
    )
    usage_from: Label | None = Field(
        default=None, description="Account of the same keys that shows what they use, for `status`."
    )


class SafetyFields(StrictModel):
    """The most that one plan may do; null means no limit."""

    max_creates: Amount | None = Field(
        default=_USUAL.max_creates, description="Keys minted, rotations included."
    )
    max_disables: Amount | None = Field(default=_USUAL.max_disables, description="Keys disabled.")
    max_deletes: Amount | None = Field(default=_USUAL.max_deletes, description="Keys deleted.")
    max_change_percent: Percent | None = Field(
        default=_USUAL.max_change_percent, description="Share of the governed keys that change."
    )
    max_increase_usd: Money | None = Field(
        default=_USUAL.max_increase_usd, description="Sum by which lifetime caps rise, in USD."
    )
    require: list[Annotated[str, one_of(*LIMITS)]] = Field(
        default=[], description="Limits that every declared key must set."
    )
    protected: list[Text] = Field(
        default=[], description="Patterns, like reseller/prod-*, of keys that are never cut off."
    )


class SettingsFile(StrictModel):
    """Where accounts and sinks are, and how much one plan may do."""

    model_config = ConfigDict(title="reconciler settings")

    version: Version = Field(description="Version of this format; 1.")
    keys: list[Glob] = Field(min_length=1, description="Patterns of key files in this file's directory.")
    accounts: dict[Label, AccountFields] = Field(min_length=1, description="The accounts by label.")
    sinks: dict[Label, SinkFields] = Field(default={}, description="The places for secrets by name.")
    safety: SafetyFields = Field(default=SafetyFields(), description="The most that one plan may do.")
    allow: AllowFields | None = Field(
        default=None, description="Safety limits that are raised for a while, with the reason."
    )
    policy: PolicyFields | None = Field(default=None, description="What is asked of every declared key.")
    salt: CredentialSource | None = Field(
        default=None,
        description="Where the key of the idempotency keys is read from; set once, then never changed.",
    )
    audit: AuditFields | None = Field(default=None, description="Evidence of what was done and by whom.")
    escrow: EscrowFields | None = Field(
        default=None, description="Where a minted secret is sealed that no sink takes."
    )
    lease: LeaseFields | None = Field(default=None, description="What lets one run apply at a time.")
    max_file_mb: Megabytes = Field(default=DEFAULT_FILE_MB, description="Largest key file in MiB.")


SETTINGS_FILE: Final[TypeAdapter[SettingsFile]] = TypeAdapter(SettingsFile)
FIELD_NAMES: Final = frozenset(
    name
    for shape in (
        SettingsFile,
        AccountFields,
        RateLimitFields,
        *BUILT_IN_SHAPES,
        PluginFields,
        SafetyFields,
        AllowFields,
        PolicyFields,
        AuditFields,
        EscrowFields,
        LeaseFields,
    )
    for name in shape.model_fields
)
