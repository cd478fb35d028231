"""A key vault on loopback: versions, tags, pages of two, a token, and faults to order."""

from __future__ import annotations

import json
import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from types import TracebackType

TOKEN = "vault-token-SSDCshlF58swfxktKmyY"
PAGE = 2


class FakeVault:
    """The vault and what it holds.

    Attributes:
        versions: every version of each secret by name, with `value` and `tags`.
        answers: statuses that the next writes are answered with, whether they were made or not.
        writable: whether the token may set secrets.
    """

    def __init__(self) -> None:
        self.versions: dict[str, list[dict[str, Any]]] = {}
        self.answers: list[int] = []
        self.writable = True
        vault = self

        class Handler(BaseHTTPRequestHandler):
            """One request."""

            def do_GET(self) -> None:
                """Answer a listing or a secret."""
                self._answer(*vault.read(self.path))

            def do_PUT(self) -> None:
                """Set a secret."""
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self._answer(*vault.write(self.path, body))

            def log_message(self, *arguments: object) -> None:
                """Stay silent."""

            def _answer(self, status: int, document: object) -> None:
                if self.headers["Authorization"] != f"Bearer {TOKEN}":
                    status, document = 401, {"error": {"code": "Unauthorized"}}
                content = json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def read(self, target: str) -> tuple[int, object]:
        """Return the listing without values, in pages, or the current version of a secret."""
        path, query = urlsplit(target).path, parse_qs(urlsplit(target).query)
        if path == "/secrets":
            return self._page(path, query, [self._item(name, value=False) for name in sorted(self.versions)])
        name = path.removeprefix("/secrets/").removesuffix("/versions")
        if name not in self.versions:
            return 404, {"error": {"code": "SecretNotFound"}}
        if path.endswith("/versions"):
            versions = [
                {
                    "id": f"{self.url}/secrets/{name}/{number}",
                    "attributes": {"created": number},
                    "tags": version.get("tags", {}),
                }
                for number, version in enumerate(self.versions[name])
            ]
            return self._page(path, query, versions)
        return 200, self._item(name, value=True)

    def write(self, target: str, body: dict[str, Any]) -> tuple[int, object]:
        """Add a version, as the vault does for every write."""
        name = urlsplit(target).path.removeprefix("/secrets/")
        if not self.writable:
            return 403, {"error": {"code": "Forbidden", "message": body["value"]}}
        if not re.fullmatch(r"[0-9A-Za-z-]{1,127}", name) or len(body.get("tags", {})) > 15:
            return 400, {"error": {"code": "BadParameter"}}
        self.versions.setdefault(name, []).append(body)
        return (self.answers.pop(0), {}) if self.answers else (200, self._item(name, value=True))

    def _page(
        self, path: str, query: dict[str, list[str]], items: list[dict[str, Any]]
    ) -> tuple[int, object]:
        start = int(query.get("$skiptoken", ["0"])[0])
        more = f"{self.url}{path}?api-version=7.4&$skiptoken={start + PAGE}"
        return 200, {
            "value": items[start : start + PAGE],
            "nextLink": more if len(items) > start + PAGE else None,
        }

    def _item(self, name: str, *, value: bool) -> dict[str, Any]:
        current = self.versions[name][-1]
        shown = {"id": f"{self.url}/secrets/{name}", "tags": current.get("tags", {})}
        return {**shown, "value": current["value"]} if value else shown
