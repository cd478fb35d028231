"""The key files as people write them; validated here, and the source of schemas/keys.v1.json.

These are typed dictionaries because which fields were written is the meaning of a declaration: a field
that is left out is unmanaged, and merging a profile is merging dictionaries.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Required, get_args, get_origin

from pydantic import BeforeValidator, Field, TypeAdapter, with_config

# Pydantic takes the one of `typing` from Python 3.12 on only.
from typing_extensions import TypedDict, get_type_hints

from reconciler.manifest.own_blocks import blocks_of, extended, split
from reconciler.manifest.places import EntryName, Label
from reconciler.manifest.scalars import (
    AllowIps,
    Cap,
    Count,
    Expires,
    FormerName,
    KeyName,
    Models,
    Note,
    RemoteId,
    Switch,
    Text,
    duration,
    one_of,
    refuse,
    whole,
)
from reconciler.manifest.strict import STRICT

if TYPE_CHECKING:
    from reconciler.core.fields import Field as OwnField

NONE: Final = "none"
TITLE: Final = "reconciler key file"


@with_config(STRICT)
class LimitFields(TypedDict, total=False):
    """Spending and rate limits; one that is left out is unmanaged."""

    daily_usd: Annotated[Cap, Field(description="Most USD a day.")]
    weekly_usd: Annotated[Cap, Field(description="Most USD a week.")]
    monthly_usd: Annotated[Cap, Field(description="Most USD a month.")]
    total_usd: Annotated[Cap, Field(description="Most USD in the key's lifetime; never a remainder.")]
    total_units: Annotated[Count, Field(description="Most quota units in the key's lifetime.")]
    concurrency: Annotated[Count, Field(description="Most requests at the same time.")]
    requests_per_minute: Annotated[Count, Field(description="Most requests a minute.")]
    tokens_per_minute: Annotated[Count, Field(description="Most tokens a minute.")]


@with_config(STRICT)
class DeliverEntry(TypedDict, total=False):
    """One place that a minted secret goes to."""

    sink: Required[Annotated[Label, Field(description="Name of a sink in the settings.")]]
    name: Annotated[
        EntryName, Field(description="Entry in the sink; the key's name in UPPER_SNAKE when left out.")
    ]
    takeover: Annotated[Switch, Field(description="Overwrite an entry that this tool did not write.")]


def _as_list(value: object) -> object:
    if isinstance(value, dict):
        return [value]
    if value == []:
        refuse(f"must name at least one entry, or be `{NONE}`")
    return [] if value == NONE else value


Deliver = Annotated[
    list[DeliverEntry],
    BeforeValidator(
        _as_list,
        json_schema_input_type=DeliverEntry
        | Annotated[list[DeliverEntry], Field(min_length=1)]
        | Literal["none"],
    ),
]


@with_config(STRICT)
class ProfileFields(TypedDict, total=False):
    """What keys may share; a field that is left out everywhere is unmanaged."""

    account: Annotated[Label, Field(description="Name of an account in the settings.")]
    enabled: Annotated[Switch, Field(description="Whether the key works.")]
    limits: Annotated[LimitFields, Field(description="Spending and rate limits.")]
    expires: Annotated[Expires, Field(description="Instant with a zone at which the key ends, or `never`.")]
    models: Annotated[Models, Field(description="Models that the key may use, or `all`.")]
    allow_ips: Annotated[AllowIps, Field(description="Addresses that may use the key, or `any`.")]
    group: Annotated[Text, Field(description="The provider's group of the key.")]
    deliver: Annotated[
        Deliver,
        Field(description="Where a minted secret goes: one entry, a list, or `none` to switch it off."),
    ]
    owner: Annotated[Text, Field(description="Who answers for the key.")]
    description: Annotated[Note, Field(description="What the key is for.")]


@with_config(STRICT)
class DefaultFields(ProfileFields, total=False):
    """What every key of the file starts from."""

    profile: Annotated[Label, Field(description="Profile of this file to start from.")]
    generation: Annotated[
        int, whole(1, 999_999_999), Field(description="Raise it by one to rotate the key; 1 when left out.")
    ]
    overlap: Annotated[
        Any, duration(), Field(description="How long the predecessor works after a rotation, like 24h.")
    ]
    rotate_every: Annotated[Any, duration(60), Field(description="Age at which the key is due for rotation.")]
    protected: Annotated[Switch, Field(description="Refuse to disable, delete, rotate or cut off the key.")]


@with_config(STRICT)
class DeclaredKey(DefaultFields, total=False):
    """One declared key."""

    adopt: Annotated[RemoteId, Field(description="Id of an existing key at the provider to take over.")]
    renamed_from: Annotated[
        FormerName, Field(description="Former name of the key, or `account/name` of another account.")
    ]
    state: Annotated[
        str, one_of("present", "absent"), Field(description="`absent` takes the key out of service.")
    ]


@with_config({**STRICT, "title": TITLE})
class KeyFile(TypedDict, total=False):
    """Declarations of API keys; the name is a key's identity."""

    version: Required[Annotated[int, whole(1, 1), Field(description="Version of this format; 1.")]]
    defaults: Annotated[DefaultFields, Field(description="What every key of this file starts from.")]
    profiles: Annotated[
        dict[Label, ProfileFields], Field(description="Named sets of fields for the keys of this file.")
    ]
    keys: Required[Annotated[dict[KeyName, DeclaredKey], Field(description="The keys by name.")]]


KEY_FILE: Final[TypeAdapter[KeyFile]] = TypeAdapter(KeyFile)
FIELD_NAMES: Final = frozenset(
    name for shape in (KeyFile, DeclaredKey, LimitFields, DeliverEntry) for name in shape.__annotations__
)
LIMITS: Final = tuple(LimitFields.__annotations__)


@lru_cache(maxsize=16)
def key_file(own: tuple[OwnField, ...]) -> TypeAdapter[KeyFile]:
    """Return the form of key files in which keys may have the blocks of some providers.

    Args:
        own: the fields that only those providers have.
    """
    blocks = {name: block for name, block in blocks_of(own).items() if name not in FIELD_NAMES}
    if not blocks:
        return KEY_FILE
    profile, defaults, key = (
        extended(shape, blocks) for shape in (ProfileFields, DefaultFields, DeclaredKey)
    )
    parts = {
        "defaults": Annotated[defaults, *_notes("defaults")],
        "profiles": Annotated[dict[Label, profile], *_notes("profiles")],  # type: ignore[valid-type]  # built
        "keys": Required[Annotated[dict[KeyName, key], *_notes("keys")]],  # type: ignore[valid-type]  # likewise
    }
    return TypeAdapter(with_config({**STRICT, "title": TITLE})(extended(KeyFile, parts)))


def _notes(field: str) -> tuple[Any, ...]:
    """Return what stands beside the type of a field of the file."""
    hint = get_type_hints(KeyFile, include_extras=True)[field]
    origin: Any = get_origin(hint)
    inner = get_args(hint)[0] if origin is Required else hint
    return tuple(inner.__metadata__)


def field_names(own: tuple[OwnField, ...]) -> frozenset[str]:
    """Return every name of a field in such files, for "did you mean"."""
    return FIELD_NAMES | {part for field in own for part in split(field.name)}
