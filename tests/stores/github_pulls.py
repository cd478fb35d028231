"""GitHub's comments, reviews, issues and check runs on loopback, with the rules that its REST docs state."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.stores.github import Reply, serving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from tests.stores.github import Request

REPOSITORY = "acme/keys"
WORKFLOW = "ghs_workflow_keys_zymMlopiWfqUyHRSIf8N"
APP = "ghs_installation_keys_91be07"
PROPOSER = "ghs_proposer_keys_40ac2d"
PERSON = "github_pat_person_keys_FmAUNLnY5Yx0y3RnjDQl"
READER = "ghs_reader_keys_428dzh2vLtHUaNce8zNb"
ACTIONS_APP = 15_368
OTHER_APP = 4_711
START = datetime(2026, 11, 20, 12, 0, 0, tzinfo=UTC)
MOST_OF_BODY = 65_536
MOST_OF_OUTPUT = 65_535
_WRITE = {"issues": "write", "pull_requests": "write", "checks": "write", "contents": "read"}
_PROPOSES = {"pull_requests": "write", "contents": "write"}
_BASE = f"/repos/{REPOSITORY}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whom a token belongs to and what it may do; an App has a number."""

    login: str
    kind: str = "Bot"
    app: int | None = None
    permissions: Mapping[str, str] = field(default_factory=lambda: dict(_WRITE))


HOLDERS: Mapping[str, Holder] = {
    WORKFLOW: Holder(login="github-actions[bot]", app=ACTIONS_APP),
    APP: Holder(login="keys-app[bot]", app=OTHER_APP),
    PROPOSER: Holder(login="keys-app[bot]", app=OTHER_APP, permissions=_PROPOSES),
    PERSON: Holder(login="olivia", kind="User"),
    READER: Holder(login="github-actions[bot]", app=ACTIONS_APP, permissions=dict.fromkeys(_WRITE, "read")),
}


def user(login: str) -> dict[str, Any]:
    """Return an account as GitHub shows it."""
    return {"login": login, "id": sum(login.encode()), "type": "Bot" if login.endswith("[bot]") else "User"}


@dataclass(slots=True, eq=False)
class PullsFake:
    """The state of one repository.

    Attributes:
        comments: by number of the pull request or issue.
        issues: in the order of opening; pull requests are in `pulls` alone.
        pulls: pull requests by number.
        check_runs: in the order of writing.
        contents: files of every commit that was not made here, by path.
        trees: files by id of the tree.
        history: commits that were made here, by id.
        branches: their commits by name.
        requests: everything that came in.
        before: may answer in place of the service.
        after: may replace an answer, once what was asked is done.
    """

    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    issues: list[dict[str, Any]] = field(default_factory=list)
    pulls: dict[int, dict[str, Any]] = field(default_factory=dict)
    reviews: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    check_runs: list[dict[str, Any]] = field(default_factory=list)
    commits: set[str] = field(default_factory=set)
    contents: dict[str, str] = field(default_factory=dict)
    trees: dict[str, dict[str, str]] = field(default_factory=dict)
    history: dict[str, dict[str, Any]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    before: Callable[[Request], Reply | None] = lambda _: None
    after: Callable[[Request], Reply | None] = lambda _: None
    url: str = ""
    _ids: int = 100
    _ticks: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def opened(self, number: int, head: str, *, author: str = "alice", base: str = "main") -> None:
        """Open a pull request, or push to one that is open."""
        self.commits.add(head)
        self.pulls[number] = {
            "number": number,
            "state": "open",
            "user": user(author),
            "merged_at": None,
            "merge_commit_sha": None,
            "head": {"ref": "topic", "sha": head, "repo": {"full_name": REPOSITORY}},
            "base": {"ref": base, "repo": {"full_name": REPOSITORY}},
        }

    def merged(self, number: int, commit: str) -> None:
        """Merge a pull request as a commit."""
        self.commits.add(commit)
        self.pulls[number] |= {"state": "closed", "merged_at": self.tick(), "merge_commit_sha": commit}

    def review(
        self, number: int, reviewer: str, state: str = "APPROVED", *, commit: str = "", role: str = "MEMBER"
    ) -> dict[str, Any]:
        """Hand in a review of the head, or of another commit, and return its row."""
        row = {
            "id": self._next(),
            "user": user(reviewer),
            "state": state,
            "commit_id": commit or self.pulls[number]["head"]["sha"],
            "submitted_at": self.tick(),
            "author_association": role,
        }
        self.reviews.setdefault(number, []).append(row)
        return row

    def comment(self, number: int, login: str, body: str) -> dict[str, Any]:
        """Write a comment as somebody, and return its row."""
        row = {"id": self._next(), "body": body, "user": user(login), "created_at": self.tick()}
        self.comments.setdefault(number, []).append(row)
        return row

    def tick(self) -> str:
        """Return the next second, as GitHub writes times."""
        self._ticks += 1
        return (START + timedelta(seconds=self._ticks)).isoformat().replace("+00:00", "Z")

    def writes(self) -> list[str]:
        """Return what was asked to be changed."""
        return [f"{item.method} {item.path}" for item in self.requests if item.method != "GET"]

    def answer(self, request: Request) -> Reply:
        """Do what is asked, unless a fault is in the way."""
        with self._lock:
            self.requests.append(request)
            found = self.before(request) or self._routed(request)
            return self.after(request) or found

    def _next(self) -> int:
        self._ids += 1
        return self._ids

    def _routed(self, request: Request) -> Reply:
        holder = HOLDERS.get(request.token)
        if holder is None:
            return Reply(status=401, body={"message": "Bad credentials"})
        for method, pattern, needed, handle in self._routes():
            found = re.fullmatch(f"{_BASE}{pattern}", request.path)
            if found and method == request.method:
                if not any(holder.permissions.get(name) in _levels(method) for name in needed):
                    return Reply(status=403, body={"message": "Resource not accessible by integration"})
                return handle(request, holder, *found.groups())
        return Reply(status=404, body={"message": "Not Found"})

    def _routes(self) -> list[tuple[str, str, tuple[str, ...], Callable[..., Reply]]]:
        talk = ("issues", "pull_requests")
        return [
            ("GET", r"/issues/(\d+)/comments", talk, self._list_comments),
            ("POST", r"/issues/(\d+)/comments", talk, self._add_comment),
            ("PATCH", r"/issues/comments/(\d+)", talk, self._edit_comment),
            ("GET", r"/issues", ("issues",), self._list_issues),
            ("POST", r"/issues", ("issues",), self._add_issue),
            ("PATCH", r"/issues/(\d+)", ("issues",), self._edit_issue),
            ("POST", r"/check-runs", ("checks",), self._add_check_run),
            ("GET", r"/commits/([0-9a-f]+)/check-runs", ("checks",), self._list_check_runs),
            ("GET", r"/commits/([0-9a-f]+)/pulls", ("contents",), self._list_pulls),
            ("GET", r"/pulls/(\d+)/reviews", ("pull_requests",), self._list_reviews),
            ("GET", r"/pulls", ("pull_requests",), self._list_open_pulls),
            ("POST", r"/pulls", ("pull_requests",), self._add_pull),
            ("PATCH", r"/pulls/(\d+)", ("pull_requests",), self._edit_pull),
            ("GET", r"/git/commits/([0-9a-f]+)", ("contents",), self._commit),
            ("POST", r"/git/commits", ("contents",), self._add_commit),
            ("POST", r"/git/trees", ("contents",), self._add_tree),
            ("GET", r"/git/matching-refs/heads/(.+)", ("contents",), self._list_branches),
            ("POST", r"/git/refs", ("contents",), self._add_branch),
            ("PATCH", r"/git/refs/heads/(.+)", ("contents",), self._move_branch),
        ]

    def _list_comments(self, request: Request, _: Holder, number: str) -> Reply:
        return _page(request, self.comments.get(int(number), []))

    def _add_comment(self, request: Request, holder: Holder, number: str) -> Reply:
        if refused := _too_long(request.body):
            return refused
        return Reply(status=201, body=self.comment(int(number), holder.login, request.body["body"]))

    def _edit_comment(self, request: Request, _: Holder, comment: str) -> Reply:
        for row in (row for rows in self.comments.values() for row in rows if row["id"] == int(comment)):
            if refused := _too_long(request.body):
                return refused
            row |= {"body": request.body["body"], "updated_at": self.tick()}
            return Reply(body=row)
        return Reply(status=404, body={"message": "Not Found"})

    def _list_issues(self, request: Request, _: Holder) -> Reply:
        label, state = request.query.get("labels"), request.query.get("state", "open")
        rows = [
            row
            for row in self.issues
            if (label is None or label in [item["name"] for item in row["labels"]])
            and state in {"all", row["state"]}
        ]
        rows.sort(key=lambda row: row["updated_at"], reverse=request.query.get("direction") == "desc")
        return _page(request, rows)

    def _add_issue(self, request: Request, holder: Holder) -> Reply:
        if refused := _too_long(request.body):
            return refused
        row = {
            "number": len(self.issues) + 1,
            "title": request.body["title"],
            "body": request.body["body"],
            "state": "open",
            "user": user(holder.login),
            # Who may not write to the repository gets an issue without labels, and no error.
            "labels": [{"name": name} for name in request.body.get("labels", [])],
            "updated_at": self.tick(),
        }
        self.issues.append(row)
        return Reply(status=201, body=row)

    def _edit_issue(self, request: Request, _: Holder, number: str) -> Reply:
        found = [row for row in self.issues if row["number"] == int(number)]
        if not found:
            return Reply(status=404, body={"message": "Not Found"})
        if refused := _too_long(request.body):
            return refused
        found[0] |= {**request.body, "updated_at": self.tick()}
        return Reply(body=found[0])

    def _add_check_run(self, request: Request, holder: Holder) -> Reply:
        body = request.body
        if holder.app is None:
            return Reply(status=403, body={"message": "You must authenticate via a GitHub App."})
        output = body.get("output", {})
        long = any(len(output.get(name) or "") > MOST_OF_OUTPUT for name in ("summary", "text"))
        if body["head_sha"] not in self.commits or long or not output.get("title"):
            return Reply(status=422, body={"message": "Invalid request."})
        row = {
            "id": self._next(),
            "name": body["name"],
            "head_sha": body["head_sha"],
            "external_id": body.get("external_id", ""),
            "status": "completed" if body.get("conclusion") else body.get("status", "queued"),
            "conclusion": body.get("conclusion"),
            "completed_at": self.tick() if body.get("conclusion") else None,
            "output": {"text": None, **output},
            "app": {"id": holder.app, "slug": holder.login.removesuffix("[bot]")},
        }
        self.check_runs.append(row)
        return Reply(status=201, body=row)

    def _list_check_runs(self, request: Request, _: Holder, commit: str) -> Reply:
        name, app = request.query.get("check_name"), request.query.get("app_id")
        rows = [
            row
            for row in reversed(self.check_runs)
            if row["head_sha"] == commit
            and name in {None, row["name"]}
            and app in {None, str(row["app"]["id"])}
        ]
        return _page(request, rows, member="check_runs")

    def _list_pulls(self, request: Request, _: Holder, commit: str) -> Reply:
        if commit not in self.commits:
            return Reply(status=422, body={"message": f"No commit found for SHA: {commit}"})
        rows = [row for row in self.pulls.values() if commit in {row["merge_commit_sha"], row["head"]["sha"]}]
        return _page(request, rows)

    def _list_open_pulls(self, request: Request, _: Holder) -> Reply:
        owner = REPOSITORY.split("/", maxsplit=1)[0]
        rows = [
            row
            for row in self.pulls.values()
            if row["state"] == request.query.get("state", "open")
            and request.query.get("base") in {None, row["base"]["ref"]}
            and request.query.get("head") in {None, f"{owner}:{row['head']['ref']}"}
        ]
        return _page(request, rows)

    def _add_pull(self, request: Request, holder: Holder) -> Reply:
        body = request.body
        again = [
            row
            for row in self.pulls.values()
            if row["state"] == "open" and row["head"]["ref"] == body["head"]
        ]
        if again or body["head"] not in self.branches:
            return Reply(status=422, body={"message": "Validation Failed"})
        number = max(self.pulls, default=0) + 1
        self.opened(number, self.branches[body["head"]], author=holder.login, base=body["base"])
        self.pulls[number]["head"]["ref"] = body["head"]
        self.pulls[number] |= {"title": body["title"], "body": body["body"]}
        return Reply(status=201, body=self.pulls[number])

    def _edit_pull(self, request: Request, _: Holder, number: str) -> Reply:
        self.pulls[int(number)] |= request.body
        return Reply(body=self.pulls[int(number)])

    def _commit(self, _: Request, __: Holder, sha: str) -> Reply:
        if sha in self.history:
            return Reply(body=self.history[sha])
        tree = _id(self.contents)
        self.trees[tree] = dict(self.contents)
        return Reply(body={"sha": sha, "tree": {"sha": tree}, "parents": []})

    def _add_commit(self, request: Request, _: Holder) -> Reply:
        body = request.body
        if body["tree"] not in self.trees:
            return Reply(status=422, body={"message": "Tree SHA does not exist"})
        row = {
            "sha": _id([body, self.tick()]),
            "message": body["message"],
            "tree": {"sha": body["tree"]},
            "parents": [{"sha": parent} for parent in body["parents"]],
        }
        self.history[row["sha"]] = row
        return Reply(status=201, body=row)

    def _add_tree(self, request: Request, _: Holder) -> Reply:
        if request.body["base_tree"] not in self.trees:
            return Reply(status=422, body={"message": "base_tree is not a valid tree oid"})
        files = dict(self.trees[request.body["base_tree"]])
        files |= {row["path"]: row["content"] for row in request.body["tree"]}
        self.trees[_id(files)] = files
        return Reply(status=201, body={"sha": _id(files)})

    def _list_branches(self, request: Request, _: Holder, start: str) -> Reply:
        rows = [
            {"ref": f"refs/heads/{name}", "object": {"type": "commit", "sha": sha}}
            for name, sha in self.branches.items()
            if name.startswith(start)
        ]
        return _page(request, rows)

    def _add_branch(self, request: Request, _: Holder) -> Reply:
        name = request.body["ref"].removeprefix("refs/heads/")
        if name in self.branches or request.body["sha"] not in self.history:
            return Reply(status=422, body={"message": "Reference already exists"})
        self.branches[name] = request.body["sha"]
        return Reply(status=201, body={"ref": request.body["ref"], "object": {"sha": request.body["sha"]}})

    def _move_branch(self, request: Request, _: Holder, name: str) -> Reply:
        if name not in self.branches or request.body["force"] is not True:
            return Reply(status=422, body={"message": "Update is not a fast forward"})
        self.branches[name] = request.body["sha"]
        return Reply(body={"ref": f"refs/heads/{name}", "object": {"sha": request.body["sha"]}})

    def _list_reviews(self, request: Request, _: Holder, number: str) -> Reply:
        return _page(request, self.reviews.get(int(number), []))


def _id(thing: object) -> str:
    return hashlib.sha1(json.dumps(thing, sort_keys=True).encode(), usedforsecurity=False).hexdigest()


def _levels(method: str) -> set[str | None]:
    return {"read", "write"} if method == "GET" else {"write"}


def _too_long(body: Mapping[str, Any]) -> Reply | None:
    if len(body.get("body", "")) <= MOST_OF_BODY:
        return None
    return Reply(status=422, body={"message": "Body is too long (maximum is 65536 characters)"})


def _page(request: Request, rows: list[dict[str, Any]], *, member: str | None = None) -> Reply:
    size = min(int(request.query.get("per_page", "30")), 100)
    start = (int(request.query.get("page", "1")) - 1) * size
    shown = rows[start : start + size]
    return Reply(body=shown if member is None else {"total_count": len(rows), member: shown})


@contextmanager
def running() -> Iterator[PullsFake]:
    """Serve a new repository for as long as the context is open."""
    fake = PullsFake()
    with serving(fake.answer) as fake.url:
        yield fake
