"""The `kubernetes` sink against a real API server, in a namespace that is made for it and removed again.

KUBECONFIG=~/.kube/config pytest tests/conformance/test_kubernetes_cluster.py
"""

from __future__ import annotations

import base64
import json
import os
import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkRefusedError
from reconciler.sinks import kubernetes
from reconciler.sinks._kubernetes_access import from_kubeconfig
from reconciler.sinks._store_http import store_client
from reconciler.transport.client import Call, path_of
from tests.clocks import FakeClock
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, receipt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.sinks._kubernetes_access import ClusterAccess
    from reconciler.sinks.kubernetes import KubernetesSink
    from reconciler.transport.client import ApiClient

pytestmark = pytest.mark.cluster
SECRET = "llm-keys"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """Somebody else in the cluster, who may do everything."""

    http: ApiClient
    access: ClusterAccess
    namespace: str

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, manager: str = ""
    ) -> dict[str, Any]:
        """Do a request that has to succeed."""
        call = Call(
            method=method,
            path=path,
            query={"fieldManager": manager} if manager else {},
            body=None if body is None else Secret(json.dumps(body)),
            content_type="application/merge-patch+json" if method == "PATCH" else "application/json",
        )
        answer = self.http.send(call, self.access.credentials())
        assert answer.ok, str(answer)
        return answer.document()

    @property
    def path(self) -> str:
        """Of the Secret."""
        return path_of("api", "v1", "namespaces", self.namespace, "secrets", SECRET)

    def edit(self, key: str, value: str) -> None:
        """Change a key as an editor does."""
        data = {key: base64.b64encode(value.encode()).decode()}
        self.ask("PATCH", self.path, {"data": data}, manager="kubectl-edit")

    def value(self, key: str) -> str:
        """Return what a pod sees."""
        return base64.b64decode(self.ask("GET", self.path)["data"][key]).decode()


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """The cluster, with a namespace of its own for this test."""
    access = from_kubeconfig(Path(os.environ["KUBECONFIG"]))
    http = store_client(access.server, clock=FakeClock(), tls=access.tls)
    found = Cluster(http=http, access=access, namespace=f"reconciler-{uuid.uuid4().hex[:12]}")
    manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": found.namespace}}
    found.ask("POST", "/api/v1/namespaces", manifest)
    yield found
    found.ask("DELETE", path_of("api", "v1", "namespaces", found.namespace))
    http.close()


@pytest.fixture
def sink(cluster: Cluster) -> Iterator[KubernetesSink]:
    """The sink as a run makes it."""
    found = kubernetes.build(
        {
            "kubeconfig": Path(os.environ["KUBECONFIG"]),
            "namespace": cluster.namespace,
            "secret": SECRET,
            "clock": FakeClock(),
        }
    )
    yield found
    found.close()


def test_a_delivery_and_a_rotation(sink: KubernetesSink, cluster: Cluster) -> None:
    """Preflight, put and verify work, a repeated put changes nothing, and the receipts are read back."""
    for generation, secret in ((1, OLD), (2, NEW)):
        sink.preflight([ENTRY])
        for _ in range(2):
            sink.put(ENTRY, Secret(secret), receipt(generation))
            sink.verify(ENTRY, Secret(secret), receipt(generation))
        version = cluster.ask("GET", cluster.path)["metadata"]["resourceVersion"]
        sink.put(ENTRY, Secret(secret), receipt(generation))
        assert cluster.ask("GET", cluster.path)["metadata"]["resourceVersion"] == version

    assert cluster.value(NAME) == NEW
    assert sink.stat([NAME, "OTHER"]) == {NAME: receipt(2)}


def test_two_entries_and_a_stranger(sink: KubernetesSink, cluster: Cluster) -> None:
    """Managers of one Secret leave each other's keys alone."""
    other = replace(ENTRY, name="OTHER")
    sink.put(ENTRY, Secret(OLD), receipt())
    cluster.edit("DATABASE_URL", "postgres://app")
    sink.put(other, Secret(NEW), receipt(2))
    sink.put(ENTRY, Secret(NEW), receipt(2))

    assert [cluster.value(key) for key in (NAME, "OTHER", "DATABASE_URL")] == [NEW, NEW, "postgres://app"]


def test_what_others_wrote_is_refused(sink: KubernetesSink, cluster: Cluster) -> None:
    """A key of another manager is not taken without `takeover`, and one of ours is taken back."""
    sink.put(replace(ENTRY, name="FIRST"), Secret(OLD), receipt())
    cluster.edit(NAME, "theirs")

    with pytest.raises(SinkRefusedError):
        sink.preflight([ENTRY])
    sink.put(replace(ENTRY, takeover=True), Secret(OLD), receipt())
    cluster.edit(NAME, "by-hand")
    assert sink.stat([NAME]) == {}
    sink.put(ENTRY, Secret(NEW), receipt(2))

    assert cluster.value(NAME) == NEW


def test_an_immutable_secret_is_refused(sink: KubernetesSink, cluster: Cluster) -> None:
    """The dry run finds it before anything is minted."""
    sink.put(replace(ENTRY, name="FIRST"), Secret(OLD), receipt())
    cluster.ask("PATCH", cluster.path, {"immutable": True}, manager="kubectl-edit")

    with pytest.raises(SinkRefusedError):
        sink.preflight([ENTRY])
