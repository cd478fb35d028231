"""What stores answer to sinks: GitHub, Vault, Kubernetes, AWS and Google, and the object of a lease in S3."""

from __future__ import annotations

import io
import re
import warnings
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final
from unittest.mock import patch

from reconciler.core.model import Receipt
from reconciler.core.secret import Secret
from reconciler.errors import ReconcilerError
from reconciler.leases.s3_lease import S3Lease
from reconciler.ports.sink import Entry
from reconciler.sinks import (
    aws_secrets_manager,
    aws_ssm,
    gcp_secret_manager,
    github_actions,
    kubernetes,
    vault,
)
from reconciler.sinks._gcp_client import GcpAccess, GcpService
from reconciler.sinks._kubernetes_access import ClusterAccess
from reconciler.sinks._store_http import store_client
from reconciler.transport.aws_client import AwsService, access_of
from tests.clocks import FakeClock
from tests.fuzz.answers import CUT, Script, answered
from tests.fuzz.dictionary import dictionary
from tests.fuzz.target import CANARY, Target
from tests.unit.core.worlds import NOW

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from reconciler.ports.sink import Sink

_OPERATIONS: Final = ("stat", "preflight", "put", "verify", "read", "reserve")
# Whose an entry is stands in its receipt, and in the refusal to overwrite it.
_OWNER: Final = re.compile(rb'(?:origin|address|remote_id)\W{1,12}[^"\\]*' + CANARY.encode())
_SECRET: Final = Secret(f"sk-{CANARY}")
_RECEIPT: Final = Receipt(
    origin="https://api.example",
    address="acc/client-a",
    remote_id="7",
    generation=1,
    attempt=1,
    delivered_at=NOW,
)


def _store(name: str, build: Callable[[], Sink], entry: str) -> Target:
    """Return the target of a store whose answers come over `reconciler.transport`."""
    return _target(name, build, entry, answered)


def _target(name: str, build: Callable[[], Sink], entry: str, answering: Callable[[Script], Any]) -> Target:
    def feed(data: bytes) -> None:
        script = Script(data)
        with answering(script), closing(build()) as sink:
            _use(sink, entry, script.word(0, _OPERATIONS), takeover="takeover" in script.words)

    return Target(name=name, feed=feed, words=dictionary("stores"), cut=CUT, shown=_OWNER)


def _use(sink: Sink, name: str, operation: str, *, takeover: bool) -> None:
    entry = Entry(name=name, address="acc/client-a", origin="https://api.example", takeover=takeover)
    match operation:
        case "stat":
            found = sink.stat([name])
            assert set(found) <= {name}
        case "preflight":
            sink.preflight([entry])
        case "put":
            sink.put(entry, _SECRET, _RECEIPT)
        case "verify":
            sink.verify(entry, _SECRET, _RECEIPT)
        case _:
            # Only some stores have these.
            method = getattr(sink, operation, None)
            if method is not None:
                assert CANARY not in repr(method(name if operation == "read" else [entry]))


def _github() -> Sink:
    return github_actions.build(
        {
            "repository": "acme/keys",
            "token": Secret(f"ghp_{CANARY}"),
            "base_url": "https://api.github.example",
            "clock": FakeClock(),
        }
    )


def _github_app() -> Sink:
    return github_actions.build(
        {
            "organization": "acme",
            "visibility": "selected",
            "selected_repositories": ("one", "two"),
            "token": Secret(f"ghp_{CANARY}"),
            "base_url": "https://api.github.example",
            "clock": FakeClock(),
        }
    )


def _vault() -> Sink:
    return vault.build(
        {
            "address": "https://vault.example",
            "mount": "secret",
            "field": "value",
            "auth": "approle",
            "role_id": "r",
            "secret_id": Secret(CANARY),
            "clock": FakeClock(),
        }
    )


def _kubernetes() -> Sink:
    # Without authorities, whose loading takes longer than feeding an input.
    cluster = ClusterAccess(server="https://kubernetes.example", tls=None, token=lambda: Secret(CANARY))
    http = store_client(cluster.server, clock=FakeClock())
    return kubernetes.KubernetesSink(http, cluster, namespace="team", secret="keys")


_AWS: Final = {
    "region": "eu-central-1",
    "access_key_id": Secret("AKIAEXAMPLE"),
    "secret_access_key": Secret(CANARY),
}


@lru_cache(maxsize=8)
def _aws(name: str) -> AwsService:
    """Return one service for all inputs, as making a client takes longer than feeding it."""
    return _Lasting(name, access_of(_AWS), FakeClock())


class _Lasting(AwsService):
    """A service that whoever uses it does not close."""

    def close(self) -> None:
        """Stay open."""


@contextmanager
def _answered_aws(script: Script) -> Iterator[None]:
    """Let botocore get its answers from a script, in place of its HTTP session."""
    awsrequest = import_module("botocore.awsrequest")
    exceptions = import_module("botocore.exceptions")

    def send(_self: object, request: Any) -> object:
        answer = script.next(f"{request.method} {request.url}")
        if answer.status == "lost":
            raise exceptions.ReadTimeoutError(endpoint_url=request.url)
        if answer.status == "unsent":
            raise exceptions.EndpointConnectionError(endpoint_url=request.url)
        headers = import_module("botocore.compat").HTTPHeaders()
        for name, value in answer.headers.items():
            headers[name] = value
        return awsrequest.AWSResponse(request.url, answer.code, headers, _Raw(answer.body))

    with patch("botocore.httpsession.URLLib3Session.send", send):
        yield


class _Raw(io.BytesIO):
    """A body as urllib3 hands it over."""

    def stream(self, **_options: object) -> Iterator[bytes]:
        """Yield the whole body."""
        yield self.read()


def _secrets_manager() -> Sink:
    with patch.object(aws_secrets_manager, "AwsService", lambda name, *_: _aws(name)):
        return aws_secrets_manager.build({**_AWS, "clock": FakeClock()})


def _ssm() -> Sink:
    with patch.object(aws_ssm, "AwsService", lambda name, *_: _aws(name)):
        return aws_ssm.build({**_AWS, "clock": FakeClock(), "tier": "standard"})


@lru_cache(maxsize=1)
def _google() -> GcpService:
    access = GcpAccess(endpoint="https://secrets.example", access_token=Secret(CANARY))
    service = GcpService(access, FakeClock())
    service.close = lambda: None  # type: ignore[method-assign]  # one client for all inputs
    return service


def _gcp() -> Sink:
    return gcp_secret_manager.GcpSecretManagerSink(_google(), project="p")


@contextmanager
def _answered_google(script: Script) -> Iterator[None]:
    """Let the session of Google's client get its answers from a script."""
    requests = import_module("requests")

    def send(_self: object, request: Any, **_options: object) -> object:
        answer = script.next(f"{request.method} {request.url}")
        if answer.status in {"lost", "unsent"}:
            kind = "ReadTimeout" if answer.status == "lost" else "ConnectTimeout"
            raise getattr(requests.exceptions, kind)
        found = requests.Response()
        found.status_code, found.url, found.request = answer.code, request.url, request
        found.headers.update(answer.headers)
        found.raw = io.BytesIO(answer.body)
        return found

    with (
        patch("requests.adapters.HTTPAdapter.send", send),
        patch("reconciler.sinks.gcp_secret_manager.ThreadPoolExecutor", _pool()),
        warnings.catch_warnings(),
    ):
        # Its client warns of values that it does not know.
        warnings.simplefilter("ignore")
        yield


def _pool() -> Any:
    from tests.simulation.inline_pool import InlinePool  # noqa: PLC0415  # only this store has threads

    return InlinePool


def _lease(data: bytes) -> None:
    script = Script(data)
    lease = S3Lease(
        _aws("s3"), FakeClock(), bucket="b", key="k", ttl=timedelta(minutes=10), holder=f"run {CANARY[:4]}"
    )
    with _answered_aws(script):
        try:
            lease.acquire()
            lease.check()
        finally:
            lease.release()


TARGETS: Final = (
    _store("github-actions", _github, "CLIENT_A"),
    _store("github-organization", _github_app, "CLIENT_A"),
    _store("vault", _vault, "app/keys#CLIENT_A"),
    _store("kubernetes", _kubernetes, "CLIENT_A"),
    _target("aws-secrets-manager", _secrets_manager, "app/keys", _answered_aws),
    _target("aws-ssm", _ssm, "/app/keys", _answered_aws),
    _target("gcp-secret-manager", _gcp, "CLIENT_A", _answered_google),
    Target(name="lease", feed=_lease, errors=(ReconcilerError,), words=dictionary("stores"), cut=CUT),
)
