"""`reconciler sandbox`: the simulator in the foreground."""

from __future__ import annotations

import shlex
from importlib.util import find_spec

import click

from reconciler.cli.terminal import explain, write_result
from reconciler.errors import ExitCode, UsageError


def require_sandbox() -> None:
    """Make sure that the optional dependencies are there.

    Raises:
        UsageError: with the line that installs them.
    """
    if missing := [name for name in ("starlette", "uvicorn") if find_spec(name) is None]:
        # Not the extra by the name of this package: under that name others may publish.
        msg = f"the sandbox needs more packages; run: pip install {' '.join(missing)}"
        raise UsageError(msg)


@click.command("sandbox", short_help="Serve a local simulator of the provider.")
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option("--port", type=click.IntRange(0, 65535), help="0 takes a free one.  [default: 8720]")
@click.option("--db", default=":memory:", show_default=True, help="SQLite file to keep everything in.")
@click.option("--quiet", is_flag=True, help="Print nothing.")
def command(*, host: str, port: int | None, db: str, quiet: bool) -> ExitCode:
    """Serve a local simulator of the provider until SIGINT or SIGTERM.

    The lines on stdout set its address and the tokens of its accounts in a shell. Keys and tokens of the
    sandbox are worthless everywhere else.
    """
    require_sandbox()
    from reconciler.sandbox.server import DEFAULT_PORT, run

    def ready(base_url: str, tokens: dict[str, str]) -> None:
        if not quiet:
            write_result("".join(f"export {line}\n" for line in environment(base_url, tokens)))
            explain(f"sandbox on {base_url}; stop it with Ctrl-C\n")

    run(host, DEFAULT_PORT if port is None else port, db, on_ready=ready)
    return ExitCode.OK


def environment(base_url: str, tokens: dict[str, str]) -> list[str]:
    """Return the variables that the examples read, as `NAME=value`."""
    named = {"SANDBOX_URL": base_url} | {token_variable(label): token for label, token in tokens.items()}
    return [f"{name}={shlex.quote(value)}" for name, value in named.items()]


def token_variable(label: str) -> str:
    """Return the variable that holds the token of a sandbox account."""
    return f"SANDBOX_{label.upper().replace('-', '_')}_TOKEN"
