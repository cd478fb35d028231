"""One comment for each pull request and one issue for drift: found again, and edited in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.errors import GithubError, GithubUnverifiedError
from reconciler.github.client import PEER
from reconciler.github.pages import drift_title
from reconciler.transport.client import as_documented

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.github.client import Github
    from reconciler.github.marker import Marker


@as_documented(PEER)
def put_comment(
    github: Github, number: int, body: str, *, marker: Marker, login: str, create: bool = True
) -> str:
    """Write our comment, or edit the one that there is; return what was done, in one word.

    Args:
        github: the repository.
        number: of the pull request.
        body: that begins with the marker.
        marker: of the comment.
        login: what GitHub calls the holder of our token.
        create: without it, a comment is edited where there is one, and none is written anew.

    Raises:
        GithubError: when GitHub does not take it, or the login is another one.
    """
    found = _own(github.comments(number), marker, login)
    if found is not None:
        github.edit_comment(int(found["id"]), body)
        return "edited"
    if not create:
        return "nothing to say"
    _once(
        lambda: github.add_comment(number, body),
        lambda: _own(github.comments(number), marker, login),
        login,
    )
    return "written"


@as_documented(PEER)
def report_drift(github: Github, body: str, *, marker: Marker, login: str, label: str) -> str:
    """Open the issue about drift, or bring the one that there is up to date; return what was done."""
    found = _issue(github, marker, login, label)
    if found is None:
        title = drift_title(marker.stack)
        _once(
            lambda: github.add_issue(title, body, label=label),
            lambda: _issue(github, marker, login, label),
            login,
        )
        return "opened"
    closed = found["state"] == "closed"
    github.edit_issue(int(found["number"]), body=body, **({"state": "open"} if closed else {}))
    return "opened again" if closed else "updated"


@as_documented(PEER)
def close_drift(github: Github, body: str, *, marker: Marker, login: str, label: str) -> str:
    """Close the issue about drift, if one is open; return what was done."""
    found = _issue(github, marker, login, label)
    if found is None or found["state"] == "closed":
        return "nothing to close"
    github.edit_issue(int(found["number"]), body=body, state="closed", state_reason="completed")
    return "closed"


def _issue(github: Github, marker: Marker, login: str, label: str) -> dict[str, Any] | None:
    rows = [row for row in github.issues(label=label) if marker.owns(row, login)]
    # An open one first: somebody may have opened a second one again.
    return min(rows, key=lambda row: (row["state"] != "open", int(row["number"])), default=None)


def _own(rows: Iterable[dict[str, Any]], marker: Marker, login: str) -> dict[str, Any] | None:
    return next((row for row in rows if marker.owns(row, login)), None)


def _once(
    write: Callable[[], Mapping[str, Any]], look: Callable[[], Mapping[str, Any] | None], login: str
) -> None:
    """Write something new that must not be written twice."""
    try:
        made = write()
    except GithubUnverifiedError:
        if look() is None:
            raise
        return
    author = (made.get("user") or {}).get("login")
    if author != login:
        msg = (
            f"GitHub calls the holder of this token {_shown(author)} and not {_shown(login)}, so the next "
            "run would not find what this one wrote; give the name with --login"
        )
        raise GithubError(msg)


def _shown(login: object) -> str:
    text = str(login)
    return (
        text if text.replace("[bot]", "").replace("-", "").isalnum() and text.isascii() else "somebody else"
    )
