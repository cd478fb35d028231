"""`reconciler verify`: is what the sinks hold the declared key, and does it work?"""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.options import formats, key_names
from reconciler.cli.session import pass_session
from reconciler.cli.terminal import write_result

if TYPE_CHECKING:
    from reconciler.cli.session import Session
    from reconciler.core.verification import Verified
    from reconciler.errors import ExitCode


@click.command("verify", short_help="Ask the provider with the delivered keys themselves.")
@key_names
@formats("text", "json")
@pass_session
def command(session: Session, *, names: tuple[str, ...], form: str) -> ExitCode:
    """Ask the provider with each delivered key whether it works and carries the declared caps.

    NAME is a declared name or a pattern; none means every key. Asked are keys whose sink can be read and
    whose provider answers keys; for all others the reason is shown. A key is used in memory only. Exit
    code 8 means that a sink holds a wrong or dead key, 2 that the right one differs from its declaration.
    """
    from reconciler.core.verification import exit_code
    from reconciler.render import verification

    results = _results(session, names)
    if form == "json":
        write_result(json.dumps([_document(item) for item in results], indent=2) + "\n")
    else:
        look = session.stdout
        write_result(
            verification.render_text(results, width=look.width, color=look.color, ascii_only=look.ascii_only)
        )
    return exit_code(results)


def _results(session: Session, names: tuple[str, ...]) -> list[Verified]:
    from reconciler.app.verify import verify_keys
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.options import scope_of
    from reconciler.cli.progress import StderrProgress
    from reconciler.cli.signals import quit_at_once
    from reconciler.cli.wiring import key_check_of, load, sink_of

    quit_at_once()
    clock = SystemClock()
    progress = StderrProgress(stream=sys.stderr, look=session.stderr, clock=clock)
    with ExitStack() as stack:
        stack.enter_context(closing(progress))
        manifest = load(session)
        scope = scope_of(manifest.desired, accounts=(), keys=names)
        keys = [key for key in manifest.desired.keys if key.deliver and scope.covers(key.name)]
        sinks = {}
        for name in sorted({item.sink for key in keys for item in key.deliver}):
            sinks[name] = stack.enter_context(closing(sink_of(manifest, name, clock=clock)))
        checks = {}
        for label in sorted({key.account for key in keys}):
            check = key_check_of(manifest, label, clock=clock, progress=progress)
            if check is not None:
                checks[label] = stack.enter_context(closing(check))
        return list(verify_keys(manifest.desired, keys, sinks=sinks, checks=checks))


def _document(item: Verified) -> dict[str, Any]:
    return {
        "address": item.address,
        "sink": item.sink,
        "entry": item.entry,
        "verdict": item.judged.verdict,
        "why": item.judged.why,
    }
