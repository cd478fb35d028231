"""Sinks in AWS, Google Cloud and Kubernetes as people declare them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ManifestError
from reconciler.manifest.load import load_manifest
from reconciler.manifest.settings import SecretSource
from tests.unit.manifest.projects import KINDS, SETTINGS

if TYPE_CHECKING:
    from reconciler.manifest.settings import SinkSettings
    from tests.unit.manifest.projects import Project

KEYS = "version: 1\nkeys: {}\n"
ROLE = "arn:aws:iam::123456789012:role/ci/reconciler"


def load(project: Project, sink: str) -> SinkSettings:
    """Return the sink of settings with one more line in them."""
    project.keys(KEYS, settings=f"{SETTINGS}  more: {sink}\n")
    return load_manifest(Path("reconciler.yaml"), kinds=KINDS).settings.sinks["more"]


@pytest.mark.parametrize(
    "sink",
    [
        "{type: aws-secrets-manager, region: eu-central-1}",
        f"{{type: aws-ssm, region: us-gov-west-1, role_arn: '{ROLE}', external_id: acme}}",
        "{type: aws-ssm, region: ap-southeast-2, kms_key_id: alias/keys, endpoint: 'http://127.0.0.1:5000'}",
        "{type: aws-ssm, region: eu-west-1, access_key_id: {env: A}, secret_access_key: {env: B}}",
        "{type: gcp-secret-manager, project: acme-prod, locations: [europe-west3]}",
        "{type: gcp-secret-manager, project: '123456789012', access_token: {env: T}}",
        "{type: kubernetes, namespace: apps, secret: llm.keys}",
        "{type: kubernetes, kubeconfig: kube.yaml, context: 'kind-main'}",
        "{type: kubernetes, server: 'https://k8s.example:6443', token: {env: T}, ca_file: ca.pem}",
    ],
)
def test_a_sensible_sink_is_taken(project: Project, sink: str) -> None:
    """What the documentation shows is valid."""
    assert load(project, sink).type in sink


@pytest.mark.parametrize(
    ("sink", "problem"),
    [
        ("{type: aws-ssm}", "`region` is missing"),
        ("{type: aws-ssm, region: Frankfurt}", "like eu-central-1"),
        ("{type: aws-ssm, region: eu-west-1, endpoint: 'http://aws.example'}", "must start with https"),
        ("{type: aws-ssm, region: eu-west-1, role_arn: reconciler}", "ARN of an IAM role"),
        ("{type: aws-ssm, region: eu-west-1, access_key_id: {env: A}}", "together, or neither"),
        ("{type: aws-ssm, region: eu-west-1, session_token: {env: A}}", "add it"),
        ("{type: aws-ssm, region: eu-west-1, external_id: acme}", "add it"),
        ("{type: gcp-secret-manager, project: Acme}", "id or the number"),
        (
            "{type: gcp-secret-manager, project: acme-prod, credentials_file: a, access_token: {env: T}}",
            "not both",
        ),
        ("{type: kubernetes, namespace: Apps}", "name of a namespace"),
        ("{type: kubernetes, server: 'https://k8s.example'}", "together, or neither"),
        ("{type: kubernetes, ca_file: ca.pem}", "belongs to a `server`"),
        ("{type: kubernetes, context: main}", "belongs to a `kubeconfig`"),
        (
            "{type: kubernetes, kubeconfig: a, server: 'https://k8s.example', token: {env: T}}",
            "not both",
        ),
    ],
)
def test_what_does_not_fit_together_is_told(project: Project, sink: str, problem: str) -> None:
    """Each mistake is found offline, with its place."""
    with pytest.raises(ManifestError, match=problem):
        load(project, sink)


def test_paths_and_credentials_are_resolved(project: Project) -> None:
    """Files start at the settings' directory, and credentials are places, never values."""
    kubeconfig = load(project, "{type: kubernetes, kubeconfig: kube/config}").options["kubeconfig"]
    key = load(project, "{type: gcp-secret-manager, project: acme-prod, credentials_file: key.json}")
    token = load(project, "{type: gcp-secret-manager, project: acme-prod, access_token: {env: T}}")

    assert isinstance(kubeconfig, Path)
    assert kubeconfig.is_absolute()
    assert isinstance(key.options["credentials_file"], Path)
    assert isinstance(token.options["access_token"], SecretSource)


@pytest.mark.parametrize(
    "entry",
    [
        "app/prod#CLIENT_A",
        "arn:aws:secretsmanager:eu-central-1:123456789012:secret:app/keys-AbCdEf#CLIENT_A",
    ],
)
def test_entries_name_fields_and_arns(project: Project, entry: str) -> None:
    """What the sinks understand can be written in a delivery."""
    project.keys(
        f"version: 1\nkeys:\n  a: {{account: main, deliver: {{sink: more, name: '{entry}'}}}}\n",
        settings=f"{SETTINGS}  more: {{type: aws-secrets-manager, region: eu-central-1}}\n",
    )

    [key] = load_manifest(Path("reconciler.yaml"), kinds=KINDS).desired.keys

    assert key.deliver[0].name == entry
