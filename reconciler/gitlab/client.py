"""The few calls of GitLab's REST API, version 4, that this program makes (GitLab docs: notes, users)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, GitlabError, GitlabUnverifiedError
from reconciler.transport.client import ApiClient, Call, Peer, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Self

    from reconciler.ports.clock import Clock
    from reconciler.transport.client import ApiAnswer

PEER: Final = Peer(name="GitLab", failed=GitlabError, unverified=GitlabUnverifiedError)
# A note has up to a million characters, and more than 5 MB of answer is refused.
_PAGE: Final = 20
_MOST_PAGES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Gitlab:
    """One merge request.

    Args:
        http: of the API.
        token: that is sent with every request; a job's own token may not write notes.
        project: its number.
        merge_request: its number within the project.
    """

    http: ApiClient
    token: Secret
    project: int
    merge_request: int

    @classmethod
    def connect(cls, *, api_url: str, token: Secret, project: int, merge_request: int, clock: Clock) -> Self:
        """Return the merge request at an address.

        Raises:
            UsageError: when the address is neither https nor this machine.
        """
        http = ApiClient(api_url, peer=PEER, clock=clock)
        return cls(http=http, token=token, project=project, merge_request=merge_request)

    def login(self) -> str:
        """Return what GitLab calls the holder of the token."""
        return str(self._send(Call(method="GET", path="/user")).document().get("username"))

    def notes(self) -> Iterator[dict[str, Any]]:
        """Yield the notes, oldest first."""
        for page in range(1, _MOST_PAGES + 1):
            query = {"sort": "asc", "order_by": "created_at", "per_page": str(_PAGE), "page": str(page)}
            call = Call(method="GET", path=self._notes(), query=query)
            rows = self._send(call).json()
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                msg = f"{call}: the answer is no list; check that CI_API_V4_URL is GitLab's API"
                raise GitlabError(msg)
            yield from rows
            if len(rows) < _PAGE:
                return
        # Going on with a part could mean a second note.
        msg = (
            f"GET {self._notes()}: more than {_PAGE * _MOST_PAGES} notes; this program does not read so many"
        )
        raise GitlabError(msg)

    def add_note(self, body: str) -> None:
        """Write a new note."""
        self._write("POST", self._notes(), {"body": body})

    def edit_note(self, note: int, body: str) -> None:
        """Replace the text of a note."""
        self._write("PUT", self._notes(str(note)), {"body": body})

    def close(self) -> None:
        """Release connections."""
        self.http.close()

    def _notes(self, *more: str) -> str:
        project, number = str(self.project), str(self.merge_request)
        return path_of("projects", project, "merge_requests", number, "notes", *more)

    def _write(self, method: str, path: str, values: Mapping[str, str]) -> None:
        body = Secret(json.dumps(values))
        self._send(Call(method=method, path=path, body=body, repeatable=method == "PUT"))

    def _send(self, call: Call) -> ApiAnswer:
        answer = self.http.send(call, {"PRIVATE-TOKEN": self.token})
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            msg = (
                f"{answer}; GitLab refuses the token: it has expired, or it is no project access token with "
                "the scope `api` and the role Reporter or higher"
            )
            raise CredentialsError(msg)
        if not answer.ok:
            remedy = "check that the token can see the project and its merge requests"
            raise answer.error(remedy)
        return answer
