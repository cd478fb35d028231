"""The TLS settings: certificates are verified against the system's authorities, or against a file."""

from __future__ import annotations

import ssl
import threading
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.transport.connections import Connections, HttpRequest
from reconciler.transport.tls import tls_context
from reconciler.transport.transfer_errors import TransferError
from tests.certificates import Authority

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def request(url: str) -> HttpRequest:
    """Return a request that holds a secret."""
    return HttpRequest(method="PUT", url=url, headers={}, body=Secret("sk-secret"))


def _same(context: ssl.SSLContext) -> ssl.SSLContext:
    return context


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """An authority that no machine knows."""
    return Authority.create(tmp_path / "authority.pem")


@pytest.fixture
def server(authority: Authority) -> Iterator[str]:
    """An https server that answers everything with 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.socket = authority.context().wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_an_unknown_authority_is_refused(server: str) -> None:
    """Before the token is sent."""
    connections = Connections(tls=tls_context, timeout=5.0)
    with pytest.raises(TransferError, match="not from an authority that this machine trusts") as caught:
        connections.exchange(request(server))
    connections.close()

    assert not caught.value.sent


def test_a_ca_file_is_trusted(server: str, authority: Authority) -> None:
    """Given as a file or as text."""
    for context in (tls_context(authority.file), tls_context(ca_text=authority.file.read_text("ascii"))):
        connections = Connections(tls=partial(_same, context), timeout=5.0)
        assert connections.exchange(request(server)).status == 200
        connections.close()


def test_the_context_verifies_and_is_modern() -> None:
    """Certificate and host name are checked, and TLS 1.1 is not spoken."""
    context = tls_context()
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_session_keys_are_never_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSLKEYLOGFILE, which the standard context honours, has no effect."""
    keys = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keys))
    assert ssl.create_default_context().keylog_filename == str(keys)
    assert tls_context().keylog_filename is None


def test_a_machine_without_certificates_of_its_own_gets_the_bundled_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Slim images have no certificate store; the client still verifies."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
    assert tls_context().cert_store_stats()["x509_ca"] > 50
