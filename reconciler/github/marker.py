"""The hidden first line by which this program knows its own comments and issues again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_STACK: Final = "default"
"""The name of settings that are alone in their repository; it is not shown."""

DEFAULT_LOGIN: Final = "github-actions[bot]"
"""Who the GITHUB_TOKEN of a workflow is."""

_STACK: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,49}")
_HIDING: Final = "--"


@dataclass(frozen=True, slots=True, kw_only=True)
class Marker:
    """Which of our texts something is.

    Attributes:
        kind: `plan`, `apply` or `drift`.
        stack: tells several sets of settings in one repository apart.

    Raises:
        UsageError: when the stack is no plain word.
    """

    kind: str
    stack: str

    def __post_init__(self) -> None:
        """Check the stack, which a line of HTML must be able to hold."""
        # Two dashes would end the HTML comment that the marker is.
        if not _STACK.fullmatch(self.stack) or _HIDING in self.stack or self.stack.endswith("-"):
            msg = "--stack must be a word of letters, digits, dots, underscores and single dashes, at most 50"
            raise UsageError(msg)

    @property
    def start(self) -> str:
        """What a text of this kind begins with."""
        return f"<!-- reconciler:v1 kind={self.kind} stack={self.stack} "

    def line(self, **facts: str) -> str:
        """Return the whole line, with some facts for whoever reads the source of the text."""
        return self.start + "".join(f"{name}={value} " for name, value in facts.items()) + "-->"

    def owns(self, row: Mapping[str, object], login: str) -> bool:
        """Tell whether a comment or issue is ours: anybody can write our marker, so its author counts too.

        Args:
            row: as GitHub lists it.
            login: what GitHub calls the holder of our token.
        """
        body, user = row.get("body"), row.get("user")
        author = user.get("login") if isinstance(user, dict) else None
        return isinstance(body, str) and body.startswith(self.start) and author == login
