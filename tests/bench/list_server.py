"""A loopback server of a pre-rendered key list; a program of its own, so that its work is not measured.

It knows two paths of the QCode partner API, and one of its own that tells how often it was asked.
Start it with the folder that `generate.write_pages` filled; the first line it writes is its origin.
"""

from __future__ import annotations

import json
import socketserver
import subprocess
import sys
import threading
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIX: Final = "/api/v1/reseller"
LIST: Final = f"{PREFIX}/keys"
ACCOUNT: Final = f"{PREFIX}/me"
COUNTS: Final = "/counts"
_ROOT: Final = Path(__file__).parents[2]
_ME: Final = {"ok": True, "data": {"tier": "C", "region": "eu", "currency": "USD", "status": "active"}}


class ListServer(socketserver.ThreadingTCPServer):
    """Serves the pages of one folder until it is told to stop; a page past the end is the last one."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        count = sum(1 for _ in folder.glob("*.json"))
        self._pages = [_answer(200, (folder / f"{page}.json").read_bytes()) for page in range(1, count + 1)]
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()

    @property
    def origin(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def answer(self, method: str, target: str) -> bytes:
        """Return the whole answer, head and body, to one request."""
        parts = urlsplit(target)
        if parts.path == COUNTS:
            with self._lock:
                return _answer(200, json.dumps(self._counts).encode())
        with self._lock:
            self._counts[f"{method} {parts.path}"] += 1
        if method != "GET":
            return _answer(405, b'{"detail":"Method Not Allowed"}')
        if parts.path == ACCOUNT:
            return _answer(200, json.dumps(_ME).encode())
        if parts.path != LIST:
            return _answer(404, b'{"detail":"Not Found"}')
        page = int(parse_qs(parts.query).get("page", ["1"])[0])
        return self._pages[min(max(page, 1), len(self._pages)) - 1]


class _Connection(socketserver.StreamRequestHandler):
    """One client that may send any number of requests without a body."""

    disable_nagle_algorithm = True

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, ListServer)
        while line := self.rfile.readline():
            method, target, _ = line.decode("ascii").split(" ", 2)
            while self.rfile.readline().strip():
                pass
            self.wfile.write(server.answer(method, target))


def _answer(status: int, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status} Bench\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run the server as a process of its own, and give its origin."""
    command = [sys.executable, "-m", "tests.bench.list_server", str(folder)]
    with subprocess.Popen(command, cwd=_ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.kill()


if __name__ == "__main__":
    with ListServer(Path(sys.argv[1])) as listening:
        print(listening.origin, flush=True)
        listening.serve_forever()
