"""One sandbox for the whole folder, reset before each test that asks for it."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack
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
# Every client would read the certificates of the system again, and none of them speaks TLS.
TLS = ssl.create_default_context()


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
def family(
    server: SandboxServer,
    operator: OperatorClient,  # noqa: ARG001  # resets
) -> Iterator[Callable[[str], httpx.Client]]:
    """Speak to a server of the New API family as the account of a label, with the right headers."""
    with ExitStack() as open_clients:
        yield lambda label: open_clients.enter_context(_speak(server, label))


@pytest.fixture
def new_api(family: Callable[[str], httpx.Client]) -> httpx.Client:
    """Speak to the dialect `new-api` as its first account."""
    return family("new_api")


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
    return httpx.Client(base_url=server.base_url + API, headers=headers, trust_env=False, verify=TLS)


def _speak(server: SandboxServer, label: str) -> httpx.Client:
    account = server.store.accounts.get(label)
    assert account
    scheme = "" if account.vendor == "cometapi" else "Bearer "
    headers = {"Authorization": scheme + account.token, "New-Api-User": str(account.user_id)}
    return httpx.Client(
        base_url=f"{server.base_url}/{account.vendor}", headers=headers, trust_env=False, verify=TLS
    )
