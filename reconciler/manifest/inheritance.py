"""What a key starts from: the defaults of its file, then its profile, merged once for all who share them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.model import DEFAULT_OVERLAP, Lifecycle
from reconciler.manifest.wire_keys import LIMITS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Value
    from reconciler.manifest.wire_keys import KeyFile

LIMIT_FIELDS: Final = {name: f"limits.{name}" for name in LIMITS}
SPEC_FIELDS: Final = ("enabled", "expires", "models", "allow_ips", "group")
LIFECYCLE_FIELDS: Final = frozenset(
    {"generation", "overlap", "rotate_every", "protected", "adopt", "renamed_from", "state"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inherited:
    """What a key has before its own fields count.

    Attributes:
        fields: defaults and profile merged, as written.
        spec: their managed fields, flat.
        lifecycle: what a key has that says nothing of it.
    """

    fields: Mapping[str, Any]
    spec: dict[str, Value]
    lifecycle: Lifecycle


def inherited(file: KeyFile, profile: str | None) -> Inherited:
    """Return what the keys with a profile start from."""
    defaults: Mapping[str, Any] = file.get("defaults", {})
    chosen: Mapping[str, Any] = file.get("profiles", {}).get(profile, {}) if profile else {}
    fields = {**defaults, **chosen}
    spec = merge_spec(merge_spec({}, defaults), chosen)
    return Inherited(fields=fields, spec=spec, lifecycle=lifecycle_of(fields))


def merge_spec(base: dict[str, Value], fields: Mapping[str, Any]) -> dict[str, Value]:
    """Return the managed fields of some declaration on top of others; limits and blocks merge field by field.

    Where nothing is added the base itself comes back, so that alike keys share one.
    """
    own: dict[str, Value] = {name: fields[name] for name in SPEC_FIELDS if name in fields}
    if "limits" in fields:
        for name, value in fields["limits"].items():
            own[LIMIT_FIELDS[name]] = value
    for block, inner in fields.items():
        # Apart from the limits, only the blocks of providers are mappings.
        if isinstance(inner, dict) and block != "limits":
            own |= {f"{block}.{name}": value for name, value in inner.items()}
    return {**base, **own} if own else base


def lifecycle_of(fields: Mapping[str, Any]) -> Lifecycle:
    """Return the lifecycle that some merged fields declare."""
    return Lifecycle(
        generation=fields.get("generation", 1),
        overlap=fields.get("overlap", DEFAULT_OVERLAP),
        rotate_every=fields.get("rotate_every"),
        protected=fields.get("protected", False),
        adopt=fields.get("adopt"),
        renamed_from=fields.get("renamed_from"),
        absent=fields.get("state") == "absent",
    )
