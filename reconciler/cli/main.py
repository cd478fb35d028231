"""The console script: `main` raises, `entry` exits. Nothing heavy is imported before it is needed."""

from __future__ import annotations

import sys

from reconciler.cli.version import TOOL


def entry() -> None:
    """Run the program with the arguments of the process, and end the process with its exit code."""
    arguments = sys.argv[1:]
    if arguments == ["--version"]:
        sys.stdout.write(f"{TOOL}\n")
        return
    from reconciler.cli.failures import exit_code_of

    sys.exit(exit_code_of(lambda: main(arguments)))


def main(arguments: list[str]) -> int:
    """Run one command.

    Args:
        arguments: without the program's name.

    Returns:
        The exit code that the command decided on.

    Raises:
        ReconcilerError: what the user is meant to read.
        click.ClickException: the arguments make no sense.
    """
    from reconciler.cli.root import root

    code = root.main(arguments, prog_name="reconciler", standalone_mode=False)
    return int(code or 0)
