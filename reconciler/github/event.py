"""Which commit and pull request a workflow run is about, and how far it may be trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Reader = Callable[[Mapping[str, Any], Mapping[str, str]], "Context"]

_REPOSITORY: Final = re.compile(r"[A-Za-z0-9-]{1,100}/[A-Za-z0-9._-]{1,100}")
_COMMIT: Final = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_BRANCH: Final = "refs/heads/"
_QUEUED: Final = re.compile(r"refs/heads/gh-readonly-queue/.+/pr-([1-9][0-9]{0,9})-[0-9a-f]{40,64}")
_DEPENDABOT: Final = "dependabot[bot]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a workflow run is about.

    Attributes:
        event: GitHub's name of what started the run.
        repository: owner, slash, name.
        sha: the commit; of a pull request its head, not the merge that GitHub tries out.
        branch: that was pushed, or that a pull request is to be merged into.
        pull_request: its number.
        restricted: why GitHub gives this run no secrets and a token that only reads; empty for others.
    """

    event: str
    repository: str
    sha: str
    branch: str | None = None
    pull_request: int | None = None
    restricted: str = ""

    @property
    def is_fork(self) -> bool:
        """Whether a pull request comes from another repository."""
        return self.restricted == FORK


FORK: Final = "the pull request comes from a fork"
DEPENDABOT: Final = "the pull request comes from Dependabot"


def context_of(event: str, payload: Mapping[str, Any], environ: Mapping[str, str]) -> Context:
    """Return what a run is about (GitHub docs: events that trigger workflows; webhook payloads).

    Args:
        event: the value of GITHUB_EVENT_NAME.
        payload: the document at GITHUB_EVENT_PATH.
        environ: for GITHUB_REPOSITORY, GITHUB_SHA and GITHUB_REF, which a payload may lack.

    Raises:
        UsageError: for an event that this program does not serve, or a payload without what its kind has.
    """
    try:
        return _READERS[event](payload, environ)
    except KeyError as error:
        if event in _READERS:
            msg = f"the payload of {event} lacks {error}; run this in a workflow, and leave the file as it is"
            raise UsageError(msg) from None
    except (TypeError, ValueError, AttributeError):
        msg = f"the payload of {event} has not the form that GitHub documents; run this in a workflow"
        raise UsageError(msg) from None
    if event == "pull_request_target":
        msg = (
            "pull_request_target runs with the rights of the base and is refused here; "
            "use pull_request, which plans branches and validates forks"
        )
        raise UsageError(msg)
    msg = f"this event is not served here; the served ones are {', '.join(_READERS)}"
    raise UsageError(msg)


def _pull_request(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Context:
    pull = payload["pull_request"]
    head, base = pull["head"], pull["base"]
    # The head's repository is null once a fork was deleted.
    fork = head["repo"] is None or head["repo"]["id"] != base["repo"]["id"]
    dependabot = _DEPENDABOT in {pull["user"]["login"], payload.get("sender", {}).get("login")}
    return Context(
        event="pull_request",
        repository=_repository(base["repo"]["full_name"], environ),
        sha=_commit(head["sha"]),
        branch=str(base["ref"]),
        pull_request=_number(pull["number"]),
        restricted=FORK if fork else DEPENDABOT if dependabot else "",
    )


def _merge_group(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Context:
    group = payload["merge_group"]
    queued = _QUEUED.fullmatch(group["head_ref"])
    return Context(
        event="merge_group",
        repository=_repository(payload["repository"]["full_name"], environ),
        sha=_commit(group["head_sha"]),
        branch=str(group["base_ref"]).removeprefix(_BRANCH),
        pull_request=int(queued[1]) if queued else None,
    )


def _push(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Context:
    return Context(
        event="push",
        repository=_repository(payload["repository"]["full_name"], environ),
        sha=_commit(payload["after"]),
        branch=_branch(payload["ref"]),
    )


def _from_environment(event: str) -> Reader:
    def read(payload: Mapping[str, Any], environ: Mapping[str, str]) -> Context:
        # A schedule has no documented payload, and a dispatch names no commit.
        named = payload.get("repository", {}).get("full_name") or environ["GITHUB_REPOSITORY"]
        return Context(
            event=event,
            repository=_repository(named, environ),
            sha=_commit(environ["GITHUB_SHA"]),
            branch=_branch(environ.get("GITHUB_REF", "")),
        )

    return read


def _repository(name: str, environ: Mapping[str, str]) -> str:
    known = environ.get("GITHUB_REPOSITORY") or name
    # A payload of somewhere else would send comments, and the token with them, there.
    if not _REPOSITORY.fullmatch(name) or name.lower() != known.lower():
        msg = "another repository than GITHUB_REPOSITORY"
        raise ValueError(msg)
    return name


def _commit(text: str) -> str:
    if not _COMMIT.fullmatch(text) or not text.strip("0"):
        msg = "no commit"
        raise ValueError(msg)
    return text


def _branch(ref: str) -> str | None:
    return ref.removeprefix(_BRANCH) if ref.startswith(_BRANCH) else None


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        msg = "no number"
        raise ValueError(msg)
    return value


_READERS: Final[Mapping[str, Reader]] = {
    "pull_request": _pull_request,
    "merge_group": _merge_group,
    "push": _push,
    "schedule": _from_environment("schedule"),
    "workflow_dispatch": _from_environment("workflow_dispatch"),
}
