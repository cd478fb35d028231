"""Options that several of the commands for GitHub share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import click

from reconciler.github.marker import DEFAULT_LOGIN, DEFAULT_STACK

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

ACTIONS_APP: Final = 15_368
"""The App behind every GITHUB_TOKEN on github.com; an Enterprise Server has a number of its own."""

FILE: Any = click.Path(exists=True, dir_okay=False, path_type=Path)
"""A file that another command wrote."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """Whose check run is asked for, and how.

    Attributes:
        stack: of the settings.
        token_variable: name of the variable that holds the token for GitHub.
        login: what GitHub calls the holder of the token.
        app_id: of the only App whose check runs count.
    """

    stack: str
    token_variable: str
    login: str
    app_id: int


def sending(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--stack` and `--token-env`."""
    token = click.option(
        "--token-env",
        "token_variable",
        metavar="VARIABLE",
        default="GITHUB_TOKEN",
        show_default=True,
        help="The variable that holds the token for GitHub.",
    )
    return stack(token(command))


def stack(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--stack`."""
    return click.option(
        "--stack",
        metavar="NAME",
        default=DEFAULT_STACK,
        show_default=True,
        help="Tells several settings files in one repository apart.",
    )(command)


def login(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--login`."""
    return click.option(
        "--login",
        metavar="NAME",
        default=DEFAULT_LOGIN,
        show_default=True,
        help="What GitHub calls the token's holder; only its own texts are edited.",
    )(command)


def exit_code(command: Callable[P, R]) -> Callable[P, R]:
    """Add `--exit-code`."""
    return click.option(
        "--exit-code",
        "code",
        type=click.IntRange(0, 255),
        default=0,
        metavar="CODE",
        help="What the command before ended with.",
    )(command)


def reviewed_by_check(command: Callable[..., R]) -> Callable[..., R]:
    """Add `--expect-from-check` with what belongs to it; the command gets it as `question`."""

    @wraps(command)
    def asking(*args: Any, question: Question, from_check: bool, **others: Any) -> R:
        return command(*args, question=question if from_check else None, **others)

    return questioning(asking)


def questioning(command: Callable[..., R]) -> Callable[..., R]:
    """Add the same options; the command gets `question` in any case, and the flag as `from_check`."""

    @wraps(command)
    def asking(*args: Any, stack: str, token_variable: str, login: str, app_id: int, **others: Any) -> R:
        question = Question(stack=stack, token_variable=token_variable, login=login, app_id=app_id)
        return command(*args, question=question, **others)

    flag = click.option(
        "--expect-from-check",
        "from_check",
        is_flag=True,
        help="Refuse any plan but the approved one of the merged pull request (GitHub).",
    )
    app = click.option(
        "--check-app",
        "app_id",
        type=click.IntRange(1),
        metavar="ID",
        default=ACTIONS_APP,
        show_default=True,
        help="The only App whose check run counts.",
    )
    return flag(app(login(sending(asking))))
