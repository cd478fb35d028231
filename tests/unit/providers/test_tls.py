"""The TLS settings."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ProviderUnavailableError
from reconciler.providers import _wire
from reconciler.providers._tls import tls_context
from tests.unit.providers.clients import client
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    from pathlib import Path


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


def test_plain_http_loads_no_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading authorities takes longer than a request, so only https does it."""
    made: list[str] = []

    def record() -> ssl.SSLContext:
        made.append("context")
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    monkeypatch.setattr(_wire, "tls_context", record)
    with RawServer((respond(),), greeting=b"no TLS here\r\n") as server:
        for scheme, contexts in (("http", []), ("https", ["context"])):
            http = client(f"{scheme}://127.0.0.1:{server.port}")
            assert made == []
            with pytest.raises(ProviderUnavailableError):
                http.get("/keys")
            http.close()
            assert made == contexts


def test_a_failed_handshake_means_that_nothing_was_sent() -> None:
    """A server that does not speak TLS sees neither method, path nor token."""
    with RawServer((respond(),), greeting=b"no TLS here\r\n") as server:
        http = client(f"https://127.0.0.1:{server.port}")
        with pytest.raises(ProviderUnavailableError, match=r"TLS could not be agreed on; nothing was sent"):
            http.write("POST", "/keys", b"{}", creates=True)
        http.close()
    assert server.requests == []
