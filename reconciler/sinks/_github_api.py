"""Actions secrets and variables in GitHub's REST API: of a repository, an environment or an organisation."""

from __future__ import annotations

import json
import re
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from http import HTTPStatus
from secrets import token_hex
from typing import TYPE_CHECKING, Any, Final

from nacl.exceptions import CryptoError
from nacl.public import PublicKey, SealedBox

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError
from reconciler.sinks._github_auth import bearer_of
from reconciler.transport.client import Call, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from reconciler.errors import ReconcilerError
    from reconciler.sinks._github_auth import Identity
    from reconciler.transport.client import ApiAnswer, ApiClient

_API_VERSION: Final = "2022-11-28"
_MOST_SECRETS_A_PAGE: Final = 100
_MOST_VARIABLES_A_PAGE: Final = 30
_MOST_PAGES: Final = 50
_PERMISSIONS: Final = re.compile(r"[a-z_]+=[a-z]+(?:[,;] ?[a-z_]+=[a-z]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """What the secrets belong to.

    Attributes:
        shown: in words, for errors.
        secrets: path of the secrets.
        variables: path of the variables.
        most_secrets: how many secrets there may be (GitHub docs: secrets reference).
        most_variables: how many variables there may be (GitHub docs: variables reference).
        permissions: what writing takes, by the names that Apps use.
        grant: what writing takes, in the words of the settings page of a token.
        owner: user or organisation.
        repositories: names of the repositories a token has to be good for.
    """

    shown: str
    secrets: str
    variables: str
    most_secrets: int
    most_variables: int
    permissions: Mapping[str, str]
    grant: str
    owner: str
    repositories: tuple[str, ...] = ()


def repository_scope(owner: str, repository: str) -> Scope:
    """Return the scope of a repository's own secrets."""
    base = path_of("repos", owner, repository, "actions")
    return Scope(
        shown=f"repository {owner}/{repository}",
        secrets=f"{base}/secrets",
        variables=f"{base}/variables",
        most_secrets=100,
        most_variables=500,
        permissions={"secrets": "write", "actions_variables": "write"},
        grant="repository permissions Secrets: write and Variables: write",
        owner=owner,
        repositories=(repository,),
    )


def environment_scope(owner: str, repository: str, environment: str) -> Scope:
    """Return the scope of the secrets of one environment."""
    base = path_of("repos", owner, repository, "environments", environment)
    return Scope(
        shown=f"environment {environment} of {owner}/{repository}",
        secrets=f"{base}/secrets",
        variables=f"{base}/variables",
        most_secrets=100,
        most_variables=100,
        permissions={"environments": "write"},
        grant="repository permission Environments: write",
        owner=owner,
        repositories=(repository,),
    )


def organization_scope(organization: str) -> Scope:
    """Return the scope of an organisation's secrets."""
    base = path_of("orgs", organization, "actions")
    return Scope(
        shown=f"organisation {organization}",
        secrets=f"{base}/secrets",
        variables=f"{base}/variables",
        most_secrets=1000,
        most_variables=1000,
        permissions={"organization_secrets": "write", "organization_actions_variables": "write"},
        grant="organisation permissions Secrets: write and Variables: write",
        owner=organization,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Audience:
    """Which repositories see an organisation's secrets; `selected` names them when `visibility` says so."""

    visibility: str
    selected: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _PublicKey:
    key_id: str
    key: str


@dataclass(slots=True, kw_only=True, eq=False)
class ActionsStore:
    """The secrets and variables of one scope (GitHub docs: REST API, Actions secrets and variables).

    Args:
        http: of the API.
        identity: who asks.
        scope: where.
        audience: of what is written, for an organisation.
    """

    http: ApiClient
    identity: Identity
    scope: Scope
    audience: Audience | None = None
    _key: _PublicKey | None = None
    _ids: list[int] | None = None
    _headers: Mapping[str, str] = field(default_factory=lambda: {"X-GitHub-Api-Version": _API_VERSION})

    def prove_writable(self) -> None:
        """Prove the right to write without writing: remove a secret and a variable that there cannot be.

        Raises:
            CredentialsError: when the token is refused or lacks the right.
            SinkError: when there is no such repository, environment or organisation for this token.
        """
        self._fetch_key()
        name = f"RECONCILER_PREFLIGHT_{token_hex(8).upper()}"
        for path in (self.scope.secrets, self.scope.variables):
            answer = self._send("DELETE", f"{path}/{name}", asks=True)
            if not answer.ok and answer.status != HTTPStatus.NOT_FOUND:
                raise self._error(answer)

    def secrets(self) -> Mapping[str, str]:
        """Return when each secret was last written, by name."""
        rows = self._rows(self.scope.secrets, "secrets", _MOST_SECRETS_A_PAGE)
        return {str(row.get("name")): str(row.get("updated_at")) for row in rows}

    def variables(self) -> Mapping[str, str]:
        """Return the value of each variable."""
        rows = self._rows(self.scope.variables, "variables", _MOST_VARIABLES_A_PAGE)
        return {str(row.get("name")): str(row.get("value")) for row in rows}

    def secret(self, name: str) -> str | None:
        """Return when a secret was last written, or None when there is none."""
        found = self._one(f"{self.scope.secrets}/{name}")
        return None if found is None else str(found.get("updated_at"))

    def variable(self, name: str) -> str | None:
        """Return the value of a variable, or None when there is none."""
        found = self._one(f"{self.scope.variables}/{name}")
        return None if found is None else str(found.get("value"))

    def put_secret(self, name: str, secret: Secret) -> None:
        """Write a secret, sealed with the public key of the scope.

        Raises:
            SinkUnverifiedError: when it may or may not have been written.
        """
        path, key = f"{self.scope.secrets}/{name}", self._key or self._fetch_key()
        answer = self._write("PUT", path, self._sealed(key, secret))
        if answer.status == HTTPStatus.UNPROCESSABLE_ENTITY:
            # GitHub changes the key now and then, and refuses what was sealed with the one before.
            answer = self._write("PUT", path, self._sealed(self._fetch_key(), secret))
        if not answer.ok:
            raise self._error(answer)

    def put_variable(self, name: str, value: str) -> None:
        """Write a variable."""
        body = Secret(json.dumps({"name": name, "value": value, **self._seen_by()}))
        answer = self._write("PATCH", f"{self.scope.variables}/{name}", body)
        if answer.status == HTTPStatus.NOT_FOUND:
            answer = self._write("POST", self.scope.variables, body)
            if answer.status == HTTPStatus.CONFLICT:  # our own first try, whose answer was lost
                answer = self._write("PATCH", f"{self.scope.variables}/{name}", body)
        if not answer.ok:
            raise self._error(answer)

    def close(self) -> None:
        """Release connections."""
        self.http.close()

    def _fetch_key(self) -> _PublicKey:
        answer = self._send("GET", f"{self.scope.secrets}/public-key")
        if not answer.ok:
            raise self._error(answer)
        found = answer.document()
        self._key = _PublicKey(key_id=str(found.get("key_id")), key=str(found.get("key")))
        return self._key

    def _sealed(self, key: _PublicKey, secret: Secret) -> Secret:
        text = _seal(key.key, secret)
        if text is None:
            msg = (
                f"{self.scope.secrets}/public-key: it is no public key; check that `base_url` is GitHub's API"
            )
            raise SinkError(msg)
        return Secret(json.dumps({"encrypted_value": text, "key_id": key.key_id, **self._seen_by()}))

    def _seen_by(self) -> dict[str, object]:
        if self.audience is None:
            return {}
        seen: dict[str, object] = {"visibility": self.audience.visibility}
        if self.audience.selected:
            if self._ids is None:
                self._ids = [self._id_of(name) for name in self.audience.selected]
            seen["selected_repository_ids"] = self._ids
        return seen

    def _id_of(self, repository: str) -> int:
        answer = self._send("GET", path_of("repos", self.scope.owner, repository))
        if not answer.ok:
            raise self._error(answer)
        found = answer.document().get("id")
        if not isinstance(found, int):
            raise answer.unreadable(expected="a repository with an id")
        return found

    def _one(self, path: str) -> dict[str, Any] | None:
        answer = self._send("GET", path)
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        if not answer.ok:
            raise self._error(answer)
        return answer.document()

    def _rows(self, path: str, member: str, size: int) -> Iterator[Mapping[str, Any]]:
        for page in range(1, _MOST_PAGES + 1):
            answer = self._send("GET", path, query={"per_page": str(size), "page": str(page)})
            if not answer.ok:
                raise self._error(answer)
            rows = answer.document().get(member)
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                # Going on without some of them, an entry of somebody else would look free.
                raise answer.unreadable(expected=f"a list of {member}")
            yield from rows
            if len(rows) < size:
                return

    def _write(self, method: str, path: str, body: Secret) -> ApiAnswer:
        return self._send(method, path, body=body, repeatable=True)

    def _send(self, method: str, path: str, **more: Any) -> ApiAnswer:
        call = Call(method=method, path=path, headers=self._headers, **more)
        return self.http.send(call, {"Authorization": bearer_of(self.identity)})

    def _error(self, answer: ApiAnswer) -> ReconcilerError:
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return CredentialsError(f"{answer}; the token is not valid or has expired; make a new one")
        if answer.status == HTTPStatus.FORBIDDEN:
            asked = answer.headers.get("x-accepted-github-permissions", "")
            accepted = f" (GitHub asks for {asked})" if _PERMISSIONS.fullmatch(asked) else ""
            return CredentialsError(
                f"{answer}; the token lacks the {self.scope.grant}{accepted}; the GITHUB_TOKEN of a workflow "
                "never has that: use a GitHub App or a fine-grained token"
            )
        if answer.status == HTTPStatus.NOT_FOUND:
            return answer.error(f"there is no {self.scope.shown}, or the token cannot see it; correct either")
        return answer.error("GitHub refused it; check the names and limits in the settings")


def _seal(key: str, secret: Secret) -> str | None:
    """Return the secret in a sealed box of libsodium, in base64; None when the key is none."""
    try:
        box = SealedBox(PublicKey(b64decode(key)))
        return b64encode(box.encrypt(secret.reveal().encode())).decode()
    except (ValueError, TypeError, CryptoError):
        return None
