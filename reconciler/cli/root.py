"""The root command: global options, and subcommands that are imported only when they run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import click
from click.shell_completion import CompletionItem

from reconciler.cli.session import Session
from reconciler.cli.version import TOOL

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMANDS: Final[Mapping[str, str]] = {
    "init": "Write a starter set: settings, a key file, workflows.",
    "validate": "Check settings and key files, offline.",
    "plan": "Show what apply would do; reads only.",
    "apply": "Do what was reviewed.",
    "verify-plan": "Derive a saved plan again, offline.",
    "drift": "Exit with 2 when keys are not as declared; reads only.",
    "status": "Show usage, caps, expiry and custody of every key.",
    "calendar": "Show what will happen to keys, and when.",
    "import": "Write declarations for the keys that an account has.",
    "rotate": "Ask for new secrets, in the key files.",
    "disable": "Switch keys off at once.",
    "verify": "Ask the provider with the delivered keys themselves.",
    "github": "Show plans on GitHub, and keep track of drift there.",
    "gitlab": "Show plans on merge requests of GitLab.",
    "recover": "Deliver a secret that was sealed in escrow.",
    "audit": "Show an audit trail, and check that it is whole.",
    "doctor": "Check credentials, accounts and sinks before they fail.",
    "schema": "Print a JSON Schema for editors and other programs.",
    "sandbox": "Serve a local simulator of the provider.",
    "demo": "Show the whole story against the sandbox.",
}
"""Short helps by name, so that listing the commands imports none of them."""


class LazyGroup(click.Group):
    """A group whose commands live in one module each.

    Attributes:
        table: short helps by name, so that listing the commands imports none of them.
        package: where the modules are.
    """

    table: ClassVar[Mapping[str, str]] = COMMANDS
    package: ClassVar[str] = "reconciler.cli.commands"

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of use."""
        del ctx
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of a command."""
        del ctx
        if cmd_name not in self.table:
            return None
        # `import` is a word of Python, so its module cannot have that name.
        module = "import_keys" if cmd_name == "import" else cmd_name.replace("-", "_")
        command = import_module(f"{self.package}.{module}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(self.table.items()))

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete names without importing them."""
        offers = self.table.items()
        own = [CompletionItem(name, help=text) for name, text in offers if name.startswith(incomplete)]
        return own + click.Command.shell_complete(self, ctx, incomplete)


def _version(ctx: click.Context, _: click.Parameter, value: object) -> None:
    if value and not ctx.resilient_parsing:
        click.echo(TOOL)
        ctx.exit()


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("reconciler.yaml"),
    show_default=True,
    help="The settings file.",
)
@click.option("--no-color", is_flag=True, help="No colours, not even on a terminal.")
@click.option("-v", "--verbose", count=True, help="Log what happens to stderr; -vv logs more.")
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_version, help="Print the version."
)
@click.pass_context
def root(ctx: click.Context, config: Path, *, no_color: bool, verbose: int) -> None:
    """LLM gateway API keys as code: declare them in Git, review the plan, apply it on merge."""
    from reconciler.cli.logs import set_up_logging

    set_up_logging(verbose)
    ctx.obj = Session(config=config, no_color=no_color)
