"""Requests to Vault or OpenBao with a client token, which a login may have to fetch first."""

from __future__ import annotations

import json
import os
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, urlsplit

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, ReconcilerError, SinkError
from reconciler.sinks._store_http import store_client
from reconciler.transport.bearer import bearer
from reconciler.transport.client import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.ports.clock import Clock
    from reconciler.transport.client import ApiAnswer, ApiClient

_RENEW_SECONDS: Final = 30.0
_LONGEST_JWT: Final = 64 * 1024
_NAMESPACE: Final = "X-Vault-Namespace"
_TOKEN: Final = "X-Vault-Token"  # noqa: S105  # a header's name
_OIDC_URL: Final = "ACTIONS_ID_TOKEN_REQUEST_URL"
_OIDC_TOKEN: Final = "ACTIONS_ID_TOKEN_REQUEST_TOKEN"  # noqa: S105  # a variable's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to get a client token.

    Attributes:
        mount: path of the auth method.
        proof: returns what the method wants to see, by name, at the moment of the login.
    """

    mount: str
    proof: Callable[[], Mapping[str, Secret]]


@dataclass(slots=True, kw_only=True)
class _Client:
    """The client token in use; `until` is on the monotonic clock, None for one without an end known here."""

    token: Secret
    until: float | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class VaultSession:
    """The requests of one sink.

    Args:
        http: of the server.
        clock: tells when a token has to be fetched again.
        namespace: the namespace of mount and auth method; None for the root one.
        token: a client token that is there already.
        login: how to get one otherwise.
    """

    http: ApiClient
    clock: Clock
    namespace: str | None
    token: Secret | None = None
    login: Login | None = None
    _client: _Client | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def send(self, call: Call) -> ApiAnswer:
        """Send a request with the client token.

        Raises:
            CredentialsError: when the login is refused.
            SinkError: as `ApiClient.send` says.
        """
        return self.http.send(call, self._headers() | {_TOKEN: self._current().token})

    def close(self) -> None:
        """Give back a token that was fetched here, and release connections."""
        if self._client is not None and self.login is not None:
            with suppress(ReconcilerError):  # it ends by itself soon
                self.send(Call(method="POST", path="/v1/auth/token/revoke-self", asks=True))
            self._client = None
        self.http.close()

    def _headers(self) -> dict[str, Secret]:
        headers = {"X-Vault-Request": Secret("true")}
        if self.namespace:
            headers[_NAMESPACE] = Secret(self.namespace)
        return headers

    def _current(self) -> _Client:
        with self._lock:
            client = self._client
            if client is None or (client.until is not None and self.clock.monotonic() > client.until):
                client = self._client = self._opened()
            return client

    def _opened(self) -> _Client:
        if self.login is None:
            if self.token is None:
                msg = "the vault sink has no credentials; set `token` or another `auth` in the settings"
                raise CredentialsError(msg)
            return _Client(token=self.token)
        path = f"/v1/auth/{self.login.mount}/login"
        call = Call(method="POST", path=path, body=_json(self.login.proof()), asks=True)
        answer = self.http.send(call, self._headers())
        if not answer.ok:
            msg = (
                f"{answer}; the login was refused: check the role, what it is bound to, and that the auth "
                "method is at this path"
            )
            raise CredentialsError(msg)
        return _client_of(answer, self.clock.monotonic())


def approle(mount: str, role_id: str, secret_id: Secret) -> Login:
    """Return the login of an AppRole."""
    return Login(mount=mount, proof=lambda: {"role_id": Secret(role_id), "secret_id": secret_id})


def jwt(mount: str, role: str, token: Secret) -> Login:
    """Return the login with a JWT that is there already."""
    return Login(mount=mount, proof=lambda: {"role": Secret(role), "jwt": token})


def kubernetes(mount: str, role: str, file: Path) -> Login:
    """Return the login of a pod; its token file is read each time, because the kubelet renews it."""
    return Login(mount=mount, proof=lambda: {"role": Secret(role), "jwt": _service_account(file)})


def github(mount: str, role: str, audience: str, clock: Clock) -> Login:
    """Return the login of a GitHub Actions job that has `id-token: write`."""
    return Login(mount=mount, proof=lambda: {"role": Secret(role), "jwt": _identity(audience, clock)})


def _service_account(file: Path) -> Secret:
    try:
        with file.open("rb") as opened:
            return Secret(opened.read(_LONGEST_JWT).decode("ascii", "replace").strip())
    except OSError as error:
        msg = f"{file}: the service account token cannot be read: {error.strerror}; mount it into the pod"
        raise CredentialsError(msg) from None


def _identity(audience: str, clock: Clock) -> Secret:
    """Return the job's identity token (GitHub docs: OpenID Connect reference)."""
    url, token = os.environ.get(_OIDC_URL), Secret(os.environ.get(_OIDC_TOKEN, ""))
    if not url or not token.reveal():
        msg = "there is no identity of a GitHub Actions job; give the job the permission `id-token: write`"
        raise CredentialsError(msg)
    parts = urlsplit(url)
    http = store_client(f"{parts.scheme}://{parts.netloc}", clock=clock)
    try:
        query = {**dict(parse_qsl(parts.query)), "audience": audience}
        call = Call(method="GET", path=parts.path, query=query)
        answer = http.send(call, {"Authorization": bearer(token)})
        if not answer.ok:
            msg = f"{answer}; GitHub gave no identity; give the job the permission `id-token: write`"
            raise CredentialsError(msg)
        return _text_of(answer, "value")
    finally:
        http.close()


def _json(proof: Mapping[str, Secret]) -> Secret:
    return Secret(json.dumps({name: value.reveal() for name, value in proof.items()}))


def _text_of(answer: ApiAnswer, name: str) -> Secret:
    return _secret(answer.document().get(name), answer)


def _client_of(answer: ApiAnswer, now: float) -> _Client:
    found = answer.document().get("auth")
    auth = {name: _closed(value) for name, value in found.items()} if isinstance(found, dict) else {}
    token, lease = auth.get("client_token"), auth.get("lease_duration")
    seconds = lease if isinstance(lease, int) else 0
    until = max(now, now + seconds - _RENEW_SECONDS) if seconds else None
    return _Client(token=_secret(token, answer), until=until)


def _closed(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value


def _secret(value: object, answer: ApiAnswer) -> Secret:
    if isinstance(value, Secret):
        return value
    if isinstance(value, str) and value:
        return Secret(value)
    msg = f"{answer.call}: the answer has no token; check that the address is the store's API"
    raise SinkError(msg)
