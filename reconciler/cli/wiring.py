"""The only place where adapters are built: settings in, a world of providers and sinks out."""

from __future__ import annotations

import logging
import os
import random
import sys
from collections.abc import Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from reconciler.cli.custody import audit_of, custody_problems, escrow_of, lease_of
from reconciler.cli.version import TOOL
from reconciler.errors import ManifestError, Problem
from reconciler.manifest.load import collection_paused, load_manifest
from reconciler.manifest.settings import ProviderKind, SecretSource
from reconciler.providers.registry import KNOWN, Connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pydantic import BaseModel

    from reconciler.app.usecases import World
    from reconciler.cli.session import Session
    from reconciler.core.secret import Secret
    from reconciler.manifest.settings import AccountSettings, Manifest, Settings, SinkSettings
    from reconciler.ports.clock import Clock
    from reconciler.ports.key_check import KeyCheck
    from reconciler.ports.progress import Progress
    from reconciler.ports.provider import Provider
    from reconciler.ports.sink import Sink
    from reconciler.providers.registry import ProviderEntry

DEFAULT_SALT: Final = b"reconciler"
"""Used where the settings name none: who then holds an account's token can replay its creates."""


class _Kinds(Mapping[str, ProviderKind]):
    """What the manifest has to know of a provider, those of other packages included."""

    def __getitem__(self, name: str) -> ProviderKind:
        entry = KNOWN[name]
        return ProviderKind(
            capabilities=entry.capabilities,
            default_base_url=entry.default_base_url,
            tailor=entry.capabilities_with,
        )

    def __iter__(self) -> Iterator[str]:
        return iter(KNOWN)

    def __len__(self) -> int:
        return len(KNOWN)


KINDS: Final = _Kinds()
"""What the manifest has to know of each provider."""

__all__ = [
    "DEFAULT_SALT",
    "KINDS",
    "collection_paused",
    "key_check_of",
    "load",
    "missing_extras",
    "opened",
    "provider_of",
    "salt_of",
    "sink_of",
    "without_the_command_line_of_httpx",
]

_LOG: Final = logging.getLogger("reconciler.wiring")


def load(session: Session) -> Manifest:
    """Return settings and declarations; offline, and no credential is read.

    Raises:
        ManifestError: with every problem at once.
    """
    manifest = load_manifest(session.config, kinds=KINDS, plugin=_plugin_options)
    desired = manifest.desired
    _LOG.info("%s: %d accounts, %d keys", session.config, len(desired.accounts), len(desired.keys))
    return manifest


@contextmanager
def opened(
    manifest: Manifest,
    labels: Iterable[str],
    *,
    clock: Clock,
    progress: Progress,
    writable: bool,
    deadline: float | None = None,
    delivers: bool = True,
) -> Iterator[World]:
    """Build the adapters of some accounts and of every sink that their keys go to.

    Args:
        manifest: settings and declarations.
        labels: of the accounts.
        clock: for budgets and waits.
        progress: told about waits.
        writable: without it, the HTTP transport refuses anything but GET.
        deadline: the run's end on the monotonic clock.
        delivers: without it, no sink is built.

    Raises:
        ManifestError: when tokens are missing or cannot be ones.
    """
    from reconciler.app.usecases import World
    from reconciler.sinks import registry

    without_the_command_line_of_httpx()
    settings, desired = manifest.settings, manifest.desired
    chosen = sorted(set(labels))
    used = {item.sink for key in desired.keys if delivers and key.account in chosen for item in key.deliver}
    tokens = _tokens([settings.accounts[label] for label in chosen])
    declared = _with_secrets([settings.sinks[name] for name in sorted(used)])
    with ExitStack() as stack:
        providers: dict[str, Provider] = {}
        for label, token in tokens.items():
            connection = _connection(
                settings.accounts[label],
                token,
                clock=clock,
                progress=progress,
                writable=writable,
                deadline=deadline,
            )
            providers[label] = KNOWN[settings.accounts[label].provider].build(connection)
            stack.callback(providers[label].close)
        sinks: dict[str, Sink] = {}
        for settled in declared:
            # The run's clock goes along, for stores that have to be waited for.
            timed = replace(settled, options={**settled.options, "clock": clock})
            sinks[settled.name] = registry.build(timed)
            stack.callback(sinks[settled.name].close)
        lease = lease_of(settings.custody, clock, _read_options) if writable else None
        if lease is not None:
            stack.callback(lease.release)
        yield World(
            desired=desired,
            providers=providers,
            sinks=sinks,
            clock=clock,
            tool=TOOL,
            audit=audit_of(settings.custody) if writable else None,
            escrow=escrow_of(settings.custody),
            lease=lease,
        )


def provider_of(
    manifest: Manifest, label: str, *, clock: Clock, progress: Progress, writable: bool = False
) -> Provider:
    """Return the adapter of one account, for commands that go on where another one cannot be built.

    Raises:
        ManifestError: when its token is missing or cannot be one.
    """
    return _entry_of(manifest, label).build(
        _connected(manifest, label, clock=clock, progress=progress, writable=writable)
    )


def key_check_of(manifest: Manifest, label: str, *, clock: Clock, progress: Progress) -> KeyCheck | None:
    """Return what asks an account's provider with a key itself, or None where keys cannot ask.

    Raises:
        ManifestError: when the account's token is missing or cannot be one.
    """
    check = _entry_of(manifest, label).key_check
    if check is None:
        return None
    return check(_connected(manifest, label, clock=clock, progress=progress, writable=False))


def sink_of(manifest: Manifest, name: str, *, clock: Clock) -> Sink:
    """Return the adapter of one sink.

    Raises:
        ManifestError: when a credential of it is missing or cannot be one.
        SinkError: when its packages are not installed.
    """
    from reconciler.sinks import registry

    (settled,) = _with_secrets([manifest.settings.sinks[name]])
    return registry.build(replace(settled, options={**settled.options, "clock": clock}))


def _entry_of(manifest: Manifest, label: str) -> ProviderEntry:
    without_the_command_line_of_httpx()
    return KNOWN[manifest.settings.accounts[label].provider]


def _connected(
    manifest: Manifest, label: str, *, clock: Clock, progress: Progress, writable: bool
) -> Connection:
    account = manifest.settings.accounts[label]
    token = _tokens([account])[label]
    return _connection(account, token, clock=clock, progress=progress, writable=writable, deadline=None)


def without_the_command_line_of_httpx() -> None:
    """Keep httpx from loading what only its own program needs; call it before httpx is imported."""
    # httpx loads its own command line, and with it rich and pygments, unless that import fails.
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]  # None is how an import is made to fail


def _tokens(accounts: Iterable[AccountSettings]) -> dict[str, Secret]:
    """Return the token of each account, or raise with every one that is missing."""
    from reconciler.manifest.credentials import read_secret

    tokens: dict[str, Secret] = {}
    problems: list[Problem] = []
    for account in accounts:
        try:
            tokens[account.label] = read_secret(account.token, os.environ)
        except ManifestError as error:
            problems += error.problems
    if problems:
        raise ManifestError(problems)
    return tokens


def missing_extras(settings: Settings) -> list[Problem]:
    """Return what of the settings this machine cannot do for lack of packages, with place and remedy."""
    from reconciler.sinks import registry

    return [
        Problem(file=sink.mark.file, line=sink.mark.line, column=sink.mark.column, message=lacking)
        for sink in settings.sinks.values()
        if (lacking := registry.missing_extra(sink.type))
    ] + custody_problems(settings.custody)


def _plugin_options(kind: str) -> type[BaseModel] | None:
    """Return the model of the options of a sink type that another package offers."""
    from reconciler.sinks import registry

    offered = registry.plugin(kind)
    return None if offered is None else offered.Options


def _with_secrets(sinks: Iterable[SinkSettings]) -> list[SinkSettings]:
    """Return the sinks with every credential read, or raise with every one that is missing."""
    problems: list[Problem] = []
    found = [replace(sink, options=_filled_in(sink.options, problems)) for sink in sinks]
    if problems:
        raise ManifestError(problems)
    return found


def _read_options(options: Mapping[str, object]) -> Mapping[str, object]:
    """Return options with every credential read, or raise with every one that is missing."""
    problems: list[Problem] = []
    found = _filled_in(options, problems)
    if problems:
        raise ManifestError(problems)
    return found


def _filled_in(options: Mapping[str, object], problems: list[Problem]) -> dict[str, object]:
    """Return options with the secret in place of where it is read from, nested ones included."""
    from reconciler.manifest.credentials import read_secret

    found: dict[str, object] = {}
    for name, value in options.items():
        if isinstance(value, SecretSource):
            try:
                found[name] = read_secret(value, os.environ)
            except ManifestError as error:
                problems += error.problems
        else:
            found[name] = _filled_in(value, problems) if isinstance(value, dict) else value
    return found


def _connection(
    account: AccountSettings,
    token: Secret,
    *,
    clock: Clock,
    progress: Progress,
    writable: bool,
    deadline: float | None,
) -> Connection:
    def waiting(reason: str, until: datetime) -> None:
        progress.waiting(f"{account.label}: {reason}", until)

    return Connection(
        base_url=account.base_url,
        token=token,
        clock=clock,
        rng=random.random,
        rate_limits=account.rate_limits,
        options=account.options,
        read_only=not writable,
        deadline=deadline,
        waiting=waiting,
    )


def salt_of(settings: Settings) -> bytes:
    """Return what the idempotency keys are keyed with.

    Raises:
        ManifestError: when the settings name a salt that is not there.
    """
    if settings.salt is None:
        return DEFAULT_SALT
    from reconciler.manifest.credentials import read_salt

    return read_salt(settings.salt, os.environ)
