"""The settings file as people write it; validated here, and the source of schemas/settings.v1.json."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, TypeAdapter

from reconciler.core.model import SafetyLimits, Undeclared
from reconciler.manifest.places import Argument, BaseUrl, CredentialSource, FilePath, Glob, Label, Variable
from reconciler.manifest.scalars import Money, Switch, duration, one_of, whole
from reconciler.manifest.sink_values import BUILT_IN, PLUG_IN, Recipient, SinkType, Template, shape_of
from reconciler.manifest.wire_keys import LIMITS, STRICT

_USUAL: Final = SafetyLimits()
_PERCENT: Final = 100
DEFAULT_FILE_MB: Final = 8

Version = Annotated[int, whole(1, 1)]
Amount = Annotated[int, whole(0)]
Percent = Annotated[int, whole(0, _PERCENT)]
Budget = Annotated[int, whole(1)]
Megabytes = Annotated[int, whole(1, 1024)]
Timeout = Annotated[timedelta, duration(1)]


class _Strict(BaseModel):
    model_config = ConfigDict(**STRICT, frozen=True)


class RateLimitFields(_Strict):
    """Requests that an account may send, where the provider's support granted other budgets."""

    requests_per_minute: Budget | None = Field(default=None, description="Requests a minute.")
    requests_per_day: Budget | None = Field(default=None, description="Requests a day.")
    creates_per_hour: Budget | None = Field(default=None, description="Keys created an hour.")


class AccountFields(_Strict):
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
    rate_limits: RateLimitFields = Field(
        default=RateLimitFields(), description="Other budgets than the documented ones."
    )


class _SinkFields(_Strict):
    """What every type of sink takes."""

    template: Template | None = Field(
        default=None, description="What is stored instead of the bare secret; {key} stands for it."
    )


class DotenvFields(_SinkFields):
    """A file of NAME=value lines."""

    type: Literal["dotenv"] = Field(description="A file of NAME=value lines.")
    path: FilePath = Field(description="The file; from the settings' directory unless absolute.")
    quoted: Switch = Field(default=False, description="Write values in double quotes.")
    allow_tracked: Switch = Field(default=False, description="Write even where git tracks the file.")


class JsonFields(_SinkFields):
    """A file with one JSON object."""

    type: Literal["json"] = Field(description="A file with one JSON object.")
    path: FilePath = Field(description="The file; from the settings' directory unless absolute.")
    allow_tracked: Switch = Field(default=False, description="Write even where git tracks the file.")


class ExecFields(_SinkFields):
    """A program that takes the secret on its standard input."""

    type: Literal["exec"] = Field(description="A program that takes the secret on its standard input.")
    command: list[Argument] = Field(min_length=1, description="Program and arguments; no shell reads them.")
    verify: list[Argument] | None = Field(
        default=None, min_length=1, description="Program that confirms what `command` stored."
    )
    check: list[Argument] | None = Field(
        default=None, min_length=1, description="Program that tells beforehand whether `command` would work."
    )
    receipts: FilePath = Field(description="File that remembers which key each entry holds.")
    timeout: Timeout = Field(
        default=timedelta(seconds=30),
        description="Longest run of one program.",
        json_schema_extra={"default": "30s"},
    )
    env: list[Variable] = Field(default=[], description="Variables that the programs see beside PATH.")


class AgeFields(_SinkFields):
    """A directory with one age file a secret."""

    type: Literal["age"] = Field(description="A directory with one age file a secret.")
    directory: FilePath = Field(description="The directory; from the settings' directory unless absolute.")
    recipients: list[Recipient] = Field(min_length=1, description="Public keys that can open the files.")


class SopsFields(_SinkFields):
    """A directory with one SOPS file a secret."""

    type: Literal["sops"] = Field(description="A directory with one SOPS file a secret.")
    directory: FilePath = Field(description="The directory; from the settings' directory unless absolute.")
    recipients: list[Recipient] = Field(min_length=1, description="Public keys that can open the files.")


class PluginFields(_SinkFields):
    """A sink of a type that another installed package offers."""

    type: SinkType = Field(description="Name under which an installed package offers the type.")
    options: dict[str, Any] = Field(description="What the type takes; the package that offers it checks it.")


_BUILT_IN: Final = (AgeFields, DotenvFields, ExecFields, JsonFields, SopsFields)
BuiltInFields = Annotated[
    AgeFields | DotenvFields | ExecFields | JsonFields | SopsFields, Field(discriminator="type")
]
BUILT_IN_TYPES: Final = sorted(
    word for shape in _BUILT_IN for word in get_args(shape.model_fields["type"].annotation)
)
SinkFields = Annotated[
    Annotated[BuiltInFields, Tag(BUILT_IN)] | Annotated[PluginFields, Tag(PLUG_IN)], Discriminator(shape_of)
]


class SafetyFields(_Strict):
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


class SettingsFile(_Strict):
    """Where accounts and sinks are, and how much one plan may do."""

    model_config = ConfigDict(title="reconciler settings")

    version: Version = Field(description="Version of this format; 1.")
    keys: list[Glob] = Field(min_length=1, description="Patterns of key files in this file's directory.")
    accounts: dict[Label, AccountFields] = Field(min_length=1, description="The accounts by label.")
    sinks: dict[Label, SinkFields] = Field(default={}, description="The places for secrets by name.")
    safety: SafetyFields = Field(default=SafetyFields(), description="The most that one plan may do.")
    salt: CredentialSource | None = Field(
        default=None,
        description="Where the key of the idempotency keys is read from; set once, then never changed.",
    )
    max_file_mb: Megabytes = Field(default=DEFAULT_FILE_MB, description="Largest key file in MiB.")


SETTINGS_FILE: Final[TypeAdapter[SettingsFile]] = TypeAdapter(SettingsFile)
FIELD_NAMES: Final = frozenset(
    name
    for shape in (
        SettingsFile,
        AccountFields,
        RateLimitFields,
        *_BUILT_IN,
        PluginFields,
        SafetyFields,
    )
    for name in shape.model_fields
)
