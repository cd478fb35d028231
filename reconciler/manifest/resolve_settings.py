"""The settings file to `Settings` and the accounts of the desired state, with everything checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.core.allowance import allowance_document
from reconciler.core.model import DesiredAccount, RateLimits, SafetyLimits, SourceMark, Undeclared
from reconciler.core.plan_document import safety_document, sha256
from reconciler.core.policy import policy_document
from reconciler.errors import Problem, UsageError
from reconciler.manifest.places import BlockSource, origin_of
from reconciler.manifest.resolve_allow import resolve_allow
from reconciler.manifest.resolve_custody import resolve_custody
from reconciler.manifest.resolve_policy import resolve_policy
from reconciler.manifest.resolve_sinks import resolve_sinks
from reconciler.manifest.settings import AccountSettings, SecretSource, Settings
from reconciler.manifest.tree import locate

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from reconciler.core.allowance import Allowance
    from reconciler.core.model import Capabilities
    from reconciler.core.policy import Policy
    from reconciler.manifest.places import Source
    from reconciler.manifest.resolve_sinks import PluginOptions
    from reconciler.manifest.settings import ProviderKind
    from reconciler.manifest.tree import MarkedMapping
    from reconciler.manifest.wire_settings import AccountFields, SettingsFile

ROOM: Final = len("~99.9")
"""How much of a remote name stays free for the generation and the attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingsSource:
    """The settings file in all its forms.

    Attributes:
        path: as the user named it.
        root: real path of its directory.
        shown: the name to show in problems.
        tree: with marks.
        wire: validated.
    """

    path: Path
    root: Path
    shown: str
    tree: MarkedMapping
    wire: SettingsFile

    def mark(self, *path: object) -> SourceMark:
        """Return the place of something in the file."""
        line, column = locate(self.tree, path)
        return SourceMark(file=self.shown, line=line, column=column)

    def problem(self, message: str, *path: object) -> Problem:
        """Return a problem at a place in the file."""
        line, column = locate(self.tree, path)
        return Problem(file=self.shown, line=line, column=column, message=message)

    def credential(self, wire: Source, *path: object) -> SecretSource:
        """Return where a credential that is declared at a place in the file is read from."""
        file = None if wire.file is None else self.root / wire.file
        block = isinstance(wire, BlockSource)
        return SecretSource(env=wire.env, file=file, block=block, mark=self.mark(*path))


def resolve_settings(
    source: SettingsSource, kinds: Mapping[str, ProviderKind], plugin: PluginOptions
) -> tuple[Settings, dict[str, DesiredAccount], list[Problem]]:
    """Return the settings, the accounts and what is wrong; an account with a problem is left out."""
    sinks, problems = resolve_sinks(source, plugin)
    accounts: dict[str, AccountSettings] = {}
    desired: dict[str, DesiredAccount] = {}
    for label, wire in source.wire.accounts.items():
        kind = kinds.get(wire.provider)
        found = _account_problems(source, label, wire, kind, kinds)
        problems += found
        if kind is None or found:
            continue
        account = _account(source, label, wire, kind)
        accounts[label] = account
        desired[label] = DesiredAccount(
            label=label,
            provider=account.provider,
            origin=origin_of(account.base_url),
            namespace=account.namespace,
            undeclared=account.undeclared,
            delete_retired=wire.retired == "delete",
            capabilities=kind.capabilities_with(account.options),
        )
    wire_salt = source.wire.salt
    limits = _safety(source.wire)
    allow, found = resolve_allow(source, limits)
    problems += found
    policy = resolve_policy(source.wire.policy)
    custody, found = resolve_custody(source, sinks)
    problems += found
    settings = Settings(
        path=source.path,
        root=source.root,
        accounts=accounts,
        sinks=sinks,
        safety=limits,
        allow=allow,
        policy=policy,
        salt=None if wire_salt is None else source.credential(wire_salt, "salt"),
        custody=custody,
        digest=_digest(source.wire, accounts, limits, allow, policy),
    )
    return settings, desired, problems


def _account_problems(
    source: SettingsSource,
    label: str,
    wire: AccountFields,
    kind: ProviderKind | None,
    kinds: Mapping[str, ProviderKind],
) -> list[Problem]:
    at = ("accounts", label)
    if kind is None:
        message = (
            f"`provider` names no provider of this release; the providers are: {', '.join(sorted(kinds))}"
        )
        return [source.problem(message, *at, "provider")]
    found = []
    if wire.usage_from is not None and wire.usage_from not in source.wire.accounts.keys() - {label}:
        message = "`usage_from` names no other account of this file; write the label of one"
        found.append(source.problem(message, *at, "usage_from"))
    if wire.base_url is None and kind.default_base_url is None:
        found.append(source.problem("`base_url` is missing; this provider has no address of its own", *at))
    try:
        can = kind.capabilities_with(wire.options)
    except UsageError as error:
        return [*found, source.problem(str(error), *at, "options")]
    if wire.retired == Undeclared.DELETE and not can.deletes:
        message = "this provider cannot delete keys; use `retired: keep`"
        found.append(source.problem(message, *at, "retired"))
    lacking = _lacking(wire.undeclared, can)
    if lacking:
        message = f"this provider cannot {lacking} keys; use `undeclared: report` or `ignore`"
        found.append(source.problem(message, *at, "undeclared"))
    if name_room(can, wire.namespace) < 1:
        message = (
            f"`namespace` leaves no room for a name: the provider takes {can.name_limit} {can.name_unit}"
        )
        found.append(source.problem(f"{message}; shorten it", *at, "namespace"))
    return found


def _lacking(undeclared: str, can: Capabilities) -> str | None:
    if undeclared == Undeclared.DELETE and not can.deletes:
        return "delete"
    return "disable" if undeclared == Undeclared.DISABLE and not can.toggles else None


def name_room(can: Capabilities, namespace: str | None) -> int:
    """Return how long a declared name may be, in the provider's unit."""
    return can.name_limit - ROOM - (len(namespace) + 1 if namespace else 0)


def _account(source: SettingsSource, label: str, wire: AccountFields, kind: ProviderKind) -> AccountSettings:
    asked, documented = wire.rate_limits, kind.capabilities.rate_limits
    return AccountSettings(
        label=label,
        provider=wire.provider,
        base_url=wire.base_url or kind.default_base_url or "",
        token=source.credential(wire.token, "accounts", label, "token"),
        namespace=wire.namespace,
        undeclared=Undeclared(wire.undeclared),
        rate_limits=RateLimits(
            requests_per_minute=asked.requests_per_minute or documented.requests_per_minute,
            requests_per_day=asked.requests_per_day or documented.requests_per_day,
            creates_per_hour=asked.creates_per_hour or documented.creates_per_hour,
        ),
        options=wire.options,
        usage_from=wire.usage_from,
        mark=source.mark("accounts", label),
    )


def _safety(wire: SettingsFile) -> SafetyLimits:
    lists = {name: tuple(sorted(set(getattr(wire.safety, name)))) for name in ("require", "protected")}
    return SafetyLimits(**{**dict(wire.safety), **lists})


def _digest(
    wire: SettingsFile,
    accounts: Mapping[str, AccountSettings],
    limits: SafetyLimits,
    allow: Allowance | None,
    policy: Policy | None,
) -> str:
    """Return the digest of what the settings mean; paths are as written, so that every machine agrees."""
    written = wire.model_dump(mode="json", include={"accounts", "sinks", "salt"})
    for label, account in accounts.items():
        written["accounts"][label]["base_url"] = account.base_url
    if allow is not None:
        written["allow"] = allowance_document(allow)
    if policy is not None:
        written["policy"] = policy_document(policy)
    # Left out where nothing is declared, so that such settings keep their digest.
    written |= wire.model_dump(mode="json", include={"audit", "escrow", "lease"}, exclude_none=True)
    return sha256({**written, "safety": safety_document(limits)})
