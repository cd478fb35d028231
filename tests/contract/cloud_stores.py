"""Stores in AWS, Google Cloud and Kubernetes, for the sink contract: the best double there is of each."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from reconciler.core.secret import Secret
from reconciler.sinks import aws_secrets_manager, aws_ssm, gcp_secret_manager, kubernetes
from tests.clocks import FakeClock
from tests.contract.remote_stores import REVOKED
from tests.contract.sink_faults import NAME
from tests.stores import gcp
from tests.stores import kubernetes as cluster

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from reconciler.ports.sink import Sink
    from tests.stores.aws import Moto

CLOUD_KINDS = ("aws-secrets-manager", "aws-ssm", "gcp-secret-manager", "kubernetes")


class CloudStore(Protocol):
    """One store, seen by successive runs, and a way to look at it from the outside."""

    def sink(self, *, revoked: bool = False) -> Sink:
        """Return the sink as the next run would make it, with credentials that nobody knows if asked."""

    def value(self, name: str) -> str | None:
        """Return what a reader of the store would find."""

    def plant(self, name: str, value: str) -> None:
        """Let somebody else write an entry."""

    def deny(self) -> None:
        """Make the usual entry impossible to write, whatever the credentials are."""


@dataclass(kw_only=True)
class _Aws:
    moto: Moto
    clock: FakeClock = field(default_factory=FakeClock)

    def options(self, *, revoked: bool) -> dict[str, object]:
        if not revoked:
            return self.moto.options(self.clock)
        self.moto.authenticate()
        return self.moto.options(self.clock, secret_access_key=Secret(REVOKED))


class _SecretsManager(_Aws):
    @property
    def client(self) -> Any:
        return self.moto.client("secretsmanager")

    def sink(self, *, revoked: bool = False) -> Sink:
        return aws_secrets_manager.build(self.options(revoked=revoked))

    def value(self, name: str) -> str | None:
        try:
            return str(self.client.get_secret_value(SecretId=name, VersionStage="AWSCURRENT")["SecretString"])
        except self.client.exceptions.ResourceNotFoundException:
            return None

    def plant(self, name: str, value: str) -> None:
        try:
            self.client.create_secret(Name=name, SecretString=value)
        except self.client.exceptions.ResourceExistsException:
            self.client.put_secret_value(SecretId=name, SecretString=value)

    def deny(self) -> None:
        self.client.create_secret(Name=NAME)
        self.client.delete_secret(SecretId=NAME, RecoveryWindowInDays=7)


class _Ssm(_Aws):
    @property
    def client(self) -> Any:
        return self.moto.client("ssm")

    def sink(self, *, revoked: bool = False) -> Sink:
        return aws_ssm.build(self.options(revoked=revoked))

    def value(self, name: str) -> str | None:
        try:
            return str(self.client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])
        except self.client.exceptions.ParameterNotFound:
            return None

    def plant(self, name: str, value: str) -> None:
        self.client.put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)

    def deny(self) -> None:
        # A parameter of this type cannot become a secure one.
        self.client.put_parameter(Name=NAME, Value="plain", Type="String")


@dataclass(kw_only=True)
class _Gcp:
    fake: gcp.GcpFake
    clock: FakeClock = field(default_factory=FakeClock)

    def sink(self, *, revoked: bool = False) -> Sink:
        changes = {"access_token": Secret(f"ya29.{REVOKED}")} if revoked else {}
        return gcp_secret_manager.build(self.fake.options(self.clock, **changes))

    def value(self, name: str) -> str | None:
        return self.fake.value(name)

    def plant(self, name: str, value: str) -> None:
        self.fake.plant(name, value)

    def deny(self) -> None:
        self.fake.refuses_creates = True


@dataclass(kw_only=True)
class _Kubernetes:
    fake: cluster.ApiServer
    clock: FakeClock = field(default_factory=FakeClock)

    def sink(self, *, revoked: bool = False) -> Sink:
        changes = {"token": Secret(f"eyJhbGciOi.{REVOKED}")} if revoked else {}
        return kubernetes.build(self.fake.options(self.clock, **changes))

    def value(self, name: str) -> str | None:
        return self.fake.value(cluster.DEFAULT_SECRET, name)

    def plant(self, name: str, value: str) -> None:
        self.fake.edit(cluster.DEFAULT_SECRET, name, value)

    def deny(self) -> None:
        self.fake.rows[cluster.DEFAULT_SECRET] = cluster.Row(immutable=True)


@contextmanager
def cloud_store(kind: str, request: pytest.FixtureRequest) -> Iterator[CloudStore]:
    """Give one of the kinds, empty."""
    match kind:
        case "aws-secrets-manager":
            yield _SecretsManager(moto=request.getfixturevalue("moto"))
        case "aws-ssm":
            yield _Ssm(moto=request.getfixturevalue("moto"))
        case "gcp-secret-manager":
            with gcp.running() as fake:
                yield _Gcp(fake=fake)
        case _:
            with cluster.running() as server:
                yield _Kubernetes(fake=server)
