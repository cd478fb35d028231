"""From `policy` in the settings to the policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.core.policy import CAPS, Policy

if TYPE_CHECKING:
    from reconciler.manifest.wire_policy import PolicyFields


def resolve_policy(wire: PolicyFields | None) -> Policy | None:
    """Return the policy, if there is one; the order of its lists means nothing."""
    if wire is None:
        return None
    limits = {name: getattr(wire, f"max_{name}") for name in CAPS}
    return Policy(
        require=tuple(sorted(set(wire.require))),
        most={name: most for name, most in limits.items() if most is not None},
        expires_within=wire.expires_within,
        owners=None if wire.owners is None else tuple(sorted(set(wire.owners))),
    )
