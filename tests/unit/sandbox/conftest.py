"""One sandbox for the whole folder, reset before each test that asks for it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from reconciler.sandbox.database import Database
from reconciler.sandbox.server import SandboxServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.sandbox.operator_client import OperatorClient

API = "/api/v1/reseller"


@pytest.fixture
def database() -> Iterator[Database]:
    """Open a database in memory."""
    opened = Database()
    yield opened
    opened.close()


@pytest.fixture(scope="session")
def server() -> Iterator[SandboxServer]:
    """Run one sandbox; use it through `operator`, `one` or `two`, which reset it."""
    with SandboxServer() as running:
        yield running


@pytest.fixture
def operator(server: SandboxServer) -> OperatorClient:
    """Control the sandbox, which is as at its first start."""
    server.operator.reset()
    return server.operator


@pytest.fixture
def one(server: SandboxServer, operator: OperatorClient) -> Iterator[httpx.Client]:  # noqa: ARG001  # resets
    """Speak to the vendor as account one."""
    with _connect(server, "one") as client:
        yield client


@pytest.fixture
def two(server: SandboxServer, operator: OperatorClient) -> Iterator[httpx.Client]:  # noqa: ARG001  # resets
    """Speak to the vendor as account two."""
    with _connect(server, "two") as client:
        yield client


@pytest.fixture
def dial(server: SandboxServer, operator: OperatorClient) -> Callable[[bytes], bytes]:  # noqa: ARG001  # resets
    """Send bytes on a fresh socket and return everything until the server closes."""
    address = urlsplit(server.base_url)
    token = server.tokens["one"]

    def exchange(request: bytes) -> bytes:
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=5) as raw:
            raw.sendall(request.replace(b"TOKEN", token.encode()))
            parts = []
            while part := raw.recv(65_536):
                parts.append(part)
            return b"".join(parts)

    return exchange


@pytest.fixture
def connect() -> Callable[[SandboxServer, str], httpx.Client]:
    """Make a client of another sandbox that carries the token of an account."""
    return _connect


def _connect(server: SandboxServer, label: str) -> httpx.Client:
    headers = {"Authorization": f"Bearer {server.tokens[label]}"}
    return httpx.Client(base_url=server.base_url + API, headers=headers, trust_env=False)
