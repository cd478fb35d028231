"""What the runner tells a command: the event, the files to write to, and the token."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.cli.terminal import explain
from reconciler.core.model import SourceMark
from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import UsageError
from reconciler.github.event import context_of
from reconciler.github.pages import Origin
from reconciler.manifest.source_files import MEGABYTE, display_name, read_regular

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.core.secret import Secret
    from reconciler.github.client import Github
    from reconciler.github.event import Context

DEFAULT_API: Final = "https://api.github.com"
MOST_MB: Final = 64
_MOST_OF_EVENT: Final = 25 * MEGABYTE


@dataclass(frozen=True, slots=True, kw_only=True)
class Runner:
    """The run that a command is part of.

    Attributes:
        context: what it is about.
        origin: the last line of every text.
    """

    context: Context
    origin: Origin

    @property
    def silent(self) -> bool:
        """Whether nothing may be sent; says so, because a missing comment should surprise nobody."""
        if self.context.restricted:
            explain(f"nothing is sent to GitHub: {self.context.restricted}; see the step summary\n")
        return bool(self.context.restricted)


def this_run() -> Runner:
    """Return what the runner says about this run.

    Raises:
        UsageError: outside a workflow, or for an event that is not served.
    """
    event, path = os.environ.get("GITHUB_EVENT_NAME", ""), os.environ.get("GITHUB_EVENT_PATH", "")
    if not event or not path:
        msg = "GITHUB_EVENT_NAME and GITHUB_EVENT_PATH are not set; run this in a workflow of GitHub"
        raise UsageError(msg)
    context = context_of(event, _payload(Path(path)), os.environ)
    return Runner(context=context, origin=Origin.of(context, os.environ))


@contextmanager
def connected(context: Context, token_variable: str) -> Iterator[Github]:
    """Connect to the repository that a run is about.

    Args:
        context: of the run.
        token_variable: name of the variable that holds the token.

    Raises:
        ManifestError: when the variable holds no token.
        UsageError: when GITHUB_API_URL is neither https nor this machine.
    """
    from reconciler.cli.clock import SystemClock
    from reconciler.cli.signals import quit_at_once
    from reconciler.cli.wiring import without_the_command_line_of_httpx

    without_the_command_line_of_httpx()
    from reconciler.github.client import Github

    quit_at_once()
    url = os.environ.get("GITHUB_API_URL") or DEFAULT_API
    token = _token(token_variable)
    github = Github.connect(api_url=url, token=token, repository=context.repository, clock=SystemClock())
    try:
        yield github
    finally:
        github.close()


def read_file(path: Path) -> bytes:
    """Return a file that another command of this program wrote.

    Raises:
        UsageError: when it cannot be read.
    """
    shown = display_name(path)
    try:
        return read_regular(Path(os.path.realpath(path, strict=True)), MOST_MB * MEGABYTE)
    except OSError as error:
        msg = f"{shown} cannot be read ({error.strerror}); check the path"
        raise UsageError(msg) from None
    except ValueError as error:
        msg = f"{shown} {error}; name a file that this program wrote"
        raise UsageError(msg) from None


def appended_to(variable: str, text: str) -> None:
    """Append to the file that the runner names in a variable.

    Raises:
        UsageError: when the variable is not set.
        OSError: when the file cannot be written.
    """
    with file_of(variable).open("a", encoding="utf-8", newline="\n") as file:
        file.write(text)


def file_of(variable: str) -> Path:
    """Return the file that the runner names in a variable.

    Raises:
        UsageError: when the variable is not set.
    """
    path = os.environ.get(variable, "")
    if not path:
        msg = f"{variable} is not set; run this in a workflow of GitHub"
        raise UsageError(msg)
    return Path(path)


def _payload(path: Path) -> dict[str, Any]:
    try:
        found = parse(
            read_regular(Path(os.path.realpath(path, strict=True)), _MOST_OF_EVENT), odd_numbers="text"
        )
    except (OSError, BadJsonError, ValueError):
        found = None
    if not isinstance(found, dict):
        msg = "the file at GITHUB_EVENT_PATH is no event; leave it as the runner wrote it"
        raise UsageError(msg)
    return found


def _token(variable: str) -> Secret:
    from reconciler.manifest.credentials import read_secret
    from reconciler.manifest.settings import SecretSource

    mark = SourceMark(file="the token of GitHub", line=0, column=0)
    return read_secret(SecretSource(env=variable, mark=mark), os.environ)
