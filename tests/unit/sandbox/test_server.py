"""Tests of the server: in a thread, in the foreground, and what it refuses."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING

import httpx
import pytest

from reconciler.errors import UsageError
from reconciler.sandbox.accounts import Account
from reconciler.sandbox.operator_client import OperatorClient
from reconciler.sandbox.server import SandboxServer, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Connect = Callable[[SandboxServer, str], httpx.Client]

PROGRAM = """
import sys
from reconciler.sandbox.server import run
run("localhost", 0, sys.argv[1], on_ready=lambda url, tokens: print(url, *tokens.values(), flush=True))
"""


def test_it_accepts_as_soon_as_it_is_entered(connect: Connect) -> None:
    """No caller needs to wait or to know a port."""
    with SandboxServer() as first, SandboxServer() as second:
        assert first.base_url != second.base_url
        for server in (first, second):
            with connect(server, "one") as client:
                assert client.get("/me").status_code == 200


def test_accounts_can_be_brought_along(connect: Connect) -> None:
    """A test can use its own tokens, canaries for example."""
    accounts = [Account(label="mine", token="rsk_canary")]
    with SandboxServer(accounts=accounts) as server:
        assert server.tokens == {"mine": "rsk_canary"}
        with connect(server, "mine") as client:
            assert client.get("/keys").status_code == 200


def test_answers_do_not_wait_for_acknowledgements(one: httpx.Client) -> None:
    """A kept connection is as fast as a new one: TCP_NODELAY is on."""
    times = sorted(one.get("/me").elapsed.total_seconds() for _ in range(20))
    assert times[10] < 0.03


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "sandbox.example", ""])  # noqa: S104  # refused
def test_only_loopback_is_served(host: str) -> None:
    """Secrets are for this machine."""
    with pytest.raises(UsageError, match=r"is no loopback address, use 127\.0\.0\.1"):
        run(host, 0)


def test_a_taken_port_is_explained() -> None:
    """The message names the option that helps."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UsageError, match=f"cannot listen on 127.0.0.1 port {port} .*--port"):
            run("127.0.0.1", port)


def test_the_foreground_server_keeps_its_file(tmp_path: Path) -> None:
    """SIGINT and SIGTERM end it cleanly, SIGKILL loses nothing, and the next start goes on."""
    database = tmp_path / "sandbox.db"
    counts = []
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        command = [sys.executable, "-c", PROGRAM, str(database)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            url, token, *_ = process.stdout.readline().split()
            answer = httpx.get(
                f"{url}/api/v1/reseller/me", headers={"Authorization": f"Bearer {token}"}, trust_env=False
            )
            assert answer.status_code == 200
            operator = OperatorClient(url)
            operator.create_key("one")
            counts.append(len(operator.keys()))
            process.send_signal(number)
            expected = -signal.SIGKILL if number == signal.SIGKILL else 0
            assert process.wait(10) == expected
    assert counts == [1, 2, 3]
