"""Stores that are reached over the network, for the sink contract: real ones, or the best double there is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from reconciler.core.secret import Secret
from reconciler.sinks import github_actions, vault
from tests.clocks import FakeClock
from tests.stores import github
from tests.stores.openbao import FULL, READ_ONLY, WRITE_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from reconciler.ports.sink import Sink
    from tests.stores.openbao import OpenBao

REVOKED = "revoked-4f1c0a9d"
READABLE_REMOTE_KINDS = ("vault",)
REMOTE_KINDS = (*READABLE_REMOTE_KINDS, "vault-write-only", "github-actions")


class RemoteStore(Protocol):
    """One store, seen by successive runs, and a way to look at it from the outside."""

    def sink(self, *, revoked: bool = False) -> Sink:
        """Return the sink as the next run would make it, with credentials that nobody knows if asked."""

    def value(self, name: str) -> str | None:
        """Return what a reader of the store would find."""

    def plant(self, name: str, value: str) -> None:
        """Let somebody else write an entry."""

    def deny(self) -> None:
        """Take the right to write away."""


@dataclass(slots=True, kw_only=True)
class _Github:
    fake: github.GithubFake = field(repr=False)
    token: str = field(default=github.WRITER, repr=False)

    def sink(self, *, revoked: bool = False) -> Sink:
        return github_actions.build(
            {
                "repository": "acme/app",
                "token": Secret(REVOKED if revoked else self.token),
                "base_url": self.fake.url,
                "clock": FakeClock(),
            }
        )

    def value(self, name: str) -> str | None:
        row = self.fake.rows("/repos/acme/app/actions/secrets").get(name)
        return row.value if row else None

    def plant(self, name: str, value: str) -> None:
        self.fake.write("/repos/acme/app/actions/secrets", name, value)

    def deny(self) -> None:
        self.token = github.READER


@dataclass(slots=True, kw_only=True)
class _Vault:
    server: OpenBao
    mount: str
    policy: str
    token: str = field(default="", repr=False)

    def sink(self, *, revoked: bool = False) -> Sink:
        self.token = self.token or self.server.token(self.policy, self.mount)
        return vault.build(
            {
                "address": self.server.address,
                "mount": self.mount,
                "field": "value",
                "auth": "token",
                "token": Secret(REVOKED if revoked else self.token),
                "clock": FakeClock(),
            }
        )

    def value(self, name: str) -> str | None:
        found = self.server.data(self.mount, name).get("value")
        return None if found is None else str(found)

    def plant(self, name: str, value: str) -> None:
        self.server.ask("POST", f"{self.mount}/data/{name}", {"data": {"value": value}})

    def deny(self) -> None:
        self.policy, self.token = READ_ONLY, ""


@contextmanager
def remote_store(kind: str, request: pytest.FixtureRequest) -> Iterator[RemoteStore]:
    """Give one of the kinds, empty."""
    if kind == "github-actions":
        with github.running() as fake:
            yield _Github(fake=fake)
    else:
        server: OpenBao = request.getfixturevalue("openbao")
        policy = WRITE_ONLY if kind == "vault-write-only" else FULL
        yield _Vault(server=server, mount=server.new_mount(), policy=policy)
