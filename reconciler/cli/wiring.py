"""The only place where adapters are built: settings in, a world of providers and sinks out."""

from __future__ import annotations

import logging
import os
import random
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from reconciler.cli.version import TOOL
from reconciler.errors import ManifestError
from reconciler.manifest.load import collection_paused, load_manifest
from reconciler.manifest.settings import ProviderKind
from reconciler.providers.registry import PROVIDERS, Connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from reconciler.app.usecases import World
    from reconciler.cli.session import Session
    from reconciler.core.secret import Secret
    from reconciler.errors import Problem
    from reconciler.manifest.settings import AccountSettings, Manifest, Settings
    from reconciler.ports.clock import Clock
    from reconciler.ports.progress import Progress
    from reconciler.ports.provider import Provider

DEFAULT_SALT: Final = b"reconciler"
"""Used where the settings name none: who then holds an account's token can replay its creates."""

KINDS: Final = {
    name: ProviderKind(capabilities=entry.capabilities, default_base_url=entry.default_base_url)
    for name, entry in PROVIDERS.items()
}
"""What the manifest has to know of each provider."""

__all__ = ["DEFAULT_SALT", "KINDS", "collection_paused", "load", "opened", "salt_of"]

_LOG: Final = logging.getLogger("reconciler.wiring")


def load(session: Session) -> Manifest:
    """Return settings and declarations; offline, and no credential is read.

    Raises:
        ManifestError: with every problem at once.
    """
    manifest = load_manifest(session.config, kinds=KINDS)
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
) -> Iterator[World]:
    """Build the adapters of some accounts and of every sink that their keys go to.

    Args:
        manifest: settings and declarations.
        labels: of the accounts.
        clock: for budgets and waits.
        progress: told about waits.
        writable: without it, the HTTP transport refuses anything but GET.
        deadline: the run's end on the monotonic clock.

    Raises:
        ManifestError: when tokens are missing or cannot be ones.
    """
    from reconciler.app.usecases import World
    from reconciler.sinks import registry

    settings, desired = manifest.settings, manifest.desired
    chosen = sorted(set(labels))
    used = {item.sink for key in desired.keys if key.account in chosen for item in key.deliver}
    tokens = _tokens([settings.accounts[label] for label in chosen])
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
            providers[label] = PROVIDERS[settings.accounts[label].provider].build(connection)
            stack.callback(providers[label].close)
        sinks = {name: registry.build(settings.sinks[name]) for name in sorted(used)}
        for sink in sinks.values():
            stack.callback(sink.close)
        yield World(desired=desired, providers=providers, sinks=sinks, clock=clock, tool=TOOL)


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

    Of a configured salt it is the fingerprint: 64 bits that only its owner can know are plenty for a
    key that has to be guessed at the provider, and the salt itself stays closed.

    Raises:
        ManifestError: when the settings name a salt that is not there.
    """
    if settings.salt is None:
        return DEFAULT_SALT
    from reconciler.manifest.credentials import read_secret

    return read_secret(settings.salt, os.environ).fingerprint().encode()
