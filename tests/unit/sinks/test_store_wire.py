"""One exchange with a store: what its sockets may do to us, and that nothing of it is shown."""

from __future__ import annotations

import logging
import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING

import pytest

from reconciler.core.secret import Secret
from reconciler.sinks._store_wire import MAX_BODY, StoreWire, TransferError, WireRequest, tls_context
from tests.contract.leaks import leaked, shown
from tests.unit.providers.raw_server import RawServer, drip, flood, reset, respond, send, silence

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.unit.providers.raw_server import Answer

OK = b"HTTP/1.1 200 OK\r\n"
CHUNK = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
TOKEN, SECRET = "hvs.token-4f1c0a9d27b35e68", "sk-secret-b8e27d61c0f3495a"


def request(url: str) -> WireRequest:
    """Return a request that holds a token and a secret."""
    return WireRequest(method="PUT", url=url, headers={"X-Token": Secret(TOKEN)}, body=Secret(SECRET))


def failure(wire: StoreWire, url: str) -> TransferError:
    """Return the error of an exchange, without a frame of the server's side behind it."""
    with pytest.raises(TransferError) as caught:
        wire.exchange(request(url))
    return caught.value


def lost(answer: Answer, *, timeout: float = 5.0) -> TransferError:
    """Return the error of an exchange with a server that answers so."""
    with RawServer((answer,)) as server:
        wire = StoreWire(tls=None, timeout=timeout)
        error = failure(wire, server.url)
        wire.close()
    return error


def test_an_answer_comes_back_closed() -> None:
    """What was sent arrives, and what comes back is a secret until somebody opens it."""
    with RawServer((respond(201, b"echo \xff", {"Retry-After": "7"}),)) as server:
        wire = StoreWire(tls=None, timeout=5.0)
        answer = wire.exchange(request(f"{server.url}/a?b=1"))
        wire.close()
    assert (answer.status, answer.headers["retry-after"]) == (201, "7")
    assert answer.body.reveal().encode("latin-1") == b"echo \xff"
    assert "echo" not in repr(answer)
    [received] = server.requests
    assert (received.target, received.headers["x-token"], received.body.decode()) == ("/a?b=1", TOKEN, SECRET)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reset(), "the connection broke"),
        (send(b""), "the answer is not valid HTTP"),
        (send(OK + b"Content-Length: 99\r\n\r\n{}"), "the answer is not valid HTTP"),
        (send(b"\x16\x03\x01 no HTTP\r\n\r\n"), "the answer is not valid HTTP"),
        (silence, "no complete answer in time"),
        (drip(OK, b"X: y\r\n"), "no complete answer in time"),
        (drip(OK + b"Content-Length: 4000000\r\n\r\n", b"x"), "no complete answer in time"),
        (flood(OK + b"Transfer-Encoding: chunked\r\n\r\n", CHUNK), "larger than 5 MB"),
        (
            flood(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n" * 4096),
            "connection broke",
        ),
        (respond(200, b"x", {"Content-Encoding": "gzip"}), "compressed"),
    ],
    ids=[
        "reset",
        "closed",
        "cut",
        "no-http",
        "silence",
        "slow-head",
        "slow-body",
        "huge-body",
        "huge-head",
        "compressed",
    ],
)
def test_a_broken_answer_is_a_lost_one(answer: Answer, reason: str) -> None:
    """It may have been done, the deadline is total, and the error has neither token nor secret."""
    began = time.monotonic()
    error = lost(answer, timeout=1.0)

    assert time.monotonic() - began < 4.0
    assert error.sent
    assert reason in error.reason
    assert leaked(shown(error), TOKEN, SECRET) == []


def test_an_announced_size_is_enough_to_refuse() -> None:
    """Nothing of the body is read, and trying again is no use."""
    error = lost(drip(OK + f"Content-Length: {MAX_BODY + 1}\r\n\r\n".encode(), b""))

    assert error.final


def test_nothing_is_sent_to_a_closed_port() -> None:
    """Such a request was certainly not done."""
    wire = StoreWire(tls=None, timeout=5.0)
    with pytest.raises(TransferError, match="refused") as caught:
        wire.exchange(request("http://localhost:1/x"))
    wire.close()

    assert not caught.value.sent
    assert leaked(shown(caught.value), TOKEN, SECRET) == []


def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who can set a variable does not get the secrets."""
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with RawServer((respond(200, b"{}"),)) as server:
        wire = StoreWire(tls=None, timeout=5.0)
        assert wire.exchange(request(server.url)).status == 200
        wire.close()


@pytest.mark.parametrize("name", ["httpx", "httpcore", "hpack", "urllib3"])
def test_debug_logging_of_the_libraries_stays_off(name: str) -> None:
    """They would print headers and bodies."""
    assert logging.getLogger(name).getEffectiveLevel() >= logging.WARNING


class TestTls:
    """Certificates are verified against the system's authorities, or against a file."""

    @pytest.fixture
    def certificate(self, tmp_path: Path) -> Path:
        """A certificate for 127.0.0.1 that signed itself, with its key in one file."""
        key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
        subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", *subject]
        subprocess.run([*command, "-keyout", key, "-out", file], check=True, capture_output=True)
        return file

    @pytest.fixture
    def server(self, certificate: Path) -> Iterator[str]:
        """An https server that answers everything with 200."""

        class Handler(BaseHTTPRequestHandler):
            def do_PUT(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_arguments: object) -> None:
                """Say nothing."""

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, certificate.with_name("key.pem"))
        server = HTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        yield f"https://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        server.server_close()
        thread.join()

    def test_an_unknown_authority_is_refused(self, server: str) -> None:
        """Before the token is sent."""
        wire = StoreWire(tls=tls_context(), timeout=5.0)
        with pytest.raises(TransferError, match="certificate is not valid") as caught:
            wire.exchange(request(server))
        wire.close()

        assert not caught.value.sent

    def test_a_ca_file_is_trusted(self, server: str, certificate: Path) -> None:
        """Given as a file or as text."""
        for context in (tls_context(certificate), tls_context(ca_text=certificate.read_text("ascii"))):
            wire = StoreWire(tls=context, timeout=5.0)
            assert wire.exchange(request(server)).status == 200
            wire.close()

    def test_session_keys_are_not_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """Who can set a variable does not get to read the connection."""
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys"))

        assert tls_context().keylog_filename is None
