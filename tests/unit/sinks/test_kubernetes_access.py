"""Ways into a cluster: kubeconfigs, pods, tokens that change, client certificates over real TLS."""

from __future__ import annotations

import base64
import ipaddress
import json
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError
from reconciler.sinks._kubernetes_access import explicit, from_kubeconfig, in_cluster
from reconciler.sinks._store_http import store_client
from reconciler.transport.client import Call
from tests.canary.shown import leaked
from tests.clocks import FakeClock
from tests.stores.kubernetes import TOKEN, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reconciler.sinks._kubernetes_access import ClusterAccess
    from tests.stores.kubernetes import ApiServer

CALL = Call(method="GET", path="/api/v1/namespaces/apps/secrets/nothing")


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Files in PEM: the authority, and what it has signed for the server and for a client."""

    ca: Path
    server: Path
    certificate: Path
    key: Path


def signed(name: str, issuer: tuple[x509.Name, Any] | None = None) -> tuple[x509.Certificate, Any]:
    """Return a certificate and its key; without an issuer, that of an authority."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer[0] if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
    )
    return builder.sign(issuer[1] if issuer else key, hashes.SHA256()), key


def pem(certificate: x509.Certificate) -> bytes:
    """Return a certificate as a file has it."""
    return certificate.public_bytes(serialization.Encoding.PEM)


def key_pem(key: Any, password: bytes | None = None) -> bytes:
    """Return a key as a file has it."""
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    content: bytes = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
    )
    return content


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """An authority of our own, with files for both sides."""
    home = tmp_path_factory.mktemp("authority")
    ca, ca_key = signed("ca")
    issuer = (ca.subject, ca_key)
    server, server_key = signed("server", issuer)
    client, client_key = signed("client", issuer)
    contents = {
        "ca.crt": pem(ca),
        "server.pem": pem(server) + key_pem(server_key),
        "client.crt": pem(client),
        "client.key": key_pem(client_key),
        "locked.key": key_pem(client_key, b"sesame"),
    }
    for name, content in contents.items():
        (home / name).write_bytes(content)
    return Authority(
        ca=home / "ca.crt",
        server=home / "server.pem",
        certificate=home / "client.crt",
        key=home / "client.key",
    )


@pytest.fixture
def fake(authority: Authority) -> Iterator[ApiServer]:
    """An API server with TLS that takes client certificates."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(authority.server)
    tls.load_verify_locations(authority.ca)
    tls.verify_mode = ssl.CERT_OPTIONAL
    with running(tls) as found:
        yield found


def status(cluster: ClusterAccess) -> int:
    """Return how the server answers who comes this way; 404 is a yes to the login."""
    http = store_client(cluster.server, clock=FakeClock(), tls=cluster.tls)
    try:
        return http.send(CALL, cluster.credentials()).status
    finally:
        http.close()


def written(path: Path, cluster: dict[str, Any], user: dict[str, Any], **changes: Any) -> Path:
    """Write a kubeconfig and return where it is."""
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "main",
        "contexts": [
            {"name": "main", "context": {"cluster": "k", "user": "u", "namespace": "apps"}},
            {"name": "bare", "context": {"cluster": "k", "user": "u"}},
        ],
        "clusters": [{"name": "k", "cluster": cluster}],
        "users": [{"name": "u", "user": user}],
        **changes,
    }
    path.write_text(json.dumps(config), "utf-8")
    return path


def encoded(path: Path) -> str:
    """Return a file as kubeconfigs carry it inline."""
    return base64.b64encode(path.read_bytes()).decode()


def test_inline_data_logs_in(fake: ApiServer, authority: Authority, tmp_path: Path) -> None:
    """Authority, certificate and key from the kubeconfig itself are enough."""
    cluster = {"server": fake.address, "certificate-authority-data": encoded(authority.ca)}
    user = {
        "client-certificate-data": encoded(authority.certificate),
        "client-key-data": encoded(authority.key),
    }
    found = from_kubeconfig(written(tmp_path / "config", cluster, user))

    assert found.credentials() == {}
    assert status(found) == 404
    assert found.namespace == "apps"


def test_files_are_found_beside_the_kubeconfig(fake: ApiServer, authority: Authority, tmp_path: Path) -> None:
    """Relative paths start at the kubeconfig's directory, as kubectl has it."""
    for path in (authority.ca, authority.certificate, authority.key):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    cluster = {"server": fake.address, "certificate-authority": "ca.crt"}
    user = {"client-certificate": "client.crt", "client-key": "client.key"}

    assert status(from_kubeconfig(written(tmp_path / "config", cluster, user))) == 404


def test_a_token_logs_in(fake: ApiServer, authority: Authority, tmp_path: Path) -> None:
    """A chosen context counts instead of the current one."""
    cluster = {"server": fake.address, "certificate-authority-data": encoded(authority.ca)}
    path = written(tmp_path / "config", cluster, {"token": f"{TOKEN}\n"})

    found = from_kubeconfig(path, "bare")

    assert status(found) == 404
    assert found.namespace is None


def test_an_unknown_authority_is_not_trusted(fake: ApiServer, tmp_path: Path) -> None:
    """Without the cluster's authority, the token is never sent."""
    path = written(tmp_path / "config", {"server": fake.address}, {"token": TOKEN})

    with pytest.raises(SinkError, match="not from an authority that this machine trusts"):
        status(from_kubeconfig(path))
    assert fake.calls == {}


def test_settings_are_enough(fake: ApiServer, authority: Authority) -> None:
    """Server, token and authority need no kubeconfig."""
    assert status(explicit(fake.address, Secret(TOKEN), authority.ca)) == 404
    assert status(explicit(fake.address, Secret("eyJhbGciOi.other"), authority.ca)) == 401


def test_a_pod_reads_its_token_anew(fake: ApiServer, authority: Authority, tmp_path: Path) -> None:
    """The kubelet replaces the token while a run goes on."""
    (tmp_path / "ca.crt").write_bytes(authority.ca.read_bytes())
    (tmp_path / "token").write_text("eyJhbGciOi.old", "ascii")
    (tmp_path / "namespace").write_text("apps", "ascii")
    host, _, port = fake.address.removeprefix("https://").partition(":")
    environ = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}
    found = in_cluster(environ, tmp_path)

    assert (found.namespace, status(found)) == ("apps", 401)
    (tmp_path / "token").write_text(TOKEN, "ascii")
    assert status(found) == 404
    (tmp_path / "token").unlink()
    with pytest.raises(CredentialsError, match="token"):
        found.credentials()


def test_an_address_of_version_6_gets_brackets(authority: Authority, tmp_path: Path) -> None:
    """Pods of such clusters are given a bare address."""
    (tmp_path / "ca.crt").write_bytes(authority.ca.read_bytes())
    environ = {"KUBERNETES_SERVICE_HOST": "fd00::1", "KUBERNETES_SERVICE_PORT": "443"}

    assert in_cluster(environ, tmp_path).server == "https://[fd00::1]:443"


@pytest.mark.parametrize(
    ("cluster", "user", "problem"),
    [
        ({"insecure-skip-tls-verify": True}, {}, "insecure-skip-tls-verify"),
        ({"proxy-url": "http://proxy"}, {}, "proxy-url"),
        ({"server": None}, {}, "names no server"),
        ({"certificate-authority-data": "%%%"}, {}, "not base64"),
        ({}, {"exec": {"command": "aws"}}, "`exec`"),
        ({}, {"auth-provider": {"name": "gcp"}}, "`auth-provider`"),
        ({}, {"username": "admin", "password": TOKEN}, "`username`"),
        ({}, {"client-key-data": base64.b64encode(TOKEN.encode()).decode()}, "without its key"),
        (
            {},
            {"client-certificate-data": "QUJD", "client-key-data": base64.b64encode(TOKEN.encode()).decode()},
            "cannot be used",
        ),
    ],
)
def test_what_is_not_done_is_refused(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], problem: str
) -> None:
    """No half of a kubeconfig is ignored, and no error shows a credential in it."""
    whole = {"server": "https://127.0.0.1:1", **cluster}
    path = written(tmp_path / "config", whole, {"token": TOKEN, **user})

    with pytest.raises(SinkError, match=problem) as caught:
        from_kubeconfig(path)

    # The locals of this test hold the token, so only what the error itself carries is looked at.
    assert leaked(repr(caught.value), TOKEN) == []
    assert caught.value.__context__ is None


def test_a_locked_key_asks_nobody(authority: Authority, tmp_path: Path) -> None:
    """A key with a password is refused instead of asking a terminal."""
    user = {
        "client-certificate": str(authority.certificate),
        "client-key": str(authority.key.with_name("locked.key")),
    }
    path = written(tmp_path / "config", {"server": "https://127.0.0.1:1"}, user)

    with pytest.raises(SinkError, match="cannot be used"):
        from_kubeconfig(path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        "a: [",
        "{}",
        "current-context: gone",
        "users: 1",
        "{{a: b}: 1}",
        "{contexts: 5, current-context: a}",
    ],
)
def test_a_broken_kubeconfig_is_told(tmp_path: Path, content: str) -> None:
    """Whatever the file is, the error is a sentence."""
    path = tmp_path / "config"
    path.write_text(content, "utf-8")

    with pytest.raises(SinkError, match="the kubeconfig"):
        from_kubeconfig(path)


def test_a_missing_kubeconfig_is_told(tmp_path: Path) -> None:
    """So is one that is not there."""
    with pytest.raises(SinkError, match="cannot be read"):
        from_kubeconfig(tmp_path / "config")


@pytest.mark.parametrize("content", [None, b"no certificate"], ids=["missing", "broken"])
def test_an_authority_that_cannot_be_read_is_told(
    tmp_path: Path, authority: Authority, content: bytes | None
) -> None:
    """Another authority is never trusted in its place."""
    if content is not None:
        (tmp_path / "ca.crt").write_bytes(content)
    cluster = {"server": "https://127.0.0.1:6443", "certificate-authority": "ca.crt"}
    assert authority.ca.is_file()

    with pytest.raises(SinkError, match="certificate authority cannot be read"):
        from_kubeconfig(written(tmp_path / "config", cluster, {"token": "t"}))


def test_a_token_file_is_read_for_every_request(tmp_path: Path, authority: Authority) -> None:
    """Tokens of pods and of logins are replaced while a program runs."""
    (tmp_path / "token").write_text("first\n")
    cluster = {"server": "https://127.0.0.1:6443", "certificate-authority": str(authority.ca)}
    found = from_kubeconfig(written(tmp_path / "config", cluster, {"tokenFile": "token"}))

    for token in ("first", "second"):
        (tmp_path / "token").write_text(f"{token}\n")
        assert found.credentials()["Authorization"].reveal() == f"Bearer {token}"
