"""Calls to AWS: whose credentials are used, where requests go, and what is never said."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, DeferredError
from reconciler.transport.aws_client import AwsService, access_of
from tests.canary.shown import leaked, shown
from tests.clocks import FakeClock
from tests.stores.aws import between

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tests.stores.aws import Moto

VALUE = "sk-new-v8U3SItlSkcI51GxlBNg"


def service(
    options: Mapping[str, object], name: str = "secretsmanager", clock: FakeClock | None = None
) -> AwsService:
    """Return a service as sinks make it."""
    return AwsService(name, access_of(options), clock or FakeClock())


@pytest.fixture
def no_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the credentials that the machine may have."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ROLE_ARN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


@pytest.mark.usefixtures("no_profile")
def test_no_credentials_are_an_error_of_their_own(moto: Moto) -> None:
    """A run without any credentials ends with exit code 9 and says where they come from."""
    options = {"region": "eu-central-1", "endpoint": moto.endpoint}

    with pytest.raises(CredentialsError, match="give credentials"):
        service(options).call("describe_secret", {"SecretId": "x"}, reads=True)


@pytest.mark.usefixtures("no_profile")
def test_the_usual_chain_is_used(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials in the settings, the variables of the AWS tools count, as set by OIDC logins."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAFROMTHEENVIRONMENT")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-the-environment")
    options = {"region": "eu-central-1", "endpoint": moto.endpoint}
    aws = service(options)

    assert aws.call("list_secrets", {}, reads=True)["SecretList"] == []
    aws.close()


def test_a_role_is_assumed(moto: Moto) -> None:
    """With a role in the settings, it is the role that writes."""
    role = "arn:aws:iam::123456789012:role/reconciler"
    aws = service(moto.options(FakeClock(), role_arn=role, external_id="acme"), "sts")

    assert "assumed-role/reconciler/reconciler" in aws.call("get_caller_identity", {}, reads=True)["Arn"]
    aws.close()


@pytest.mark.usefixtures("no_profile")
def test_no_variable_moves_the_secret_elsewhere(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an endpoint nor a proxy from the environment counts; both were not reviewed."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    aws = service(moto.options(FakeClock()))

    aws.call("create_secret", {"Name": "here", "SecretString": Secret(VALUE)})

    assert aws.call("list_secrets", {}, reads=True)["SecretList"][0]["Name"] == "here"
    aws.close()


def test_answers_hold_secrets_closed(moto: Moto) -> None:
    """A value comes out as a secret; tags stay text."""
    aws = service(moto.options(FakeClock()))
    tags = [{"Key": "team", "Value": "billing"}]
    aws.call("create_secret", {"Name": "here", "SecretString": Secret(VALUE), "Tags": tags})

    answer = aws.call("get_secret_value", {"SecretId": "here"}, reads=True)
    described = aws.call("describe_secret", {"SecretId": "here"}, reads=True)

    assert isinstance(answer["SecretString"], Secret)
    assert leaked(repr(answer), VALUE) == []
    assert described["Tags"] == tags
    aws.close()


def test_being_throttled_for_long_is_a_deferral(moto: Moto) -> None:
    """After the last try nothing was done, and it is worth running again."""
    clock = FakeClock()
    with between(moto) as faults:
        aws = service(moto.options(clock, endpoint=faults.endpoint), clock=clock)
        faults.planned["PutSecretValue"] = ["ThrottlingException"] * 9

        with pytest.raises(DeferredError, match="nothing was done") as caught:
            aws.call("put_secret_value", {"SecretId": "here", "SecretString": Secret(VALUE)})
        aws.close()

    assert faults.seen == ["PutSecretValue"] * 5
    assert leaked(shown(caught.value), VALUE) == []


def test_debug_logs_hold_no_secret(moto: Moto, caplog: pytest.LogCaptureFixture) -> None:
    """With every logger of the process at DEBUG, neither request nor answer is logged."""
    aws = service(moto.options(FakeClock()))
    with caplog.at_level(logging.DEBUG):
        aws.call("create_secret", {"Name": "here", "SecretString": Secret(VALUE)})
        aws.call("get_secret_value", {"SecretId": "here"}, reads=True)

    assert leaked(caplog.text, VALUE) == []
    aws.close()


def test_a_refusal_without_a_code_is_told_by_its_status(moto: Moto) -> None:
    """A proxy, or an imitation of AWS, may say no in another language than the service's."""
    who = moto.user(["ssm:*"])
    options = {"region": "eu-central-1", "endpoint": moto.endpoint, **who}

    with pytest.raises(CredentialsError, match="ListSecrets: HTTP 403; renew"):
        service(options).call("list_secrets", {}, reads=True)
