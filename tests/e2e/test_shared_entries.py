"""A field inside a secret that others use too, composed values, and taking over what somebody else wrote."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.every_store import every_store
from tests.e2e.service_stores import KubernetesStore, SecretsManagerStore, VaultStore
from tests.stores.kubernetes import DEFAULT_SECRET

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.every_store import Stage
    from tests.stores.aws import Moto
    from tests.stores.openbao import OpenBao

pytestmark = pytest.mark.slow
OTHERS = {"user": "web", "password": "a'b\"c\u00e9"}
FIELD = "api_key"


@dataclass(kw_only=True)
class SharedVault(VaultStore):
    """A secret in OpenBao."""

    entry: str = f"apps/web#{FIELD}"

    def plant(self, fields: dict[str, str]) -> None:
        """Let somebody else write the secret."""
        self.server.ask("POST", f"{self.mount}/data/apps/web", {"data": fields})

    def fields(self) -> dict[str, str]:
        """Return what a consumer of the whole secret reads."""
        return self.server.data(self.mount, "apps/web")


@dataclass(kw_only=True)
class SharedSecretsManager(SecretsManagerStore):
    """A JSON object in AWS Secrets Manager."""

    entry: str = f"apps/web#{FIELD}"

    def plant(self, fields: dict[str, str]) -> None:
        """Let somebody else write the secret."""
        self.client.create_secret(Name="apps/web", SecretString=json.dumps(fields))

    def fields(self) -> dict[str, str]:
        """Return what a consumer of the whole secret reads."""
        found = self.client.get_secret_value(SecretId="apps/web", VersionStage="AWSCURRENT")
        return dict(json.loads(found["SecretString"]))


@dataclass(kw_only=True)
class SharedKubernetes(KubernetesStore):
    """A Secret of Kubernetes."""

    entry: str = f"{DEFAULT_SECRET}#{FIELD}"

    def plant(self, fields: dict[str, str]) -> None:
        """Let somebody else write the secret."""
        for name, value in fields.items():
            self.fake.edit(DEFAULT_SECRET, name, value)

    def fields(self) -> dict[str, str]:
        """Return what a consumer of the whole secret reads."""
        data = self.document()["data"]
        return {name: base64.b64decode(text).decode() for name, text in data.items()}


Shared = SharedVault | SharedSecretsManager | SharedKubernetes
KINDS = ["vault", "aws-secrets-manager", "kubernetes"]


@pytest.fixture
def stage(tmp_path: Path, openbao: OpenBao, moto: Moto) -> Iterator[Stage]:
    """Every store, empty; each test picks one."""
    with SandboxServer() as sandbox, every_store(tmp_path, sandbox, openbao, moto) as found:
        yield found


def shared(stage: Stage, kind: str) -> tuple[Stage, Shared]:
    """Return the store of a kind with a secret that others use too, and a stage with nothing else."""
    store: Shared
    match found := stage.store(kind):
        case VaultStore():
            store = SharedVault(server=found.server, mount=found.mount)
        case SecretsManagerStore():
            store = SharedSecretsManager(moto=found.moto)
        case _:
            store = SharedKubernetes(fake=found.fake, authority=found.authority)
    return replace(stage, stores=(store,)), store


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_is_delivered_and_the_others_stay(stage: Stage, kind: str) -> None:
    """The value is composed by the template, a rotation replaces it, and nothing else is touched."""
    stage, store = shared(stage, kind)
    store.plant(OTHERS)
    for generation in (1, 2):
        stage.declare(generation=generation, template="Bearer {key}")

        run = stage.project.run("apply", "--yes")

        assert run.code == 0, run.stderr
        assert store.fields() == {**OTHERS, FIELD: f"Bearer {stage.minted()[-1]}"}
        assert len(stage.minted()) == generation
        assert stage.project.run("plan", "--detailed-exitcode").code == 0


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_of_somebody_else_is_taken_over_only_when_declared(stage: Stage, kind: str) -> None:
    """Without `takeover` nothing is minted and nothing is changed; with it, the one field is replaced."""
    stage, store = shared(stage, kind)
    before = {**OTHERS, FIELD: "somebody-elses"}
    store.plant(before)
    stage.declare()

    refused = stage.project.run("apply", "--yes")

    assert refused.code == 1, refused.stdout
    assert f"sink {store.sink}: entry {store.entry}:" in refused.stderr
    assert "`takeover: true`" in refused.stderr
    assert stage.project.writes() == []
    assert store.fields() == before
    stage.declare(takeover=True)

    taken = stage.project.run("apply", "--yes")

    assert taken.code == 0, taken.stderr
    assert store.fields() == {**OTHERS, FIELD: stage.minted()[0]}
    assert len(stage.minted()) == 1


def test_a_fan_out_composes_one_value_for_every_store(stage: Stage) -> None:
    """The same key in eleven stores, as a whole header in each."""
    stage.declare(template="Authorization=Bearer/{key}")

    run = stage.project.run("apply", "--yes")

    assert run.code == 0, run.stderr
    expected = f"Authorization=Bearer/{stage.minted()[0]}"
    assert {store.type: set(store.values().values()) for store in stage.stores} == {
        store.type: {expected} for store in stage.stores
    }
    assert stage.project.run("plan", "--detailed-exitcode").code == 0
