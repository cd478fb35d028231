"""The settings as the program uses them: where accounts and sinks are, and never a secret's value."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.core.allowance import Allowance
    from reconciler.core.model import (
        Capabilities,
        DesiredState,
        RateLimits,
        SafetyLimits,
        SourceMark,
        Undeclared,
    )
    from reconciler.core.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderKind:
    """What the manifest must know of a provider to check what is declared for it."""

    capabilities: Capabilities
    default_base_url: str | None = None
    tailor: Callable[[Mapping[str, object]], Capabilities] | None = None

    def capabilities_with(self, options: Mapping[str, object]) -> Capabilities:
        """Return what an account with these options can do.

        Raises:
            UsageError: when an option is unknown or has a wrong value.
        """
        return self.capabilities if self.tailor is None else self.tailor(options)


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretSource:
    """Where a credential is read from when it is needed: an environment variable or a file.

    `block` says that it is a text of several lines, like a key in PEM.
    """

    env: str | None = None
    file: Path | None = None
    block: bool = False
    mark: SourceMark


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountSettings:
    """How to reach one account; `usage_from` is the label of the account that shows what its keys use."""

    label: str
    provider: str
    base_url: str
    token: SecretSource
    namespace: str | None
    undeclared: Undeclared
    rate_limits: RateLimits
    usage_from: str | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    mark: SourceMark


@dataclass(frozen=True, slots=True, kw_only=True)
class SinkSettings:
    """One configured sink; `options` are its type's own, already validated, paths made absolute."""

    name: str
    type: str
    options: Mapping[str, object]
    mark: SourceMark


@dataclass(frozen=True, slots=True, kw_only=True)
class EscrowSettings:
    """Where secrets are sealed that no sink takes, and who can open them."""

    path: Path
    recipients: tuple[str, ...]
    mark: SourceMark


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseSettings:
    """What keeps other runs out; `options` are its type's own, already validated, paths made absolute."""

    type: str
    options: Mapping[str, object]
    mark: SourceMark


@dataclass(frozen=True, slots=True, kw_only=True)
class CustodySettings:
    """What stands by when a secret is on its way; each of it may be missing."""

    audit: Path | None = None
    escrow: EscrowSettings | None = None
    lease: LeaseSettings | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything in the settings file."""

    path: Path
    root: Path
    accounts: Mapping[str, AccountSettings]
    sinks: Mapping[str, SinkSettings]
    safety: SafetyLimits
    allow: Allowance | None = None
    policy: Policy | None = None
    salt: SecretSource | None
    custody: CustodySettings = CustodySettings()
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """The settings and the desired state that the key files declare."""

    settings: Settings
    desired: DesiredState
