"""Who talks to GitHub: a token that is there already, or one that a GitHub App gets for its installation."""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, Protocol

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError
from reconciler.transport.bearer import bearer
from reconciler.transport.client import Call, path_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.ports.clock import Clock
    from reconciler.transport.client import ApiAnswer, ApiClient

# GitHub takes ten minutes at the most, and the clocks may differ.
_JWT_LIFE: Final = timedelta(minutes=9)
_JWT_SKEW: Final = timedelta(minutes=1)
_RENEW: Final = timedelta(minutes=2)


class Identity(Protocol):
    """Where a token comes from."""

    def token(self) -> Secret:
        """Return a token that is good for the next minute.

        Raises:
            CredentialsError: when there is none to be had.
        """


@dataclass(frozen=True, slots=True)
class FixedToken:
    """A token from the settings: a fine-grained or classic one, or one of an installation."""

    value: Secret

    def token(self) -> Secret:
        """Return it."""
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """A GitHub App and its installation.

    Attributes:
        app_id: number or client id of the App.
        installation_id: number of the installation.
        private_key: RSA key in PEM.
    """

    app_id: str
    installation_id: str
    private_key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class _Issued:
    value: Secret
    until: datetime


@dataclass(slots=True, kw_only=True, eq=False)
class InstallationToken:
    """Tokens of an App's installation with no more rights than needed (GitHub docs: REST API, Apps).

    Args:
        http: of the API.
        clock: for the times in the proof.
        app: who asks.
        permissions: what the token is to allow, by GitHub's names.
        repositories: the only repositories it is to be good for; empty for all of the installation.
    """

    http: ApiClient
    clock: Clock
    app: App
    permissions: Mapping[str, str]
    repositories: Sequence[str] = ()
    _issued: _Issued | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def token(self) -> Secret:
        """Return the current token, or the next one shortly before its end.

        Raises:
            CredentialsError: when the key is no RSA key in PEM, or GitHub refuses App, installation,
                repositories or permissions.
        """
        with self._lock:
            if self._issued is None or self.clock.now() > self._issued.until - _RENEW:
                self._issued = self._new()
            return self._issued.value

    def _new(self) -> _Issued:
        asked: dict[str, object] = {"permissions": dict(self.permissions)}
        if self.repositories:
            asked["repositories"] = list(self.repositories)
        call = Call(
            method="POST",
            path=path_of("app", "installations", self.app.installation_id, "access_tokens"),
            body=Secret(json.dumps(asked)),
            asks=True,
        )
        answer = self.http.send(call, {"Authorization": bearer(self._proof())})
        if not answer.ok:
            needed = ", ".join(f"{name}: {level}" for name, level in sorted(self.permissions.items()))
            msg = (
                f"{answer}; GitHub gives this App no token: check app_id, installation_id and private_key, "
                f"that the installation covers the repository, and that it was granted {needed}"
            )
            raise CredentialsError(msg)
        return _issued(answer)

    def _proof(self) -> Secret:
        import jwt  # noqa: PLC0415  # needed by Apps only, and it loads cryptography

        now = self.clock.now()
        claims = {
            "iss": self.app.app_id,
            "iat": int((now - _JWT_SKEW).timestamp()),
            "exp": int((now + _JWT_LIFE).timestamp()),
        }
        try:
            return Secret(jwt.encode(claims, self.app.private_key.reveal(), algorithm="RS256"))
        except (jwt.PyJWTError, ValueError, TypeError):
            msg = "private_key: it is no RSA private key in PEM; download the key of the App again"
        # Raised outside the handler: the foreign error may hold the key.
        raise CredentialsError(msg)


def bearer_of(identity: Identity) -> Secret:
    """Return the value of the Authorization header."""
    return bearer(identity.token())


def _issued(answer: ApiAnswer) -> _Issued:
    found = {name: _closed(value) for name, value in answer.document().items()}
    token, until = found.get("token"), found.get("expires_at")
    if isinstance(token, Secret) and isinstance(until, Secret):
        try:
            return _Issued(value=token, until=datetime.fromisoformat(until.reveal()))
        except ValueError:
            pass
    msg = f"{answer.call}: the answer has no token with an end; check that `base_url` is GitHub's API"
    raise SinkError(msg)


def _closed(value: object) -> object:
    return Secret(value) if isinstance(value, str) else value
