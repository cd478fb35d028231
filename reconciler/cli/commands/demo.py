"""`reconciler demo`: the whole story on real HTTP, in a scratch directory."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

import click

from reconciler.cli.commands.sandbox import require_sandbox
from reconciler.cli.terminal import write_result
from reconciler.errors import ExitCode


@click.command("demo", short_help="Show the whole story against the sandbox.")
@click.option("--keep", is_flag=True, help="Leave the scratch directory for a look around.")
def command(*, keep: bool) -> ExitCode:
    """Declare keys, plan, apply, drift and recover, against a sandbox on loopback.

    Needs no account and changes nothing outside a scratch directory. Exits with 0 only when every step
    went as told.
    """
    require_sandbox()
    from reconciler.cli.stage import Stage
    from reconciler.cli.story import TOKEN_VARIABLE, tell
    from reconciler.sandbox.server import SandboxServer

    begin = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="reconciler-demo-"))
    try:
        with SandboxServer() as sandbox:
            environment = {**os.environ, TOKEN_VARIABLE: sandbox.tokens["one"], "PYTHONIOENCODING": "utf-8"}
            stage = Stage(folder=folder, environment=environment)
            write_result(f"A sandbox of the QCode partner API listens on {sandbox.base_url}.\n")
            tell(stage, sandbox.base_url, sandbox.operator)
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
    place = f"The files are in {folder}." if keep else "The scratch directory is gone again."
    write_result(f"\nEverything went as told, in {time.monotonic() - begin:.0f} s. {place}\n")
    return ExitCode.OK
