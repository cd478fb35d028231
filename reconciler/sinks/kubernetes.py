"""The `kubernetes` sink: keys of Secrets, written by server-side apply.

Every entry has a field manager of its own, so that one delivery never takes away what another one wrote.
Value and receipt travel in one request and are stored together or not at all, so there is no pending state;
the request names the resource version that the decision was made on, so it is refused when that is old.
Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
from collections import defaultdict
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    ReconcilerError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.sinks import _kubernetes_access as access
from reconciler.sinks._receipts import Record, Stamp, decoded, encoded, refusal
from reconciler.sinks._refusals import problems_of, refuse
from reconciler.sinks._store_http import store_client
from reconciler.sinks._text_value import text_problem
from reconciler.transport.client import Call, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.ports.clock import Clock
    from reconciler.ports.sink import Entry
    from reconciler.transport.client import ApiAnswer, ApiClient

MOST_BYTES: Final = 1_000_000
ANNOTATION: Final = "receipt.reconciler/{field}"
FIELD_MANAGER: Final = "reconciler"
_SECRET: Final = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
# What both the keys of a Secret and the names of annotations allow.
_FIELD: Final = re.compile(r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?")
_APPLY: Final = "application/apply-patch+yaml"
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
_RACES: Final = 3
_SAMPLE: Final = Secret("reconciler preflight")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where an entry is: a key of a Secret."""

    entry: str
    secret: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What there is at a place.

    Attributes:
        resource_version: of the Secret; None where there is none.
        record: what the annotation says.
        value: what the key holds; None where there is none.
    """

    resource_version: str | None = None
    record: Record | None = None
    value: Secret | None = None

    @property
    def custody(self) -> Receipt | None:
        """The receipt of the value that is there now."""
        return self.record.custody(self.value.fingerprint()) if self.record and self.value else None

    def refusal(self, entry: Entry) -> str | None:
        """Return why the key must not be written, or None when it may be."""
        return refusal(entry, self.record) if self.value else None


class KubernetesSink:
    """Keys of Secrets in one namespace; an entry is `secret#KEY`, or `KEY` of the default Secret.

    Args:
        http: to the API server.
        cluster: how to log in.
        namespace: of the Secrets.
        secret: the default Secret.
        field_manager: what the names of our field managers start with.
    """

    def __init__(
        self,
        http: ApiClient,
        cluster: access.ClusterAccess,
        *,
        namespace: str,
        secret: str | None = None,
        field_manager: str = FIELD_MANAGER,
    ) -> None:
        self._http = http
        self._cluster = cluster
        self._namespace = namespace
        self._secret = secret
        self._manager = field_manager

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of values that are unchanged; one request a Secret."""
        wanted: dict[str, list[_Place]] = defaultdict(list)
        for name in names:
            place = self._place(name)
            if isinstance(place, _Place):
                wanted[place.secret].append(place)
        found = {}
        for places in wanted.values():
            states = zip(places, self._states(places), strict=True)
            found.update({place.entry: state.custody for place, state in states if state.custody})
        return found

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Ask for the permissions, refuse entries of others, and apply a sample without storing it.

        Raises:
            CredentialsError: when the credentials are refused or a permission is missing.
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """
        refuse(self._problems(entries))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Apply value and receipt together.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when nothing was stored.
            SinkUnverifiedError: when it may have been.
        """
        place = self._place(entry.name)
        problem = place if isinstance(place, str) else self.value_problem(secret)
        if problem or isinstance(place, str):
            msg = f"entry {entry.name}: {problem}"
            raise SinkError(msg)
        record = Record(delivered=Stamp(receipt=receipt, fingerprint=secret.fingerprint()))
        for _ in range(_RACES):
            state = self._state(place)
            problem = state.refusal(entry)
            if problem:
                raise SinkRefusedError(problem)
            entry.refuse_overtaken(state.custody)
            if state.record == record and state.custody:
                return
            answer = self._apply(entry, place, state, _manifest(place, state, secret, record))
            if answer.status != HTTPStatus.CONFLICT:
                _require(answer)
                return
        msg = (
            f"entry {entry.name}: another field manager holds it or changes it all the time; run again later"
        )
        raise SinkRefusedError(msg)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare value and receipt."""
        record = Record(delivered=Stamp(receipt=receipt, fingerprint=secret.fingerprint()))
        place = self._place(entry.name)
        try:
            state = _State() if isinstance(place, str) else self._state(place)
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None
        if state.record != record or state.custody != receipt:
            msg = f"entry {entry.name}: it does not hold what was delivered, or its receipt; run again"
            raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Release connections."""
        self._http.close()

    @staticmethod
    def value_problem(secret: Secret) -> str | None:
        """Return why a value cannot be stored, or None when it can."""
        return text_problem(secret, most_bytes=MOST_BYTES)

    def _place(self, name: str) -> _Place | str:
        """Return where an entry is, or what is wrong with its name."""
        before, mark, after = name.partition("#")
        secret, field = (before, after) if mark else (self._secret, before)
        if secret is None:
            return f"entry {name!r}: write it as `secret#KEY`, or set `secret` for this sink"
        if not _SECRET.fullmatch(secret) or not _FIELD.fullmatch(field):
            return (
                f"entry {name!r}: a Secret is named with a-z 0-9 - and dots between, its key with at most 63 "
                "letters, digits and -_. between; rename it"
            )
        return _Place(entry=name, secret=secret, field=field)

    def _problems(self, entries: Sequence[Entry]) -> Iterator[str]:
        reviewed: set[str] = set()

        def problem(entry: Entry) -> str | None:
            place = self._place(entry.name)
            if isinstance(place, str):
                return place
            if place.secret not in reviewed:
                self._review(place.secret)
                reviewed.add(place.secret)
            return self._rehearse(entry, place)

        return problems_of(entries, problem)

    def _review(self, secret: str) -> None:
        # Creating cannot be granted for a name, and an apply needs it even where the Secret is there.
        lacking = [
            verb
            for verb, name in (("get", secret), ("patch", secret), ("create", ""))
            if not self._allowed(verb, name)
        ]
        if lacking:
            msg = (
                f"namespace {self._namespace}: the credentials may not {', '.join(lacking)} Secret {secret}; "
                "grant it (docs/sinks.md has a role)"
            )
            raise CredentialsError(msg)

    def _allowed(self, verb: str, name: str) -> bool:
        attributes = {"namespace": self._namespace, "verb": verb, "resource": "secrets", "name": name}
        body = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        answer = self._send(
            Call(method="POST", path=_REVIEWS, body=Secret(json.dumps(body)), repeatable=True)
        )
        status = _require(answer).document().get("status")
        return isinstance(status, dict) and status.get("allowed") is True

    def _rehearse(self, entry: Entry, place: _Place) -> str | None:
        """Return why an entry cannot be written; the server runs its checks and stores nothing."""
        state = self._state(place)
        problem = state.refusal(entry)
        if problem is None:
            manifest = _manifest(place, state, _SAMPLE, None)
            _require(self._apply(entry, place, state, manifest, rehearsal=True))
        return problem

    def _state(self, place: _Place) -> _State:
        return self._states([place])[0]

    def _states(self, places: Sequence[_Place]) -> list[_State]:
        """Return what there is at places in one and the same Secret."""
        answer = self._send(Call(method="GET", path=self._path(places[0])))
        if answer.status == HTTPStatus.NOT_FOUND:
            return [_State() for _ in places]
        found = [_found(_require(answer), place) for place in places]
        for place, state in zip(places, found, strict=True):
            if state is None:
                msg = (
                    f"entry {place.entry}: the receipt in its annotation is damaged, or the Secret is odd; "
                    "repair it, or remove the annotation and declare `takeover: true`"
                )
                raise SinkError(msg)
        return [state for state in found if state is not None]

    def _apply(
        self, entry: Entry, place: _Place, state: _State, manifest: Secret, *, rehearsal: bool = False
    ) -> ApiAnswer:
        # What is ours stays ours when somebody edited it by hand; the rest is taken only when declared.
        force = entry.takeover or state.record is not None
        query = {"fieldManager": f"{self._manager}:{place.field}", "force": "true" if force else "false"}
        if rehearsal:
            query["dryRun"] = "All"
        return self._send(
            Call(
                method="PATCH",
                path=self._path(place),
                query=query,
                body=manifest,
                content_type=_APPLY,
                repeatable=True,
            )
        )

    def _send(self, call: Call) -> ApiAnswer:
        return self._http.send(call, self._cluster.credentials())

    def _path(self, place: _Place) -> str:
        return path_of("api", "v1", "namespaces", self._namespace, "secrets", place.secret)


def _require(answer: ApiAnswer) -> ApiAnswer:
    """Return an answer that is a yes, or raise what its no means."""
    if answer.ok:
        return answer
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        msg = f"{answer}; renew the credentials or grant the permission (docs/sinks.md has a role)"
        raise CredentialsError(msg)
    remedies: dict[int, str] = {
        HTTPStatus.NOT_FOUND: "make the namespace first, or correct its name",
        HTTPStatus.CONFLICT: "another field manager holds the entry; choose another, or `takeover: true`",
        HTTPStatus.UNPROCESSABLE_ENTITY: "the Secret is immutable or not valid; replace it or choose another",
    }
    raise answer.error(remedies.get(answer.status, "check cluster and settings, then run again"))


def _manifest(place: _Place, state: _State, secret: Secret, record: Record | None) -> Secret:
    """Return what is applied: everything that this entry's manager is to own, and nothing else."""
    metadata: dict[str, object] = {"name": place.secret}
    if record is not None:
        metadata["annotations"] = {ANNOTATION.format(field=place.field): encoded(record)}
    if state.resource_version is not None:
        metadata["resourceVersion"] = state.resource_version
    data = {place.field: base64.b64encode(secret.reveal().encode()).decode()}
    return Secret(json.dumps({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}))


def _found(answer: ApiAnswer, place: _Place) -> _State | None:
    """Return what an answer says of a key; None where that cannot be told, as nothing here may raise."""
    try:
        document = answer.document()
        metadata, data = document["metadata"], document.get("data") or {}
        text = (metadata.get("annotations") or {}).get(ANNOTATION.format(field=place.field))
        record = None if text is None else decoded(text)
        encoded_value = data.get(place.field)
        value = None if encoded_value is None else Secret(_text(encoded_value))
        version = str(metadata["resourceVersion"])
    except (SinkError, LookupError, AttributeError, TypeError, ValueError):
        return None
    if text is not None and record is None:
        return None
    return _State(resource_version=version, record=record, value=value)


def _text(encoded_value: str) -> str:
    try:
        return base64.b64decode(encoded_value, validate=True).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def build(options: Mapping[str, object]) -> KubernetesSink:
    """Return the sink that the options describe; the cluster is asked nothing yet.

    Args:
        options: `kubeconfig` and `context`, or `server`, `token` and `ca_file`, or none of them inside a
            cluster; `namespace`, `secret`, `field_manager`, and `clock`.

    Raises:
        SinkError: when the way to the cluster cannot be told from the options.
    """
    cluster = _cluster(options)
    namespace = options.get("namespace") or cluster.namespace
    if not namespace:
        msg = "neither the settings nor the cluster's configuration name a namespace; set `namespace`"
        raise SinkError(msg)
    clock = cast("Clock", options["clock"])
    return KubernetesSink(
        store_client(cluster.server, clock=clock, tls=cluster.tls),
        cluster,
        namespace=str(namespace),
        secret=cast("str | None", options.get("secret")),
        field_manager=str(options.get("field_manager") or FIELD_MANAGER),
    )


def _cluster(options: Mapping[str, object]) -> access.ClusterAccess:
    kubeconfig, server = options.get("kubeconfig"), options.get("server")
    if kubeconfig is not None:
        return access.from_kubeconfig(Path(str(kubeconfig)), cast("str | None", options.get("context")))
    if server is not None:
        token = cast("Secret", options["token"])
        return access.explicit(str(server), token, cast("Path | None", options.get("ca_file")))
    return access.in_cluster(os.environ)
