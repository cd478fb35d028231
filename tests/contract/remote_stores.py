"""Stores that are reached over the network, for the sink contract: real ones, or the best double there is."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from reconciler.core.secret import Secret
from reconciler.sinks import github_actions, vault
from tests.clocks import FakeClock
from tests.contract.sink_faults import NAME
from tests.plugin import example_store
from tests.plugin.fake_vault import TOKEN, FakeVault
from tests.stores import github
from tests.stores.openbao import FULL, READ_ONLY, WRITE_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pytest

    from reconciler.core.model import Receipt
    from reconciler.ports.sink import Entry, Sink
    from tests.stores.openbao import OpenBao

REVOKED = "revoked-9E1BJi9Ih0pgUioougwK"
READABLE_REMOTE_KINDS = ("vault", "example-vault")
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


class _Dashed:
    """The example's sink under the names of the contract, as its vault takes no underscores."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        found = self._sink.stat([_dashed(name) for name in names])
        return {name: found[_dashed(name)] for name in names if _dashed(name) in found}

    def preflight(self, entries: Sequence[Entry]) -> None:
        self._sink.preflight([replace(entry, name=_dashed(entry.name)) for entry in entries])

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        self._sink.put(replace(entry, name=_dashed(entry.name)), secret, receipt)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        self._sink.verify(replace(entry, name=_dashed(entry.name)), secret, receipt)

    def close(self) -> None:
        self._sink.close()


def _dashed(name: str) -> str:
    return name.replace("_", "-")


@dataclass(slots=True, kw_only=True)
class _Example:
    """The sink of a package outside this tree, which keeps the same promises."""

    fake: FakeVault = field(repr=False)

    def sink(self, *, revoked: bool = False) -> Sink:
        token = REVOKED if revoked else TOKEN
        return _Dashed(example_store.build({"vault_url": self.fake.url, "token": Secret(token)}))

    def value(self, name: str) -> str | None:
        versions = self.fake.versions.get(_dashed(name))
        return str(versions[-1]["value"]) if versions else None

    def plant(self, name: str, value: str) -> None:
        self.fake.versions.setdefault(_dashed(name), []).append({"value": value})

    def deny(self) -> None:
        # The vault cannot be asked whether a write would pass, but shows that somebody else was there.
        self.plant(NAME, "somebody-elses")


@contextmanager
def remote_store(kind: str, request: pytest.FixtureRequest) -> Iterator[RemoteStore]:
    """Give one of the kinds, empty."""
    if kind == "github-actions":
        with github.running() as fake:
            yield _Github(fake=fake)
    elif kind == "example-vault":
        with FakeVault() as running:
            yield _Example(fake=running)
    else:
        server: OpenBao = request.getfixturevalue("openbao")
        policy = WRITE_ONLY if kind == "vault-write-only" else FULL
        yield _Vault(server=server, mount=server.new_mount(), policy=policy)
