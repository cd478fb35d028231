"""The few calls of GitHub's REST API that this program makes (GitHub docs: REST API, version 2022-11-28)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, DeferredError, GithubError, GithubUnverifiedError
from reconciler.transport.bearer import bearer
from reconciler.transport.client import ApiClient, Call, Peer, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from reconciler.ports.clock import Clock
    from reconciler.transport.client import ApiAnswer

PEER: Final = Peer(name="GitHub", failed=GithubError, unverified=GithubUnverifiedError)
_HEADERS: Final = {"Accept": "application/vnd.github+json", "X-GitHub-Api-Version": "2022-11-28"}
# Bodies have up to 65,536 characters, and more than 5 MB of answer is refused.
_PAGE: Final = 15
_MOST_PAGES: Final = 200
_PAUSE_SECONDS: Final = 60.0
_SECONDARY: Final = "secondary rate limit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Github:
    """One repository.

    Args:
        http: of the API.
        token: that is sent with every request.
        repository: owner, slash, name.
        clock: for the waits that GitHub asks for in words only.
    """

    http: ApiClient
    token: Secret
    repository: str
    clock: Clock

    @classmethod
    def connect(cls, *, api_url: str, token: Secret, repository: str, clock: Clock) -> Self:
        """Return the repository at an address.

        Raises:
            UsageError: when the address is neither https nor this machine.
        """
        http = ApiClient(api_url, peer=PEER, clock=clock)
        return cls(http=http, token=token, repository=repository, clock=clock)

    def comments(self, number: int) -> Iterator[dict[str, Any]]:
        """Yield the comments of a pull request or issue, oldest first."""
        return self._rows(self._path("issues", str(number), "comments"), {})

    def add_comment(self, number: int, body: str) -> dict[str, Any]:
        """Write a new comment and return it."""
        return self._write("POST", self._path("issues", str(number), "comments"), {"body": body})

    def edit_comment(self, comment: int, body: str) -> None:
        """Replace the text of a comment."""
        self._write("PATCH", self._path("issues", "comments", str(comment)), {"body": body})

    def issues(self, *, label: str) -> Iterator[dict[str, Any]]:
        """Yield the issues with a label, open and closed, the latest change first; pull requests are none."""
        query = {"labels": label, "state": "all", "sort": "updated", "direction": "desc"}
        rows = self._rows(self._path("issues"), query)
        return (row for row in rows if "pull_request" not in row)

    def add_issue(self, title: str, body: str, *, label: str) -> dict[str, Any]:
        """Open an issue and return it."""
        return self._write("POST", self._path("issues"), {"title": title, "body": body, "labels": [label]})

    def edit_issue(self, number: int, **changes: str) -> None:
        """Change an issue."""
        self._write("PATCH", self._path("issues", str(number)), changes)

    def add_check_run(self, **values: Any) -> dict[str, Any]:
        """Write a check run and return it; the token has to be one of an App, as GITHUB_TOKEN is."""
        return self._write("POST", self._path("check-runs"), values)

    def check_runs(self, sha: str, *, name: str, app_id: int) -> list[dict[str, Any]]:
        """Return the check runs of a name that an App has written for a commit."""
        path = self._path("commits", sha, "check-runs")
        query = {"check_name": name, "app_id": str(app_id), "filter": "all"}
        return list(self._rows(path, query, member="check_runs"))

    def pull_requests_of(self, sha: str) -> list[dict[str, Any]]:
        """Return the pull requests that brought a commit."""
        return list(self._rows(self._path("commits", sha, "pulls"), {}))

    def reviews(self, number: int) -> list[dict[str, Any]]:
        """Return the reviews of a pull request, oldest first."""
        return list(self._rows(self._path("pulls", str(number), "reviews"), {}))

    def commit(self, sha: str) -> dict[str, Any]:
        """Return a commit, with its tree and its parents."""
        call = Call(method="GET", path=self._path("git", "commits", sha), headers=_HEADERS)
        return self._send(call).document()

    def add_tree(self, base: str, files: Mapping[str, str]) -> str:
        """Store a tree that has other contents of some files than another tree; return its id."""
        rows = [
            {"path": path, "mode": "100644", "type": "blob", "content": text} for path, text in files.items()
        ]
        values = {"base_tree": base, "tree": rows}
        # The same contents are the same object, so that doing it twice is doing it once.
        return str(self._write("POST", self._path("git", "trees"), values, repeatable=True)["sha"])

    def add_commit(self, message: str, *, tree: str, parent: str) -> str:
        """Store a commit that no branch has yet; return its id."""
        values = {"message": message, "tree": tree, "parents": [parent]}
        return str(self._write("POST", self._path("git", "commits"), values, repeatable=True)["sha"])

    def branch(self, name: str) -> str | None:
        """Return the commit that a branch is at; None when there is no such branch."""
        # Asked this way, GitHub lists every branch whose name begins so, and a missing one is no error.
        rows = self._rows(self._path("git", "matching-refs", "heads", name), {})
        return next((str(row["object"]["sha"]) for row in rows if row["ref"] == f"refs/heads/{name}"), None)

    def add_branch(self, name: str, sha: str) -> None:
        """Make a branch."""
        self._write("POST", self._path("git", "refs"), {"ref": f"refs/heads/{name}", "sha": sha})

    def move_branch(self, name: str, sha: str) -> None:
        """Move a branch, whatever it was at."""
        path = self._path("git", "refs", "heads", name)
        self._write("PATCH", path, {"sha": sha, "force": True})

    def open_pull_requests(self, *, branch: str, base: str) -> list[dict[str, Any]]:
        """Return the open pull requests from a branch of this repository into another one."""
        owner = self.repository.split("/")[0]
        query = {"state": "open", "head": f"{owner}:{branch}", "base": base}
        return list(self._rows(self._path("pulls"), query))

    def add_pull_request(self, **values: str) -> dict[str, Any]:
        """Open a pull request and return it."""
        return self._write("POST", self._path("pulls"), values)

    def edit_pull_request(self, number: int, **changes: str) -> None:
        """Change a pull request."""
        self._write("PATCH", self._path("pulls", str(number)), changes)

    def close(self) -> None:
        """Release connections."""
        self.http.close()

    def _path(self, *segments: str) -> str:
        return path_of("repos", *self.repository.split("/"), *segments)

    def _rows(
        self, path: str, query: Mapping[str, str], *, member: str | None = None
    ) -> Iterator[dict[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            call = Call(
                method="GET",
                path=path,
                query={**query, "per_page": str(_PAGE), "page": str(page)},
                headers=_HEADERS,
            )
            rows = self._send(call).json()
            if member is not None:
                rows = rows.get(member) if isinstance(rows, dict) else None
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                msg = f"{call}: the answer is no list; check that GITHUB_API_URL is GitHub's API"
                raise GithubError(msg)
            yield from rows
            if len(rows) < _PAGE:
                return
        # Going on with a part could mean a second comment, or a review that nobody saw.
        msg = f"GET {path}: more than {_PAGE * _MOST_PAGES} entries; this program does not read so many"
        raise GithubError(msg)

    def _write(
        self, method: str, path: str, values: Mapping[str, Any], *, repeatable: bool = False
    ) -> dict[str, Any]:
        call = Call(
            method=method,
            path=path,
            headers=_HEADERS,
            body=Secret(json.dumps(values)),
            repeatable=repeatable or method == "PATCH",
        )
        return self._send(call).document()

    def _send(self, call: Call) -> ApiAnswer:
        answer = self.http.send(call, {"Authorization": bearer(self.token)})
        if self._too_fast(answer):
            # Documented: wait a minute where neither a header nor the limit tells how long.
            answer = self._again(call)
        if not answer.ok:
            raise _error(answer)
        return answer

    def _again(self, call: Call) -> ApiAnswer:
        if self.clock.sleep(_PAUSE_SECONDS):
            answer = self.http.send(call, {"Authorization": bearer(self.token)})
            if not self._too_fast(answer):
                return answer
        msg = f"{call}: GitHub asks to wait; nothing was done; run again in some minutes"
        raise DeferredError(msg)

    @staticmethod
    def _too_fast(answer: ApiAnswer) -> bool:
        return answer.status == HTTPStatus.FORBIDDEN and answer.mentions(_SECONDARY)


def _error(answer: ApiAnswer) -> Exception:
    """Return the error for an answer that says no; the one place where GitHub's statuses get words."""
    if answer.status == HTTPStatus.UNAUTHORIZED:
        return CredentialsError(
            f"{answer}; GitHub refuses the token; it has expired or is no token of this GitHub"
        )
    if answer.status == HTTPStatus.FORBIDDEN:
        return CredentialsError(
            f"{answer}; the token lacks a permission: give the job pull-requests, issues or checks: write "
            "(docs/github.md has the list); runs of forks and of Dependabot never have it"
        )
    if answer.status == HTTPStatus.NOT_FOUND:
        return answer.error("there is no such thing, or the token cannot see it; check its permissions")
    if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return answer.error("GitHub does not take these values; check that the commit is in this repository")
    return answer.error("GitHub refused it; look at its status page, then run again")
