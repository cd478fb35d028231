"""Google's Secret Manager on loopback, as far as its REST reference says how it behaves."""

from __future__ import annotations

import base64
import json
import re
import threading
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import google_crc32c

from reconciler.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.ports.clock import Clock

PROJECT = "acme-prod"
TOKEN = "ya29.good-LudNRWrc7reJSMvYUsDB"
EVERYTHING = frozenset(
    f"secretmanager.{name}"
    for name in (
        "secrets.create",
        "secrets.get",
        "secrets.update",
        "versions.add",
        "versions.get",
        "versions.access",
    )
)
_SECRET = re.compile(r"/v1/projects/([^/]+)/secrets/([A-Za-z0-9_-]+)(?:/versions/(\w+))?(?::(\w+))?")
_NEEDS = {
    "create": "secrets.create",
    "get": "secrets.get",
    "patch": "secrets.update",
    "addVersion": "versions.add",
    "version": "versions.get",
    "access": "versions.access",
}


class RefusedError(Exception):
    """An answer that is an error."""

    def __init__(self, code: int, status: str) -> None:
        super().__init__(status)
        self.code = code
        self.status = status


@dataclass(slots=True)
class Row:
    """One secret."""

    annotations: dict[str, str]
    labels: dict[str, str]
    replication: dict[str, Any]
    etag: int = 1
    versions: list[bytes] = field(default_factory=list, repr=False)
    disabled: set[int] = field(default_factory=set)


@dataclass(slots=True)
class GcpFake:
    """What the service holds, and how it is to behave.

    Attributes:
        rows: the secrets by name.
        granted: the permissions of the caller.
        refuses_creates: an organisation policy forbids new secrets.
        lost: operations whose next answers never arrive, although they are done.
        failing: operations whose next answers are these statuses, with nothing done.
        corrupt: what is stored is not what was sent, and nobody compares checksums.
        calls: how often each operation was asked for.
    """

    rows: dict[str, Row] = field(default_factory=dict)
    granted: set[str] = field(default_factory=lambda: set(EVERYTHING))
    refuses_creates: bool = False
    lost: list[str] = field(default_factory=list)
    failing: dict[str, list[int]] = field(default_factory=dict)
    corrupt: bool = False
    calls: Counter[str] = field(default_factory=Counter)
    endpoint: str = ""

    def options(self, clock: Clock, **changes: object) -> dict[str, object]:
        """Return the options of a sink that may do everything."""
        return {
            "project": PROJECT,
            "endpoint": self.endpoint,
            "access_token": Secret(TOKEN),
            "clock": clock,
            **changes,
        }

    def plant(self, name: str, value: str) -> None:
        """Let somebody else add a version."""
        row = self.rows.setdefault(name, Row({}, {}, {"automatic": {}}))
        row.versions.append(value.encode())

    def value(self, name: str, version: int = 0) -> str | None:
        """Return what a consumer reads."""
        row = self.rows.get(name)
        return row.versions[version - 1].decode() if row and row.versions else None

    def answer(self, method: str, target: str, body: Any) -> tuple[str, dict[str, Any]]:
        """Do an operation; returns its name and the answer."""
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        if method == "POST" and parts.path == f"/v1/projects/{PROJECT}/secrets":
            self._begin("create")
            return "create", self._create(query["secretId"], body)
        found = _SECRET.fullmatch(parts.path)
        if found is None or found[1] != PROJECT:
            raise RefusedError(404, "NOT_FOUND")
        name, version = found[2], found[3]
        operation = found[4] or ("version" if version else method.lower())
        self._begin(operation)
        if operation == "testIamPermissions":
            asked = body.get("permissions", []) if name in self.rows else []
            return operation, {"permissions": [item for item in asked if item in self.granted]}
        if name not in self.rows:
            raise RefusedError(404, "NOT_FOUND")
        row = self.rows[name]
        match operation:
            case "patch":
                return operation, self._patch(name, row, query, body)
            case "addVersion":
                return operation, self._add(name, row, body["payload"])
            case "version" | "access":
                return operation, self._version(name, row, version, shown=operation == "access")
            case _:
                return operation, self._shown(name, row)

    def _begin(self, operation: str) -> None:
        self.calls[operation] += 1
        if self.failing.get(operation):
            raise RefusedError(self.failing[operation].pop(0), "UNAVAILABLE")
        needed = _NEEDS.get(operation)
        if needed and f"secretmanager.{needed}" not in self.granted:
            raise RefusedError(403, "PERMISSION_DENIED")

    def _create(self, name: str, body: dict[str, Any]) -> dict[str, Any]:
        if self.refuses_creates:
            raise RefusedError(400, "FAILED_PRECONDITION")
        if name in self.rows:
            raise RefusedError(409, "ALREADY_EXISTS")
        self.rows[name] = Row(
            dict(body.get("annotations", {})), dict(body.get("labels", {})), body["replication"]
        )
        return self._shown(name, self.rows[name])

    def _patch(self, name: str, row: Row, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        assert query["updateMask"] == "annotations"
        if body.get("etag") not in {None, f'"{row.etag}"'}:
            raise RefusedError(400, "FAILED_PRECONDITION")
        row.annotations = dict(body.get("annotations", {}))
        row.etag += 1
        return self._shown(name, row)

    def _add(self, name: str, row: Row, payload: dict[str, Any]) -> dict[str, Any]:
        data = base64.b64decode(payload["data"])
        checked = "dataCrc32c" in payload
        if checked and google_crc32c.value(data) != int(payload["dataCrc32c"]):
            raise RefusedError(400, "INVALID_ARGUMENT")
        row.versions.append(data[:-1] if self.corrupt else data)
        shown = self._version(name, row, "latest", shown=False)
        return {**shown, "clientSpecifiedPayloadChecksum": checked and not self.corrupt}

    def _version(self, name: str, row: Row, version: str, *, shown: bool) -> dict[str, Any]:
        number = len(row.versions) if version == "latest" else int(version)
        if not 1 <= number <= len(row.versions):
            raise RefusedError(404, "NOT_FOUND")
        path = f"projects/{PROJECT}/secrets/{name}/versions/{number}"
        if not shown:
            return {"name": path, "state": "DISABLED" if number in row.disabled else "ENABLED"}
        if number in row.disabled:
            raise RefusedError(400, "FAILED_PRECONDITION")
        return {"name": path, "payload": {"data": base64.b64encode(row.versions[number - 1]).decode()}}

    @staticmethod
    def _shown(name: str, row: Row) -> dict[str, Any]:
        return {
            "name": f"projects/{PROJECT}/secrets/{name}",
            "annotations": row.annotations,
            "labels": row.labels,
            "replication": row.replication,
            "etag": f'"{row.etag}"',
        }


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # in one piece, or delayed acknowledgements cost 40 ms a request
    fake: GcpFake
    lock: threading.Lock

    def _serve(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(size) or b"{}")
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self._reply(401, {"error": {"code": 401, "status": "UNAUTHENTICATED"}})
            return
        try:
            with self.lock:
                operation, document = self.fake.answer(self.command, self.path, body)
        except RefusedError as error:
            # Stores quote what they were sent, and none of it may be shown.
            said = json.dumps(body)
            details = {"code": error.code, "status": error.status, "message": said}
            self._reply(error.code, {"error": details})
            return
        if operation in self.fake.lost:
            self.fake.lost.remove(operation)
            self.close_connection = True
            return
        self._reply(200, document)

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
def running() -> Iterator[GcpFake]:
    """Run the service on a free port."""
    fake = GcpFake()
    handler = type("Handler", (_Handler,), {"fake": fake, "lock": threading.Lock()})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    fake.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield fake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
