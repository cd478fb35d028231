"""GitLab's notes on loopback, with the rules that its REST documentation states."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.stores.github import Reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.stores.github import Request

PROJECT = 4711
MERGE_REQUEST = 7
BOT = "project_4711_bot_5b1c"
TOKEN = "glpat-bot-YEj8mQ9Ge9RYZ2JNM2Zz"
READER = "glpat-reader-wGVkXlUhlD9niyBfsTTG"
HOLDERS = {TOKEN: BOT, READER: "reader"}
MOST_OF_NOTE = 1_000_000
_NOTES = re.compile(rf"/projects/{PROJECT}/merge_requests/{MERGE_REQUEST}/notes(?:/(\d+))?")


@dataclass(slots=True, eq=False)
class GitlabFake:
    """The notes of one merge request.

    Attributes:
        notes: in the order of writing.
        requests: everything that came in.
        before: may answer in place of the service.
        after: may replace an answer, once what was asked is done.
    """

    notes: list[dict[str, Any]] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    before: Callable[[Request], Reply | None] = lambda _: None
    after: Callable[[Request], Reply | None] = lambda _: None
    url: str = ""

    def add(self, author: str, body: str) -> dict[str, Any]:
        """Write a note as somebody, and return its row."""
        row = {"id": 301 + len(self.notes), "body": body, "author": {"username": author}, "system": False}
        self.notes.append(row)
        return row

    def answer(self, request: Request) -> Reply:
        """Do what is asked, unless a fault is in the way."""
        self.requests.append(request)
        found = self.before(request) or self._routed(request)
        return self.after(request) or found

    def _routed(self, request: Request) -> Reply:
        holder = HOLDERS.get(request.headers.get("private-token", ""))
        if holder is None:
            return Reply(status=401, body={"message": "401 Unauthorized"})
        if (request.method, request.path) == ("GET", "/user"):
            return Reply(body={"id": 1, "username": holder})
        found = _NOTES.fullmatch(request.path)
        if not found:
            return Reply(status=404, body={"message": "404 Project Not Found"})
        return self._page(request) if request.method == "GET" else self._write(request, holder, found[1])

    def _write(self, request: Request, holder: str, number: str | None) -> Reply:
        if holder != BOT:
            return Reply(status=403, body={"message": "403 Forbidden"})
        if len(request.body["body"]) > MOST_OF_NOTE:
            return Reply(status=400, body={"message": "Note is too long"})
        if request.method == "POST":
            return Reply(status=201, body=self.add(holder, request.body["body"]))
        [row] = [row for row in self.notes if row["id"] == int(number or 0)]
        row["body"] = request.body["body"]
        return Reply(body=row)

    def _page(self, request: Request) -> Reply:
        rows = self.notes if request.query.get("sort") == "asc" else self.notes[::-1]
        size = min(int(request.query.get("per_page", "20")), 100)
        start = (int(request.query.get("page", "1")) - 1) * size
        return Reply(body=rows[start : start + size])


@contextmanager
def running() -> Iterator[GitlabFake]:
    """Serve a merge request for as long as the context is open."""
    fake = GitlabFake()
    with serving(fake.answer) as fake.url:
        yield fake
