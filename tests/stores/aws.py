"""AWS on loopback: moto's own HTTP server in a process of its own, as its warnings and logs are not ours."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from typing import TYPE_CHECKING, Any

from reconciler.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.ports.clock import Clock

REGION = "eu-central-1"
ELSEWHERE = "us-west-2"
_PROGRAM = """
import logging, sys
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""
_NO_AUTH = str(2**62)


@dataclass(frozen=True, kw_only=True)
class Moto:
    """The running server."""

    port: int
    clients: dict[tuple[str, str], Any] = field(default_factory=dict)

    @property
    def endpoint(self) -> str:
        """The address of every service."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str, region: str = REGION) -> Any:
        """Return a client of somebody else, who may do everything."""
        if (service, region) not in self.clients:
            config = import_module("botocore.config").Config(retries={"total_max_attempts": 1}, proxies={})
            self.clients[service, region] = import_module("boto3").client(
                service,
                region_name=region,
                endpoint_url=self.endpoint,
                aws_access_key_id="AKIAOPERATOR",
                aws_secret_access_key="operator-secret",
                config=config,
            )
        return self.clients[service, region]

    def options(self, clock: Clock, **changes: object) -> dict[str, object]:
        """Return the options of a sink that may do everything."""
        return {
            "region": REGION,
            "endpoint": self.endpoint,
            "access_key_id": Secret("AKIARECONCILER"),
            "secret_access_key": Secret("reconciler-secret"),
            "clock": clock,
            **changes,
        }

    def user(self, actions: list[str]) -> dict[str, Secret]:
        """Return the credentials of a new user who may do only this; others can do nothing from now on."""
        iam = self.client("iam")
        iam.create_user(UserName="runner")
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": actions, "Resource": "*"}],
        }
        iam.put_user_policy(UserName="runner", PolicyName="only", PolicyDocument=json.dumps(policy))
        key = iam.create_access_key(UserName="runner")["AccessKey"]
        self.authenticate()
        return {
            "access_key_id": Secret(key["AccessKeyId"]),
            "secret_access_key": Secret(key["SecretAccessKey"]),
        }

    def authenticate(self) -> None:
        """Check signatures and policies from now on, until the next reset."""
        self._post("/moto-api/reset-auth", "0")

    def reset(self) -> None:
        """Forget everything."""
        self._post("/moto-api/reset-auth", _NO_AUTH)
        self._post("/moto-api/reset")

    def _post(self, path: str, body: str = "") -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", path, body)
            assert connection.getresponse().status == 200
        finally:
            connection.close()


@contextmanager
def running() -> Iterator[Moto]:
    """Run the server."""
    process = subprocess.Popen(
        [sys.executable, "-c", _PROGRAM],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        assert process.stdin
        assert process.stdout
        server = Moto(port=int(process.stdout.readline()))
        try:
            yield server
        finally:
            process.stdin.close()
            for client in server.clients.values():
                client.close()


def tags(answer: Mapping[str, Any]) -> dict[str, str]:
    """Return the tags in an answer."""
    return {tag["Key"]: tag["Value"] for tag in answer.get("Tags") or answer.get("TagList") or ()}


@dataclass(kw_only=True)
class Faults:
    """What goes wrong between a sink and the server.

    Attributes:
        port: where the sink connects to.
        planned: per operation, what happens to its next calls: `lost` after it was done, `unsent` before,
            or an error code that the server answers with nothing done.
        seen: the operations, in order.
        bodies: what was sent.
    """

    port: int = 0
    planned: dict[str, list[str]] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list, repr=False)

    @property
    def endpoint(self) -> str:
        """The address to use instead of the server's."""
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # in one piece, or delayed acknowledgements cost 40 ms a request
    faults: Faults
    target: int

    def do_POST(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        operation = self.headers.get("X-Amz-Target", ".").rpartition(".")[2]
        self.faults.seen.append(operation)
        self.faults.bodies.append(body.decode())
        planned = self.faults.planned.get(operation) or [""]
        fault = planned.pop(0)
        if fault in {"", "lost"}:
            connection = HTTPConnection("127.0.0.1", self.target, timeout=10)
            connection.request("POST", self.path, body, dict(self.headers))
            answer = connection.getresponse()
            status, content = answer.status, answer.read()
            connection.close()
        else:
            # Services quote what they were sent, and none of it may be shown.
            status = 500 if fault.startswith("Internal") else 400
            content = json.dumps({"__type": fault, "message": body.decode()}).encode()
        if fault in {"lost", "unsent"}:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Type", "application/x-amz-json-1.1")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the name is the base class's
        """Say nothing."""


@contextmanager
def between(moto: Moto) -> Iterator[Faults]:
    """Run what stands between a sink and the server."""
    faults = Faults()
    handler = type("Handler", (_Handler,), {"faults": faults, "target": moto.port})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    faults.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield faults
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
