"""What `doctor` does between its options and its exit code: one check after the other, each on its own."""

from __future__ import annotations

import secrets
import sys
from contextlib import closing
from typing import TYPE_CHECKING

from reconciler.app.control import RunControl
from reconciler.app.doctor import examine_account, examine_sink, failure
from reconciler.app.preflight import entry_of
from reconciler.app.probe import Probe
from reconciler.cli.clock import SystemClock
from reconciler.cli.custody import escrow_of
from reconciler.cli.options import scope_of
from reconciler.cli.progress import StderrProgress
from reconciler.cli.signals import drain, quit_at_once
from reconciler.cli.wiring import load, missing_extras, provider_of, salt_of, sink_of
from reconciler.core.findings import fail, note, ok, warn
from reconciler.errors import ExitCode, ManifestError, ReconcilerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.cli.session import Session
    from reconciler.core.findings import Finding
    from reconciler.manifest.settings import Manifest


def examine(
    session: Session, *, accounts: tuple[str, ...], probes: bool
) -> tuple[list[Finding], ExitCode | None]:
    """Return everything that was found, and the exit code of a signal that came meanwhile.

    Raises:
        ManifestError: settings or key files are invalid.
        UsageError: there is no such account, or a probe is asked for and not of which one.
    """
    quit_at_once()
    clock = SystemClock()
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with closing(progress):
        manifest = load(session)
        scope_of(manifest.desired, accounts=accounts, keys=())
        labels = accounts or tuple(sorted(manifest.desired.accounts))
        if probes and len(labels) != 1:
            msg = f"--probe makes a key, so name one account: --account {labels[0]}"
            raise UsageError(msg)
        found = list(_settings(manifest))
        for label in labels:
            found += _account(manifest, label, clock, progress)
        found += _sinks(manifest, labels, clock)
        found += _escrow(manifest)
        interrupted = None
        if probes:
            measured, interrupted = _probed(manifest, labels[0], clock, progress)
            found += measured
        return found, interrupted


def _settings(manifest: Manifest) -> Iterator[Finding]:
    desired = manifest.desired
    yield ok("settings", f"valid; accounts: {len(desired.accounts)}, keys: {len(desired.keys)}")
    if manifest.settings.salt is None:
        yield warn(
            "salt",
            "none is set: whoever has an account's token can replay a create and read its secret; "
            "set `salt` before the first key is minted",
        )
    else:
        try:
            salt_of(manifest.settings)
            yield ok("salt", "it is set")
        except ManifestError as error:
            yield fail("salt", str(error), ExitCode.CREDENTIALS)
    for problem in missing_extras(manifest.settings):
        yield fail("sinks", str(problem))


def _account(
    manifest: Manifest, label: str, clock: SystemClock, progress: StderrProgress
) -> Iterator[Finding]:
    settings, account = manifest.settings.accounts[label], manifest.desired.accounts[label]
    try:
        provider = provider_of(manifest, label, clock=clock, progress=progress)
    except ManifestError as error:
        yield fail(label, str(error), ExitCode.CREDENTIALS)
        return
    # Headers among the options may be credentials, so that only plain ones are shown.
    plain = [f"{name} {value}" for name, value in settings.options.items() if not isinstance(value, dict)]
    if plain:
        yield note(label, f"options: {', '.join(plain)}")
    keys = [key for key in manifest.desired.keys if key.account == label]
    with closing(provider):
        yield from examine_account(provider, account, keys, settings.rate_limits)


def _sinks(manifest: Manifest, labels: tuple[str, ...], clock: SystemClock) -> Iterator[Finding]:
    for name in sorted(manifest.settings.sinks):
        entries = [
            entry_of(item, key.address, manifest.desired.accounts[key.account].origin)
            for key in manifest.desired.keys
            for item in key.deliver
            if item.sink == name and key.account in labels and not key.lifecycle.absent
        ]
        try:
            with closing(sink_of(manifest, name, clock=clock)) as sink:
                yield from examine_sink(name, sink, entries)
        except ManifestError as error:
            yield fail(f"sink {name}", str(error), ExitCode.CREDENTIALS)
        except ReconcilerError as error:
            yield failure(f"sink {name}", error)


def _escrow(manifest: Manifest) -> Iterator[Finding]:
    try:
        escrow = escrow_of(manifest.settings.custody)
        if escrow is not None:
            escrow.preflight()
            yield ok("escrow", "a secret can be sealed")
    except ReconcilerError as error:
        yield failure("escrow", error)


def _probed(
    manifest: Manifest, label: str, clock: SystemClock, progress: StderrProgress
) -> tuple[list[Finding], ExitCode | None]:
    control = RunControl(clock=clock)
    try:
        provider = provider_of(manifest, label, clock=clock, progress=progress, writable=True)
    except ManifestError:
        # It was told with the account.
        return [], None
    # From here a signal must not leave the key behind: waits end, and the key is disabled.
    drain(control, clock)
    with closing(provider):
        probe = Probe(provider=provider, where=label, tag=secrets.token_hex(4), clock=clock)
        found = list(probe.run())
    return found, control.interrupted
