"""`reconciler recover`: bring a secret out of escrow into its sinks."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.session import pass_session
from reconciler.cli.terminal import complain, write_result
from reconciler.errors import StalePlanError, UsageError

if TYPE_CHECKING:
    from reconciler.app.recovery import Recovered
    from reconciler.cli.session import Session
    from reconciler.core.secret import Secret
    from reconciler.manifest.settings import Manifest


@click.command("recover", short_help="Deliver a secret that was sealed in escrow.")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--identity",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="File with the age or SSH private key of one of the escrow's recipients.",
)
@click.option("--remove", is_flag=True, help="Remove the escrow file once the secret is in every sink.")
@pass_session
def command(session: Session, *, file: Path, identity: Path, remove: bool) -> None:
    """Deliver the secret in the escrow file FILE to the sinks that its key declares now.

    FILE is a path, or the name that an apply reported, in the escrow's directory. The secret is opened in
    memory and shown nowhere. The key stays at the smallest limits; the next plan raises it to what is
    declared. Nothing is written when the key has moved on, and the exit code is then 4.
    """
    from reconciler.cli.wiring import load

    manifest = load(session)
    path = _find(manifest, file)
    found = _recovered(session, manifest, path, _identities(identity))
    for text in found.warnings:
        complain(text)
    verb = "was already in" if found.already else "is now in"
    write_result(f"the secret of {found.address} ({found.remote_id}) {verb} {', '.join(found.entries)}\n")
    if remove:
        path.unlink()
        write_result(f"removed {path}\nnext: plan and apply, which raises the key to what is declared\n")
    else:
        write_result(f"next: remove {path}, then plan and apply, which raises the key to what is declared\n")


def _find(manifest: Manifest, file: Path) -> Path:
    escrow = manifest.settings.custody.escrow
    places = [file] if escrow is None else [file, escrow.path / file]
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        msg = f"there is no escrow file {file}; name its path, or take it from the artifacts of the run"
        raise UsageError(msg)
    return found


def _identities(path: Path) -> Secret:
    from reconciler.core.model import SourceMark
    from reconciler.manifest.credentials import read_secret
    from reconciler.manifest.settings import SecretSource

    mark = SourceMark(file=str(path), line=0, column=0)
    return read_secret(SecretSource(file=path, block=True, mark=mark), {})


def _recovered(session: Session, manifest: Manifest, path: Path, identities: Secret) -> Recovered:
    from reconciler.app.control import RunControl
    from reconciler.app.recovery import recover
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.progress import StderrProgress
    from reconciler.cli.signals import drain, quit_at_once
    from reconciler.cli.wiring import opened
    from reconciler.sinks.escrow import open_sealed

    quit_at_once()
    clock = SystemClock()
    sealed = open_sealed(path, identities)
    label = sealed.receipt.address.partition("/")[0]
    if label not in manifest.desired.accounts:
        msg = f"the settings have no account {label}, so the secret in {path} is of no use; remove the file"
        raise StalePlanError(msg)
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with (
        closing(progress),
        opened(manifest, [label], clock=clock, progress=progress, writable=True) as world,
    ):
        if world.lease is not None:
            world.lease.acquire()
        # From here a signal must not leave a secret half delivered.
        drain(RunControl(clock=clock), clock)
        return recover(world, sealed.secret, sealed.receipt)
