"""`reconciler rotate`: ask for new secrets, in the key files."""

from __future__ import annotations

import sys
from contextlib import closing
from datetime import timedelta
from typing import TYPE_CHECKING

import click

from reconciler.cli.options import Duration
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import explain, write_result
from reconciler.errors import ExitCode, ReconcilerError, SafetyError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.cli.declaration_edits import FileEdit
    from reconciler.cli.session import Session
    from reconciler.core.model import DesiredKey, DesiredState
    from reconciler.manifest.settings import Manifest


@click.command("rotate", short_help="Ask for new secrets, in the key files.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--due", is_flag=True, help="Rotate the keys whose `rotate_every` is over; reads accounts and sinks."
)
@click.option("--within", type=Duration(), help="With --due: look this far ahead, like 7d.")
@click.option("--now", is_flag=True, help="No overlap: the old key goes as soon as the new one works.")
@click.option("--print", "only_print", is_flag=True, help="Print the patch and leave the files as they are.")
@pass_session
def command(
    session: Session,
    *,
    names: tuple[str, ...],
    due: bool,
    within: timedelta | None,
    now: bool,
    only_print: bool,
) -> ExitCode:
    """Raise `generation` of the keys NAME in their files, and print the change as a patch.

    Nothing happens at a provider: the change is reviewed, and its apply mints the new key, delivers it,
    and retires the old one after `overlap`. With --now, which is for a leaked key, it is retired at once.
    """
    from reconciler.cli.declaration_edits import keys_named
    from reconciler.cli.wiring import load

    if bool(names) == due or (within is not None and not due):
        msg = "name the keys to rotate, or say --due, which alone takes --within"
        raise UsageError(msg)
    manifest = load(session)
    if due:
        edits = edits_of_due(session, manifest, within or timedelta(0))
    else:
        edits = _edits(manifest, keys_named(manifest.desired, names), now=now)
    write_result("".join(edit.patch for edit in edits))
    if not edits:
        explain("no key is due for rotation\n")
    elif not only_print:
        for edit in edits:
            edit.write()
        explain(f"changed {', '.join(edit.file for edit in edits)}; next: commit it and have it reviewed\n")
    return ExitCode.OK


def edits_of_due(session: Session, manifest: Manifest, within: timedelta) -> list[FileEdit]:
    """Return the edits that rotate the keys which are due, now or within some time."""
    found = []
    for key in _due(session, manifest, within):
        try:
            _check(manifest.desired, key)
        except ReconcilerError as error:
            # A schedule goes on with the others; whoever named a key is told by the exit code.
            explain(f"passed over: {error}\n")
        else:
            found.append(key)
    return _edits(manifest, found, now=False)


def _edits(manifest: Manifest, keys: list[DesiredKey], *, now: bool) -> list[FileEdit]:
    from reconciler.cli.declaration_edits import edits_of

    for key in keys:
        _check(manifest.desired, key)
    return edits_of([(key, _changes(key, now=now)) for key in keys])


def _changes(key: DesiredKey, *, now: bool) -> Mapping[str, int | bool | str]:
    raised = {"generation": key.lifecycle.generation + 1}
    return {**raised, "overlap": "0s"} if now else raised


def _check(desired: DesiredState, key: DesiredKey) -> None:
    """Refuse what the plan would refuse later.

    Raises:
        SafetyError: when the key is protected.
        UsageError: when there is nothing to mint, or nowhere to put it.
    """
    from reconciler.core.diff import shielded

    if key.lifecycle.protected:
        msg = f"{key.address} is protected; remove `protected` at {key.mark.file}:{key.mark.line} first"
        raise SafetyError(msg)
    if shielded(key.address, desired.limits):
        msg = f"{key.address} is protected; take it out of `safety.protected` first"
        raise SafetyError(msg)
    if key.owner_left:
        msg = f"{key.address} belongs to nobody in `policy.owners`; give it a listed owner first"
        raise UsageError(msg)
    if key.lifecycle.absent or not key.deliver:
        why = "declared absent" if key.lifecycle.absent else "delivered to no sink"
        msg = f"{key.address} is {why}, so there is no secret to replace; change that first"
        raise UsageError(msg)
    if not desired.accounts[key.account].capabilities.mintable:
        msg = f"{key.address}: its provider creates no keys; rotate it there"
        raise UsageError(msg)


def _due(session: Session, manifest: Manifest, within: timedelta) -> list[DesiredKey]:
    """Return the keys that are due; accounts without a key to rotate are not read."""
    from reconciler.app.rotation import due_rotations
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.progress import StderrProgress
    from reconciler.cli.signals import quit_at_once
    from reconciler.cli.wiring import collection_paused, opened

    quit_at_once()
    clock = SystemClock()
    labels = {key.account for key in manifest.desired.keys if key.lifecycle.rotate_every}
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with (
        collection_paused(),
        closing(progress),
        opened(manifest, labels, clock=clock, progress=progress, writable=False) as world,
    ):
        return [found.key for found in due_rotations(world, within=within)]
