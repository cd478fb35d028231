"""As whom Google is spoken to; nothing here leaves the machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from reconciler.errors import CredentialsError
from reconciler.sinks._gcp_client import GcpAccess, GcpService, _credentials_in
from tests.clocks import FakeClock

if TYPE_CHECKING:
    from pathlib import Path

ACCOUNT = "reconciler@acme-prod.iam.gserviceaccount.com"


@pytest.fixture(scope="module")
def service_account() -> dict[str, Any]:
    """The key file of a service account, as the console hands it out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form = serialization.PrivateFormat.PKCS8
    pem = key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    return {
        "type": "service_account",
        "client_email": ACCOUNT,
        "token_uri": "https://oauth2.googleapis.com/token",
        "private_key": pem.decode(),
    }


def workload(**source: object) -> dict[str, Any]:
    """Return a workload identity configuration with this source."""
    return {
        "type": "external_account",
        "audience": "//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/x",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "token_url": "https://sts.googleapis.com/v1/token",
        "credential_source": source,
    }


def written(path: Path, config: object) -> Path:
    """Write a credentials file."""
    path.write_text(json.dumps(config), "utf-8")
    return path


def test_the_key_of_a_service_account_is_taken(service_account: dict[str, Any], tmp_path: Path) -> None:
    """Limited to the scope that Secret Manager needs."""
    found = _credentials_in(written(tmp_path / "key.json", service_account))

    assert found.service_account_email == ACCOUNT
    assert found.scopes == ("https://www.googleapis.com/auth/cloud-platform",)


def test_a_workload_identity_is_taken(tmp_path: Path) -> None:
    """The identity of a job, from a file that its runner writes."""
    config = workload(file=str(tmp_path / "token"))

    assert _credentials_in(written(tmp_path / "config.json", config)).info["audience"] == config["audience"]


@pytest.mark.parametrize(
    "config",
    [
        workload(executable={"command": "/bin/steal"}),
        workload(environment_id="aws1", url="http://169.254.169.254/"),
        {"type": "authorized_user", "refresh_token": "r"},
        {},
        [],
    ],
    ids=["runs-a-program", "asks-another-host", "a-person", "nothing", "a-list"],
)
def test_other_kinds_are_refused(config: object, tmp_path: Path) -> None:
    """A file that makes this program run others, or ask other hosts, is not what was reviewed."""
    access = GcpAccess(credentials_file=written(tmp_path / "config.json", config))
    service = GcpService(access, FakeClock())

    with pytest.raises(CredentialsError, match="give credentials"):
        service.call("get_secret", {"name": "projects/p/secrets/s"}, reads=True)
    service.close()


def test_without_options_the_usual_chain_is_asked(
    service_account: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `gcloud` and the client libraries use is used here as well."""
    path = written(tmp_path / "key.json", service_account)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))

    assert GcpService(GcpAccess(), FakeClock())._credentials().service_account_email == ACCOUNT
