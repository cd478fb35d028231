"""One manifest whose key goes to every type of sink at once, and the stores behind it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from tests.certificates import Authority
from tests.cli.project import SETTINGS, Project
from tests.e2e.local_stores import AgeStore, DotenvStore, JsonStore, ProgramStore, SopsStore
from tests.e2e.service_stores import (
    GcpStore,
    GithubStore,
    KubernetesStore,
    SecretsManagerStore,
    SsmStore,
    VaultStore,
)
from tests.stores import gcp, github
from tests.stores import kubernetes as cluster

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping
    from pathlib import Path

    from reconciler.sandbox.server import SandboxServer
    from tests.stores.aws import Moto
    from tests.stores.openbao import OpenBao

LIMITS = "limits: {daily_usd: 10, total_usd: 100, concurrency: 5}"
AUTHORITY = "authority.pem"
KEEPING_VERSIONS = {"vault", "aws-secrets-manager", "aws-ssm", "gcp-secret-manager"}
"""The types whose store keeps what was there before a rotation."""
FORBIDDING = {
    "github-actions": "sink app: DELETE /repos/acme/app/actions/secrets/",
    "vault": "sink vault: the token's policies lack create, patch, update on",
    "aws-secrets-manager": "sink aws: AWS secretsmanager CreateSecret: HTTP 403",
    "aws-ssm": "sink ssm: AWS ssm PutParameter: HTTP 403",
    "gcp-secret-manager": "sink google: entry CLIENT_A: secretmanager.versions.add not granted",
    "kubernetes": "sink cluster: namespace apps: the credentials may not patch Secret llm-keys",
}
"""The types whose store knows permissions, and what a run says when it must not write."""


class EveryStore(Protocol):
    """One store, seen from the outside."""

    @property
    def sink(self) -> str:
        """The name of the sink in the settings."""

    @property
    def type(self) -> str:
        """The type of the sink."""

    @property
    def entry(self) -> str:
        """What the delivery calls the entry."""

    def settings(self) -> str:
        """Return the sink's options, as YAML."""

    def environment(self) -> dict[str, str]:
        """Return the credentials that the options name."""

    def values(self) -> dict[str, str]:
        """Return what is stored, by who read it; nothing where there is nothing."""

    def versions(self) -> int | None:
        """Return how many versions the store keeps, None where it keeps none."""

    def receipt(self) -> dict[str, Any]:
        """Return the receipt of the completed delivery, as the store keeps it."""


@runtime_checkable
class ForbiddingStore(EveryStore, Protocol):
    """A store that knows permissions."""

    def forbid(self, environment: MutableMapping[str, str]) -> None:
        """Take away the right to write, or give credentials that never had it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A project and the stores that its key goes to, in the order of the deliveries."""

    project: Project
    stores: tuple[EveryStore, ...]

    def declare(self, *, generation: int = 1, template: str | None = None, takeover: bool = False) -> None:
        """Write the settings, and a key that goes to every store.

        Args:
            generation: of the key.
            template: of every sink.
            takeover: what others wrote may be overwritten.
        """
        extra = f", template: '{template}'" if template else ""
        sinks = "".join(
            f"  {store.sink}: {{type: {store.type}, {store.settings()}{extra}}}\n" for store in self.stores
        )
        project = self.project
        accounts = SETTINGS.partition("sinks:")[0].format(base_url=project.sandbox.base_url)
        (project.root / "reconciler.yaml").write_text(f"{accounts}sinks:\n{sinks}")
        for store in self.stores:
            project.environment |= store.environment()
        option = ", takeover: true" if takeover else ""
        deliveries = ", ".join(
            f"{{sink: {store.sink}, name: '{store.entry}'{option}}}" for store in self.stores
        )
        (project.root / "keys" / "team.yaml").write_text(
            "version: 1\nkeys:\n  client-a:\n    account: reseller\n"
            f"    generation: {generation}\n    {LIMITS}\n    deliver: [{deliveries}]\n"
        )

    def store(self, kind: str) -> Any:
        """Return the store behind the sink of a type."""
        return {store.type: store for store in self.stores}[kind]

    def minted(self) -> list[str]:
        """Return the secrets that the provider has handed out, in order."""
        return self.project.sandbox.operator.secrets()

    def creates(self) -> int:
        """Return how many creates the provider was asked for."""
        return sum(line.startswith("POST ") for line in self.project.writes())


@contextmanager
def every_store(root: Path, sandbox: SandboxServer, openbao: OpenBao, moto: Moto) -> Iterator[Stage]:
    """Start what is not running yet, and set a project up in front of all of it."""
    with ExitStack() as stack:
        hub = stack.enter_context(github.running())
        google = stack.enter_context(gcp.running())
        pods = stack.enter_context(cluster.running(Authority.create(root / AUTHORITY).context()))
        stores: tuple[EveryStore, ...] = (
            GithubStore(fake=hub),
            VaultStore(server=openbao, mount=openbao.new_mount()),
            SecretsManagerStore(moto=moto),
            SsmStore(moto=moto),
            GcpStore(fake=google),
            KubernetesStore(fake=pods, authority=root / AUTHORITY),
            AgeStore(root=root),
            SopsStore(root=root),
            DotenvStore(root=root),
            JsonStore(root=root),
            ProgramStore(root=root),
        )
        yield Stage(project=Project.create(root, sandbox), stores=stores)
