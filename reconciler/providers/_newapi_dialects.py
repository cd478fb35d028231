"""The servers of the New API family as data: everything in which one differs from another.

Sources: songquanpeng/one-api and QuantumNous/new-api (`controller/token.go`, `model/token.go`,
`middleware/auth.go`), apidoc.cometapi.com (API keys) and doc.hitopen.com (Tokens). Importing this module
loads no HTTP library.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import gcd
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

from reconciler.core.costs import RequestCosts
from reconciler.core.fields import ALL, ANY, ENABLED, MICRO, NEVER, TOTAL_USD, Field, Kind
from reconciler.core.model import Capabilities, RateLimits

if TYPE_CHECKING:
    from collections.abc import Mapping

TOTAL_UNITS: Final = "limits.total_units"
EXPIRES: Final = "expires"
MODELS: Final = "models"
ALLOW_IPS: Final = "allow_ips"
GROUP: Final = "group"
CROSS_GROUP_RETRY: Final = "cross_group_retry"
AUTO_GROUPS: Final = "auto_groups"
AUTO_GROUP: Final = "auto"
"""The group whose keys are served by one of several others."""
INHERIT: Final = "inherit"

AUTO: Final = "auto"
USUAL_QUOTA_PER_UNIT: Final = 500_000
"""Quota units of one USD, unless the server's admin changed it."""

RAW: Final = None
BEARER: Final = "Bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListField:
    """A member that holds a set as one text.

    Attributes:
        name: of the member.
        separator: between the entries.
        switch: member that says whether the set counts; None where an empty text says so.
        array: further member under which the vendor documents the same set as an array.
    """

    name: str
    separator: str
    switch: str | None = None
    array: str | None = None


UPSTREAM_MODELS: Final = ListField(name="model_limits", separator=",", switch="model_limits_enabled")
ARRAY_MODELS: Final = ListField(
    name="model_limits", separator=",", switch="model_limits_enabled", array="models"
)
UPSTREAM_IPS: Final = ListField(name="allow_ips", separator="\n")
ONE_API_MODELS: Final = ListField(name="models", separator=",")
ONE_API_IPS: Final = ListField(name="subnet", separator=",")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewApiDialect:
    """One server of the family.

    Attributes:
        name: the provider's name in the settings.
        title: what it is, for people.
        base_url: the vendor's own address; None where everybody runs a server of their own.
        auth_scheme: what stands before the access token; None for the bare token.
        user_header: carries the user's number where the settings name it; None where no server asks.
        page_base: number of the first page.
        page_shape: whether `data` of a list is an object with `items` and `total`, or the bare rows.
        size_params: what asks for a page size; servers ignore those that they do not know.
        models: how the allowed models are written.
        ips: how the allowed addresses are written.
        groups: keys have a `group`.
        retries_groups: keys have `cross_group_retry`, and `auto_groups` on the newest servers.
        name_limit: longest name, and `name_unit` what it counts.
        create_returns: whether a create answers with the key, plaintext included, or with nothing.
        reveals: where a plaintext is asked for when the rows show it masked, first hit wins.
        unit: whether the server tells its quota unit, or the settings have to.
        counts_unlimited: an unlimited key counts its use as well.
        requests_per_minute: the limit per address; None where none is known.
        window: seconds in which the requests are counted.
        usage_paths: where a key may ask about itself, first hit wins.
        documented: attributes that the vendor's own pages or source state; all others are assumed.
    """

    name: str
    title: str
    base_url: str | None = None
    auth_scheme: str | None = RAW
    user_header: str | None = "New-Api-User"
    page_base: int = 1
    page_shape: Literal["object", "array"] = "object"
    size_params: tuple[str, ...] = ("page_size", "size")
    models: ListField = UPSTREAM_MODELS
    ips: ListField = UPSTREAM_IPS
    groups: bool = True
    retries_groups: bool = True
    name_limit: int = 50
    name_unit: Literal["bytes", "characters"] = "bytes"
    create_returns: Literal["nothing", "key"] = "nothing"
    reveals: tuple[Literal["single", "batch"], ...] = ("single", "batch")
    unit: Literal["status", "configured"] = "status"
    counts_unlimited: bool = True
    requests_per_minute: int | None = 60
    window: float = 180.0
    usage_paths: tuple[str, ...] = ("/api/usage/token/",)
    documented: frozenset[str] = field(default_factory=frozenset)

    def own(self, name: str) -> str:
        """Return the name of a field that only this provider has."""
        return f"{self.name}.{name}"


NEW_API: Final = NewApiDialect(
    name="new-api",
    title="New API, any server of one's own or of a reseller",
    documented=frozenset(
        {"auth_scheme", "user_header", "page_base", "page_shape", "size_params", "models", "ips", "groups"}
        | {"retries_groups", "name_limit", "name_unit", "create_returns", "reveals", "unit"}
        | {"counts_unlimited", "requests_per_minute", "window", "usage_paths"}
    ),
)
HITOPEN: Final = NewApiDialect(
    name="hitopen",
    title="HitOpen",
    auth_scheme=BEARER,
    # The vendor's page writes an array, the server that it names would ignore one: both are sent.
    models=ARRAY_MODELS,
    name_limit=30,
    documented=frozenset({"auth_scheme", "page_base", "size_params"}),
)
COMETAPI: Final = NewApiDialect(
    name="cometapi",
    title="CometAPI",
    base_url="https://api.cometapi.com",
    user_header=None,
    name_unit="characters",
    unit="configured",
    usage_paths=("/api/usage/token", "/api/usage/token/"),
    documented=frozenset(
        {"base_url", "auth_scheme", "page_base", "page_shape", "size_params", "models", "ips", "groups"}
        | {"retries_groups", "name_limit", "name_unit", "create_returns", "usage_paths"}
    ),
)
ONE_API: Final = NewApiDialect(
    name="one-api",
    title="one-api, the ancestor",
    user_header=None,
    page_base=0,
    page_shape="array",
    size_params=(),
    models=ONE_API_MODELS,
    ips=ONE_API_IPS,
    groups=False,
    retries_groups=False,
    name_limit=30,
    create_returns="key",
    reveals=(),
    counts_unlimited=False,
    requests_per_minute=160,
    usage_paths=(),
    documented=frozenset(
        {"auth_scheme", "user_header", "page_base", "page_shape", "size_params", "models", "ips", "groups"}
        | {"retries_groups", "name_limit", "name_unit", "create_returns", "reveals", "unit"}
        | {"counts_unlimited", "requests_per_minute", "window", "usage_paths"}
    ),
)

DIALECTS: Final[Mapping[str, NewApiDialect]] = MappingProxyType(
    {dialect.name: dialect for dialect in (NEW_API, HITOPEN, COMETAPI, ONE_API)}
)
"""By the word that stands in an account's `provider`, and may stand in its `dialect`."""


def capabilities(dialect: NewApiDialect, quota_per_unit: int | None = None) -> Capabilities:
    """Return what a server of this dialect can do.

    Args:
        dialect: of the server.
        quota_per_unit: quota units of one USD as the settings say; without it, a vendor that does not
            tell its unit has no limits in USD.
    """
    usd = {TOTAL_USD} if dialect.unit == "status" or quota_per_unit is not None else set()
    limits = {TOTAL_UNITS} | usd
    lists = {MODELS, ALLOW_IPS}
    group = {GROUP} if dialect.groups else set()
    own = _own_fields(dialect) if dialect.retries_groups else ()
    settable = frozenset(limits | lists | {EXPIRES} | group | {item.name for item in own})
    born = {EXPIRES: NEVER, MODELS: ALL, ALLOW_IPS: ANY} | dict.fromkeys(usd, 0) | dict.fromkeys(group, "")
    born |= {item.name: False if item.clear is None else item.clear for item in own}
    return Capabilities(
        fields=settable | {ENABLED},
        creatable=frozenset({TOTAL_UNITS}),
        updatable=settable,
        clearable=frozenset(limits | lists | {EXPIRES} | {item.name for item in own if item.clear}),
        idempotent_create=False,
        create_returns_secret=dialect.create_returns == "key",
        reveals=True,
        toggles=True,
        deletes=True,
        renames=True,
        name_limit=dialect.name_limit,
        name_unit=dialect.name_unit,
        floor={TOTAL_UNITS: 0},
        rate_limits=RateLimits(requests_per_minute=dialect.requests_per_minute),
        own=own,
        money_quantum=quantum(quota_per_unit or USUAL_QUOTA_PER_UNIT),
        born=born,
        same_limit=frozenset({TOTAL_USD, TOTAL_UNITS}),
        # The wallet's `quota` and a key's `remain_quota` count the same unit (controller/user.go, token.go).
        pays_in_key_units=True,
        # A write is the whole key, so it is read before; the state is changed by a write of its own; once
        # a run the server is asked for its unit, and for the user's groups where a key gets one.
        costs=RequestCosts(update=2, revive=2, switch=2, delete=2, rename=2, session=1 + dialect.groups),
    )


def _own_fields(dialect: NewApiDialect) -> tuple[Field, ...]:
    """Return what only keys of the family have (new-api pull request 6590: the order of groups counts)."""
    needs = (GROUP, AUTO_GROUP)
    return (
        Field(
            name=dialect.own(CROSS_GROUP_RETRY),
            kind=Kind.SWITCH,
            about="Whether a failed request goes on in the next group; for `group: auto`.",
            needs=needs,
        ),
        Field(
            name=dialect.own(AUTO_GROUPS),
            kind=Kind.LIST,
            clear=INHERIT,
            about=f"Groups in the order in which they are tried, or `{INHERIT}` for the server's; "
            "for `group: auto`, from New API 1.0 on.",
            needs=needs,
        ),
    )


def quantum(quota_per_unit: int) -> int:
    """Return the smallest amount in micro-USD that is a whole number of quota units."""
    return MICRO // gcd(MICRO, quota_per_unit)
