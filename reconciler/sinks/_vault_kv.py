"""The KV secrets engine, version 2: values with versions, labels beside them, and what a token may do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.secret import Secret
from reconciler.errors import CredentialsError, SinkError, SinkRefusedError
from reconciler.transport.client import Call

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from reconciler.sinks._vault_session import VaultSession
    from reconciler.transport.client import ApiAnswer

_MERGE: Final = "application/merge-patch+json"
_MISMATCH: Final = "check-and-set parameter did not match"
_METADATA_MISMATCH: Final = "metadata check-and-set parameter does not match"
NEEDED: Final[Mapping[str, frozenset[str]]] = {
    "data": frozenset({"create", "patch", "update"}),
    "metadata": frozenset({"create", "patch", "read"}),
}
"""What a policy has to allow; `read` on `data` is not among it."""


class VersionConflictError(Exception):
    """Raised when the secret has another version than expected; it does not leave the sinks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """What the engine tells of a secret without its value.

    Attributes:
        version: the current one; 0 while there is none.
        live: the current version can be read, so it is neither deleted nor destroyed.
        labels: the custom metadata.
        revision: of the metadata itself; None where the server does not count it.
    """

    version: int
    live: bool
    labels: Mapping[str, str]
    revision: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KvEngine:
    """One mount of the engine (HashiCorp and OpenBao docs: KV secrets engine, version 2, API).

    Args:
        session: with the client token.
        mount: its path.
    """

    session: VaultSession
    mount: str

    def require_version_2(self) -> None:
        """Prove that the mount is of this engine; version 1 would store labels as a secret.

        Raises:
            CredentialsError: when the token may do nothing there, or there is no such mount.
            SinkRefusedError: when it is something else.
        """
        answer = self.session.send(Call(method="GET", path=f"/v1/sys/internal/ui/mounts/{self.mount}"))
        if not answer.ok:
            msg = (
                f"{answer}; the token is not valid, may do nothing in this mount, or there is no such mount; "
                "correct the token, its policy or `mount`"
            )
            raise CredentialsError(msg)
        found = _member(answer.document(), "data")
        if found.get("type") != "kv" or _member(found, "options").get("version") != "2":
            msg = f"mount {self.mount}: it is not a KV secrets engine of version 2; correct `mount`"
            raise SinkRefusedError(msg)

    def lacking(self, paths: Iterable[str]) -> list[str]:
        """Return what the token may not do, as `capability on path`, for secrets that are to be written."""
        wanted = {self._path(kind, path): NEEDED[kind] for path in paths for kind in NEEDED}
        body = Secret(json.dumps({"paths": sorted(wanted)}))
        call = Call(method="POST", path="/v1/sys/capabilities-self", body=body, asks=True)
        answer = self._checked(call)
        data = _member(answer.document(), "data")
        granted = {path: _texts(data.get(path)) for path in wanted}
        return [
            f"{', '.join(sorted(missing))} on {path}"
            for path, needed in wanted.items()
            if "root" not in granted[path] and (missing := needed - granted[path])
        ]

    def metadata(self, path: str, now: datetime) -> Metadata | None:
        """Return what is known of a secret, or None when there is none."""
        call = self._call("GET", "metadata", path)
        answer = self.session.send(call)
        # A mount that is not there is a 404 too, but with a reason.
        if answer.status == HTTPStatus.NOT_FOUND and answer.document().get("errors") == []:
            return None
        found = _member(self._said_yes(answer).document(), "data")
        version = found.get("current_version", 0)
        if not isinstance(version, int):
            raise answer.unreadable(expected="metadata with a version")
        current = _member(_member(found, "versions"), str(version))
        return Metadata(
            version=version,
            live=bool(current) and not current.get("destroyed") and not _is_past(current, now),
            labels={str(name): str(text) for name, text in _member(found, "custom_metadata").items()},
            revision=found.get("current_metadata_version"),
        )

    def fields(self, path: str, names: Collection[str]) -> Mapping[str, Secret] | None:
        """Return some fields of a secret, closed; None where the policy does not allow to read it."""
        answer = self.session.send(self._call("GET", "data", path))
        if answer.status == HTTPStatus.FORBIDDEN:
            return None
        if answer.status == HTTPStatus.NOT_FOUND:
            return {}
        return _fields_of(self._said_yes(answer), names)

    def field_names(self, path: str) -> Collection[str] | None:
        """Return the names of all fields of a secret; None where the policy does not allow to see them."""
        answer = self.session.send(self._call("GET", "subkeys", path))
        if answer.status == HTTPStatus.FORBIDDEN:
            return None
        if answer.status == HTTPStatus.NOT_FOUND:
            return ()
        return _member(_member(self._said_yes(answer).document(), "data"), "subkeys").keys()

    def label(self, path: str, labels: Mapping[str, str | None], *, expected: Metadata | None) -> None:
        """Set labels of a secret and remove those that are None; the others stay.

        OpenBao keeps apart those who do it at the same time; Vault ignores that it is asked to.

        Raises:
            VersionConflictError: when the metadata is not the expected one; after a lost answer that may be
                our own doing.
        """
        document: dict[str, object] = {"custom_metadata": labels}
        if expected is None or expected.revision is not None:
            document["metadata_cas"] = expected.revision if expected else 0
        method, kind = ("PATCH", _MERGE) if expected else ("POST", "application/json")
        body = Secret(json.dumps(document))
        answer = self.session.send(
            self._call(method, "metadata", path, body=body, content_type=kind, repeatable=True)
        )
        if answer.status == HTTPStatus.BAD_REQUEST and answer.mentions(_METADATA_MISMATCH):
            raise VersionConflictError
        self._said_yes(answer)

    def write(self, path: str, name: str, value: Secret, *, expected: Metadata | None) -> None:
        """Set one field of a secret and keep the others, provided that its version is the expected one.

        Raises:
            VersionConflictError: when it is not; after a lost answer that may be our own doing.
        """
        version = expected.version if expected else 0
        body = _write_body(name, value, version)
        if expected and expected.live:
            call = self._call("PATCH", "data", path, body=body, content_type=_MERGE, repeatable=True)
        else:
            call = self._call("POST", "data", path, body=body, repeatable=True)
        answer = self.session.send(call)
        if answer.status == HTTPStatus.BAD_REQUEST and answer.mentions(_MISMATCH):
            raise VersionConflictError
        self._said_yes(answer)

    def _path(self, kind: str, path: str) -> str:
        return f"{self.mount}/{kind}/{path}"

    def _call(self, method: str, kind: str, path: str, **more: Any) -> Call:
        # Mount and path are checked where they are declared: nothing in them has to be encoded.
        return Call(method=method, path=f"/v1/{self._path(kind, path)}", **more)

    def _checked(self, call: Call) -> ApiAnswer:
        return self._said_yes(self.session.send(call))

    @staticmethod
    def _said_yes(answer: ApiAnswer) -> ApiAnswer:
        if answer.ok:
            return answer
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            msg = f"{answer}; the token is not valid or its policy does not allow this; extend the policy"
            raise CredentialsError(msg)
        msg = f"{answer}; nothing was changed; check mount and path, and the server's log"
        raise SinkError(msg)


def _member(document: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}


def _texts(found: object) -> set[str]:
    return {item for item in found if isinstance(item, str)} if isinstance(found, list) else set()


def _fields_of(answer: ApiAnswer, names: Collection[str]) -> dict[str, Secret]:
    data = _member(_member(answer.document(), "data"), "data")
    return {
        name: Secret(value if isinstance(value := data[name], str) else json.dumps(value))
        for name in names
        if name in data
    }


def _write_body(name: str, value: Secret, version: int) -> Secret:
    return Secret(json.dumps({"data": {name: value.reveal()}, "options": {"cas": version}}))


def _is_past(version: Mapping[str, Any], now: datetime) -> bool:
    # `delete_version_after` sets a time that is still to come.
    text = version.get("deletion_time")
    try:
        return bool(text) and datetime.fromisoformat(str(text)) <= now
    except (ValueError, TypeError):
        return True
