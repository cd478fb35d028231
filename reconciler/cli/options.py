"""Options that several commands share, with their shell completion."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import click
from click.shell_completion import CompletionItem

from reconciler.errors import ReconcilerError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.core.model import DesiredState
    from reconciler.core.plan import Scope

P = ParamSpec("P")
R = TypeVar("R")

_DURATION: Final = re.compile(
    r"(?:(?P<days>[0-9]{1,4})d)?(?:(?P<hours>[0-9]{1,4})h)?(?:(?P<minutes>[0-9]{1,5})m)?(?:(?P<seconds>[0-9]{1,6})s)?"
)


class Duration(click.ParamType[timedelta]):
    """A time span like `90s`, `20m`, `1h30m` or `7d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Return the span, which is longer than nothing."""
        if isinstance(value, timedelta):
            return value
        found = _DURATION.fullmatch(str(value))
        span = (
            timedelta(**{unit: int(text) for unit, text in found.groupdict("0").items()}) if found else None
        )
        if not span:
            self.fail("write it like 90s, 20m, 1h30m or 7d", param, ctx)
        return span


def formats(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return the `--format` option; the first name is the default."""
    return click.option(
        "--format",
        "form",
        type=click.Choice(names),
        default=names[0],
        show_default=True,
        help="How the result is written to stdout.",
    )


def since(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--since`."""
    option = click.option(
        "--since",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        help="An observed state of 1 to 30 days ago: how fast keys spend is read from it.",
    )
    return option(command)


def account_labels(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--account`."""
    option = click.option(
        "--account",
        "accounts",
        metavar="LABEL",
        multiple=True,
        shell_complete=_accounts,
        help="Only this account; repeatable.",
    )
    return option(command)


def one_account(command: Callable[P, R]) -> Callable[P, R]:
    """Add the argument ACCOUNT."""
    return click.argument("account", shell_complete=_accounts)(command)


def key_names(command: Callable[P, R]) -> Callable[P, R]:
    """Add any number of arguments NAME."""
    return click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=_keys)(command)


def scoped(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--account` and `--key`."""
    keys = click.option(
        "--key",
        "keys",
        metavar="GLOB",
        multiple=True,
        shell_complete=_keys,
        help="Only keys whose name matches; repeatable.",
    )
    return account_labels(keys(command))


def scope_of(desired: DesiredState, *, accounts: tuple[str, ...], keys: tuple[str, ...]) -> Scope:
    """Return the part of the declarations that the options ask for.

    Raises:
        UsageError: when an option matches nothing, which is a typing mistake more often than not.
    """
    from reconciler.core.plan import Scope

    for label in accounts:
        if label not in desired.accounts:
            known = ", ".join(sorted(desired.accounts))
            msg = f"there is no account {label!r}; the accounts are {known}"
            raise UsageError(msg)
    for pattern in keys:
        one = Scope(keys=(pattern,))
        if not any(one.covers(key.name) for key in desired.keys):
            msg = f"no declared key matches {pattern!r}; correct --key"
            raise UsageError(msg)
    return Scope(accounts=tuple(sorted(set(accounts))), keys=tuple(sorted(set(keys))))


def _accounts(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del param
    desired = _desired(ctx)
    return _items(sorted(desired.accounts) if desired else (), incomplete)


def _keys(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del param
    desired = _desired(ctx)
    return _items(sorted({key.name for key in desired.keys}) if desired else (), incomplete)


def _items(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]


def _desired(ctx: click.Context) -> DesiredState | None:
    """Return what is declared, read offline; nothing where it cannot be read, since Tab must not complain."""
    from reconciler.cli.session import Session
    from reconciler.cli.wiring import load

    parent = ctx.find_root()
    config = parent.params.get("config") or Path("reconciler.yaml")
    try:
        return load(Session(config=config)).desired
    except (ReconcilerError, OSError):
        return None
