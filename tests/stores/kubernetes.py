"""An API server of Kubernetes on loopback: Secrets, server-side apply and access reviews."""

from __future__ import annotations

import base64
import json
import re
import ssl
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from reconciler.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.ports.clock import Clock

NAMESPACE = "apps"
TOKEN = "eyJhbGciOi.good-Ne0za3qYdqUcgQ0VnGFk"
DEFAULT_SECRET = "llm-keys"
_PATH = re.compile(r"/api/v1/namespaces/([^/]+)/secrets/([^/]+)")
_REVIEWS = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_HUMAN = "kubectl-edit"


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, reason: str, causes: list[str] | None = None) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason
        self.causes = causes or []


@dataclass(slots=True)
class Row:
    """One Secret.

    Attributes:
        fields: what it holds, by path: `data/KEY` and `annotations/NAME`.
        owners: the paths of each field manager.
        version: the resource version.
        immutable: its data can never change.
    """

    fields: dict[str, str] = field(default_factory=dict, repr=False)
    owners: dict[str, set[str]] = field(default_factory=dict)
    version: int = 1
    immutable: bool = False

    def copy(self) -> Row:
        """Return one that can be changed without changing this one."""
        owners = {manager: set(paths) for manager, paths in self.owners.items()}
        return Row(dict(self.fields), owners, self.version, self.immutable)

    def claim(self, manager: str, wanted: dict[str, str], *, force: bool) -> None:
        """Apply a configuration: conflicts, ownership, and removal of what the manager has given up."""
        others = {name: paths for name, paths in self.owners.items() if name != manager}
        conflicts = [
            path
            for path, value in wanted.items()
            for paths in others.values()
            if path in paths and self.fields.get(path) != value
        ]
        if conflicts and not force:
            raise RefusedError(409, "Conflict", conflicts)
        for paths in others.values():
            paths -= set(conflicts)
        held = {path for paths in others.values() for path in paths}
        for path in self.owners.get(manager, set()) - set(wanted) - held:
            self.fields.pop(path, None)
        self.fields |= wanted
        self.owners[manager] = set(wanted)


@dataclass(slots=True)
class ApiServer:
    """What the server holds, and how it is to behave.

    Attributes:
        rows: the Secrets by name.
        denied: verbs that the caller may not use.
        before_apply: called before an apply is decided on, as if somebody else were faster.
        lost: how many next answers to an apply never arrive, although it is done.
        failing: statuses of the next answers, with nothing done.
        calls: how often each method was asked for.
        queries: of the applies.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    denied: set[str] = field(default_factory=set)
    before_apply: list[Callable[[], None]] = field(default_factory=list)
    lost: int = 0
    failing: list[int] = field(default_factory=list)
    calls: Counter[str] = field(default_factory=Counter)
    queries: list[dict[str, str]] = field(default_factory=list)
    address: str = ""

    def options(self, clock: Clock, **changes: object) -> dict[str, object]:
        """Return the options of a sink that may do everything."""
        return {
            "server": self.address,
            "token": Secret(TOKEN),
            "namespace": NAMESPACE,
            "secret": DEFAULT_SECRET,
            "clock": clock,
            **changes,
        }

    def edit(self, name: str, key: str, value: str) -> None:
        """Let somebody change a key with an editor."""
        row = self.rows.setdefault(name, Row())
        path = f"data/{key}"
        row.fields[path] = base64.b64encode(value.encode()).decode()
        for paths in row.owners.values():
            paths.discard(path)
        row.owners.setdefault(_HUMAN, set()).add(path)
        row.version += 1

    def value(self, name: str, key: str) -> str | None:
        """Return what a pod sees."""
        row = self.rows.get(name)
        text = row.fields.get(f"data/{key}") if row else None
        return None if text is None else base64.b64decode(text).decode()

    def answer(self, method: str, target: str, kind: str, body: Any) -> tuple[int, dict[str, Any]]:
        """Do a request."""
        self.calls[method] += 1
        if self.failing:
            raise RefusedError(self.failing.pop(0), "InternalError")
        parts = urlsplit(target)
        if parts.path == _REVIEWS:
            verb = body["spec"]["resourceAttributes"]["verb"]
            return 201, {"kind": body["kind"], "status": {"allowed": verb not in self.denied}}
        found = _PATH.fullmatch(parts.path)
        if found is None or found[1] != NAMESPACE:
            raise RefusedError(404, "NotFound")
        if {"GET": "get", "PATCH": "patch"}[method] in self.denied:
            raise RefusedError(403, "Forbidden")
        if method == "PATCH":
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            assert kind == "application/apply-patch+yaml"
            return self._apply(found[2], query, body)
        if found[2] not in self.rows:
            raise RefusedError(404, "NotFound")
        return 200, self._shown(found[2], self.rows[found[2]])

    def _apply(self, name: str, query: dict[str, str], body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.queries.append(query)
        if self.before_apply:
            self.before_apply.pop(0)()
        metadata = body["metadata"]
        assert metadata["name"] == name
        old = self.rows.get(name)
        version = metadata.get("resourceVersion")
        if old is None and "create" in self.denied:
            raise RefusedError(403, "Forbidden")
        if version is not None and (old is None or version != str(old.version)):
            raise RefusedError(409, "Conflict")
        row = old.copy() if old else Row(version=0)
        wanted = {f"data/{key}": text for key, text in body.get("data", {}).items()}
        wanted |= {f"annotations/{key}": text for key, text in metadata.get("annotations", {}).items()}
        row.claim(query["fieldManager"], wanted, force=query.get("force") == "true")
        data = [
            {path: text for path, text in item.fields.items() if path[:5] == "data/"}
            for item in (old or Row(), row)
        ]
        if row.immutable and data[0] != data[1]:
            raise RefusedError(422, "Invalid")
        if old is None or row.fields != old.fields or row.owners != old.owners:
            row.version += 1
        if query.get("dryRun") != "All":
            self.rows[name] = row
        return (200 if old else 201), self._shown(name, row)

    @staticmethod
    def _shown(name: str, row: Row) -> dict[str, Any]:
        """Return a whole Secret, as every answer of the real server has it, even to who may not read."""
        sections: dict[str, dict[str, str]] = {"data": {}, "annotations": {}}
        for path, text in row.fields.items():
            section, _, key = path.partition("/")
            sections[section][key] = text
        return {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "resourceVersion": str(row.version),
                "annotations": sections["annotations"],
            },
            "data": sections["data"],
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # in one piece, or delayed acknowledgements cost 40 ms a request
    fake: ApiServer
    lock: threading.Lock

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        trusted = isinstance(self.connection, ssl.SSLSocket) and self.connection.getpeercert()
        if not trusted and self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._reply(401, {"kind": "Status", "reason": "Unauthorized"})
            return
        try:
            with self.lock:
                kind = self.headers.get("Content-Type", "")
                status, document = self.fake.answer(self.command, self.path, kind, body)
        except RefusedError as error:
            # Admission webhooks quote what they were sent, and none of it may be shown.
            document = {"kind": "Status", "reason": error.reason, "message": json.dumps(body)}
            self._reply(error.code, document)
            return
        if self.command == "PATCH" and self.fake.lost:
            self.fake.lost -= 1
            self.close_connection = True
            return
        self._reply(status, document)

    def _reply(self, status: int, document: dict[str, Any]) -> None:
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815  # the base class looks for these names

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing."""


@contextmanager
def running(tls: ssl.SSLContext | None = None) -> Iterator[ApiServer]:
    """Run the server on a free port, with TLS where a context is given."""
    fake = ApiServer()
    handler = type("Handler", (_Handler,), {"fake": fake, "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    fake.address = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
