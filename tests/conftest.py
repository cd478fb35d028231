"""Guards around every test: a clean environment, no network beyond loopback, a strict umask."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.stores.aws import Moto
    from tests.stores.openbao import OpenBao

pytest_plugins = ["tests.canary.plugin"]

SCRUBBED_PREFIXES = ("RECONCILER_", "GITHUB_", "ACTIONS_", "RUNNER_", "GITLAB_", "CI_", "LC_")
SCRUBBED_SUFFIXES = ("_TOKEN", "_API_KEY", "_PROXY", "_SECRET")
SCRUBBED_NAMES = frozenset(
    {
        "CI",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "COLUMNS",
        "DEBUG",
        "FORCE_COLOR",
        "LINES",
        "NO_COLOR",
        "PYTHONWARNINGS",
        "SSLKEYLOGFILE",
        "TTY_COMPATIBLE",
        "TTY_INTERACTIVE",
        "TZ",
    }
)

settings.register_profile(
    "ci",
    derandomize=True,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile("explore", deadline=None, max_examples=1000, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


class NetworkBlockedError(RuntimeError):
    """Raised where a test tries to leave the machine; the program would translate an OSError and hide it."""


@pytest.fixture(scope="session")
def openbao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenBao]:
    """One real OpenBao for all tests, which take a mount of their own each."""
    from tests.stores.openbao import running  # noqa: PLC0415  # few test runs need it

    with running(tmp_path_factory.mktemp("openbao")) as server:
        yield server


@pytest.fixture(scope="session")
def moto_server() -> Iterator[Moto]:
    """One imitation of AWS for all tests; the fixture `moto` of each empties it."""
    from tests.stores.aws import running  # noqa: PLC0415  # few test runs need it

    with running() as server:
        yield server


@pytest.fixture
def moto(moto_server: Moto) -> Moto:
    """Return the imitation of AWS, empty."""
    moto_server.reset()
    return moto_server


@pytest.fixture(autouse=True)
def clean_environ(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the machine of the developer or of CI would tell the program."""
    for name in list(os.environ):
        upper = name.upper()
        if (
            upper.startswith(SCRUBBED_PREFIXES)
            or upper.endswith(SCRUBBED_SUFFIXES)
            or upper in SCRUBBED_NAMES
        ):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let sockets reach loopback and local files, and nothing else; names are not looked up elsewhere."""
    real_connect = socket.socket.connect
    real_connect_ex = socket.socket.connect_ex
    real_getaddrinfo = socket.getaddrinfo

    def connect(self: socket.socket, address: object) -> None:
        _refuse_remote(self, address)
        real_connect(self, address)  # type: ignore[arg-type]  # passed through as it came

    def connect_ex(self: socket.socket, address: object) -> int:
        _refuse_remote(self, address)
        return real_connect_ex(self, address)  # type: ignore[arg-type]  # passed through as it came

    def getaddrinfo(host: str | bytes | None, *args: object, **kwargs: object) -> object:
        if host is not None and not _is_loopback(host):
            raise _blocked(host)
        return real_getaddrinfo(host, *args, **kwargs)  # type: ignore[arg-type]  # passed through as they came

    monkeypatch.setattr(socket.socket, "connect", connect)
    monkeypatch.setattr(socket.socket, "connect_ex", connect_ex)
    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    """Give files the umask of an ordinary login, so that a 0600 in a test is the program's own doing."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def _refuse_remote(sock: socket.socket, address: object) -> None:
    if sock.family not in {socket.AF_INET, socket.AF_INET6}:
        return
    host = address[0] if isinstance(address, tuple) else address
    if not _is_loopback(host):
        raise _blocked(host)


def _is_loopback(host: object) -> bool:
    text = host.decode("ascii", "replace") if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return text == "localhost"


def _blocked(host: object) -> NetworkBlockedError:
    return NetworkBlockedError(f"a test tried to reach {host!r}; use a loopback server instead")
