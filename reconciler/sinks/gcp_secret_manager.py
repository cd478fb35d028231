"""The `gcp-secret-manager` sink: secrets of one Google Cloud project.

Versions are only ever added, and there is no request token, so after a lost answer the newest version is
looked at before anything is added again. The receipt is in the annotations of the secret, changed under its
etag, and names the version that it is for.
Source: https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http import HTTPStatus
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.errors import (
    CredentialsError,
    ReconcilerError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.sinks._gcp_client import GcpAccess, GcpLateRefusalError, GcpRefusalError, GcpService
from reconciler.sinks._receipts import Record, Stamp, decoded, encoded, refusal
from reconciler.sinks._refusals import problems_of, refuse
from reconciler.sinks._text_value import text_problem
from reconciler.transport.client import Peer, as_documented

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.clock import Clock
    from reconciler.ports.sink import Entry

MOST_BYTES: Final = 65_536
PERMISSIONS: Final = (
    "secretmanager.secrets.get",
    "secretmanager.secrets.update",
    "secretmanager.versions.add",
    "secretmanager.versions.get",
)
"""What a delivery needs on a secret; to read a version back it also uses `secretmanager.versions.access`."""

_ENTRY: Final = re.compile(r"[A-Za-z0-9_-]{1,255}")
_RECEIPT: Final = "reconciler-receipt"
_VERSION: Final = "reconciler-version"
_THREADS: Final = 8
_ENABLED: Final = "ENABLED"
_GOOGLE: Final = Peer(name="Google Secret Manager", failed=SinkError, unverified=SinkUnverifiedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What there is of a secret.

    Attributes:
        annotations: all of them.
        etag: changes with every change of the secret.
        latest: number of the newest version; None before the first one.
        enabled: the newest version can be read by consumers.
        record: what the annotations say.
    """

    annotations: Mapping[str, str]
    etag: str
    latest: str | None
    enabled: bool
    record: Record | None

    @property
    def custody(self) -> Receipt | None:
        """The receipt of the newest version."""
        delivered = self.record.delivered if self.record else None
        current = self.enabled and self.annotations.get(_VERSION) == self.latest
        return delivered.receipt if delivered and current else None

    def refusal(self, entry: Entry) -> str | None:
        """Return why the secret must not be written, or None when it may be."""
        return refusal(entry, self.record) if self.latest or self.record else None


class GcpSecretManagerSink:
    """Secrets by their short name.

    Args:
        service: the calls.
        project: id or number of the project.
        locations: where secrets that are made here are kept; Google chooses when there are none.
    """

    def __init__(self, service: GcpService, *, project: str, locations: Sequence[str] = ()) -> None:
        self._service = service
        self._project = project
        self._locations = tuple(locations)

    @as_documented(_GOOGLE, writes=False)
    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of the versions that are newest; no value is read."""
        wanted = [name for name in names if _name_problem(name) is None]
        with ThreadPoolExecutor(_THREADS) as pool:
            states = list(pool.map(self._state, wanted))
        found = {name: state.custody for name, state in zip(wanted, states, strict=True) if state}
        return {name: receipt for name, receipt in found.items() if receipt}

    @as_documented(_GOOGLE, writes=False)
    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse entries of others, and existing secrets on which a permission is missing.

        Raises:
            CredentialsError: when the credentials are refused or a permission is missing.
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """
        refuse(problems_of(entries, self._problem))

    @as_documented(_GOOGLE, writes=False)
    def reserve(self, entries: Sequence[Entry]) -> None:
        """Make the secrets that are missing, without a version, as only those show permissions.

        Raises:
            CredentialsError: when the credentials are refused or a permission is missing.
            SinkRefusedError: for an entry that cannot be made.
        """
        refuse(problems_of(entries, self._unmade))

    @as_documented(_GOOGLE)
    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Note the receipt as pending, add a version and read it back, complete the receipt.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when the value was not stored.
            SinkUnverifiedError: when it may have been.
        """
        problem = _name_problem(entry.name) or self.value_problem(secret)
        if problem:
            msg = f"entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        state = self._begin(entry, stamp)
        if state is None:
            return
        version = state.latest
        if version is None or not self._holds(entry.name, version, secret):
            version = self._add(entry.name, secret, before=state.latest)
        self._complete(entry, secret, stamp, version)

    @as_documented(_GOOGLE)
    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the receipt with the newest version, and the value where it may be read."""
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        holds = False
        try:
            state = self._state(entry.name)
            if state is not None and state.latest is not None:
                holds = state.record == Record(delivered=stamp) and state.custody == receipt
                holds = holds and self._holds(entry.name, state.latest, secret) is not False
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None
        if not holds:
            msg = f"entry {entry.name}: it does not hold what was delivered, or its receipt; run again"
            raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Release connections."""
        self._service.close()

    @staticmethod
    def value_problem(secret: Secret) -> str | None:
        """Return why a value cannot be stored, or None when it can."""
        return text_problem(secret, most_bytes=MOST_BYTES)

    def _problem(self, entry: Entry) -> str | None:
        """Return why an entry cannot be written; of a secret that is missing nothing can be told yet."""
        problem = _name_problem(entry.name)
        state = None if problem else self._state(entry.name)
        if state is not None:
            problem = state.refusal(entry)
            if problem is None:
                self._require_permissions(entry)
        return problem

    def _unmade(self, entry: Entry) -> str | None:
        """Make an entry that is missing, and return why it cannot be."""
        problem = _name_problem(entry.name)
        if problem is None and self._state(entry.name) is None:
            self._make(entry.name)
            self._require_permissions(entry)
        return problem

    def _require_permissions(self, entry: Entry) -> None:
        asked = {"resource": self._path(entry.name), "permissions": list(PERMISSIONS)}
        granted = self._service.call("test_iam_permissions", asked, reads=True).permissions
        lacking = sorted(set(PERMISSIONS) - set(granted))
        if lacking:
            msg = f"entry {entry.name}: {', '.join(lacking)} not granted; grant it (docs/sinks.md has a role)"
            raise CredentialsError(msg)

    def _begin(self, entry: Entry, stamp: Stamp) -> _State | None:
        """Note the delivery and return what it starts from, or None when it is complete already."""
        try:
            state = self._state(entry.name)
            if state is None:
                self._make(entry.name)
                state = self._state(entry.name)
            problem = f"entry {entry.name}: the secret was made and is not there yet; run again"
            if state is None or (problem := state.refusal(entry) or ""):
                raise SinkRefusedError(problem)
            entry.refuse_overtaken(state.custody)
            if state.record == Record(delivered=stamp) and state.custody:
                return None
            delivered = state.record.delivered if state.record else None
            self._note(entry.name, state, Record(delivered=delivered, pending=stamp))
        except SinkUnverifiedError as error:
            # An outcome is unknown, but there is no value in it yet.
            raise SinkError(str(error)) from None
        return state

    def _make(self, name: str) -> None:
        replicas = [{"location": location} for location in self._locations]
        replication = {"user_managed": {"replicas": replicas}} if replicas else {"automatic": {}}
        secret = {"replication": replication, "labels": {"managed-by": "reconciler"}}
        asked = {"parent": f"projects/{self._project}", "secret_id": name, "secret": secret}
        try:
            self._service.call("create_secret", asked)
        except GcpRefusalError as error:
            # It was made by our own first try, whose answer was lost, or by somebody else just now.
            if error.status != HTTPStatus.CONFLICT:
                raise

    def _note(self, name: str, state: _State, record: Record, version: str | None = None) -> None:
        annotations = {**state.annotations, _RECEIPT: encoded(record)}
        if version is not None:
            annotations[_VERSION] = version
        secret = {"name": self._path(name), "etag": state.etag, "annotations": annotations}
        try:
            self._service.call("update_secret", {"secret": secret, "update_mask": {"paths": ["annotations"]}})
        except GcpLateRefusalError:
            # The etag is old because our own first try, whose answer was lost, has changed it.
            found = self._state(name)
            if found is None or found.annotations != annotations:
                raise

    def _add(self, name: str, secret: Secret, *, before: str | None) -> str:
        """Add a version and return its number; after a lost answer, the newest one may be it."""
        checksum = import_module("google_crc32c").value(secret.reveal().encode())
        asked = {"parent": self._path(name), "payload": {"data": secret, "data_crc32c": checksum}}
        try:
            answer = self._service.call("add_secret_version", asked, repeatable=False)
        except SinkUnverifiedError:
            answer = None
        if answer is None:
            latest, _ = self._latest(name)
            if latest in {None, before}:
                answer = self._service.call("add_secret_version", asked, repeatable=False)
            elif self._holds(name, latest, secret):
                return str(latest)
            else:
                msg = f"entry {name}: the answer was lost, and the newest version cannot be told; run again"
                raise SinkUnverifiedError(msg)
        if not answer.client_specified_payload_checksum:
            msg = f"entry {name}: the store did not compare the checksum of the value; run again"
            raise SinkUnverifiedError(msg)
        return str(answer.name).rpartition("/")[2]

    def _complete(self, entry: Entry, secret: Secret, stamp: Stamp, version: str) -> None:
        try:
            if self._holds(entry.name, version, secret) is False:
                msg = f"entry {entry.name}: the stored version is not what was sent; run again"
                raise SinkUnverifiedError(msg)
            state = self._state(entry.name)
            if state is None:
                msg = f"entry {entry.name}: the secret is gone; run again"
                raise SinkUnverifiedError(msg)
            self._note(entry.name, state, Record(delivered=stamp), version)
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None

    def _holds(self, name: str, version: str | None, secret: Secret) -> bool | None:
        """Tell whether a version has this value; None where versions may not be accessed."""
        asked = {"name": f"{self._path(name)}/versions/{version}"}
        try:
            value = cast("Secret", self._service.call("access_secret_version", asked, reads=True))
        except CredentialsError:
            return None
        except GcpRefusalError:  # disabled or destroyed
            return False
        return value.fingerprint() == secret.fingerprint()

    def _state(self, name: str) -> _State | None:
        try:
            found = self._service.call("get_secret", {"name": self._path(name)}, reads=True)
        except GcpRefusalError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None
        latest, enabled = self._latest(name)
        annotations = dict(found.annotations)
        return _State(
            annotations=annotations,
            etag=str(found.etag),
            latest=latest,
            enabled=enabled,
            record=_record(name, annotations.get(_RECEIPT)),
        )

    def _latest(self, name: str) -> tuple[str | None, bool]:
        asked = {"name": f"{self._path(name)}/versions/latest"}
        try:
            found: Any = self._service.call("get_secret_version", asked, reads=True)
        except GcpRefusalError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None, False
        return str(found.name).rpartition("/")[2], getattr(found.state, "name", None) == _ENABLED

    def _path(self, name: str) -> str:
        return f"projects/{self._project}/secrets/{name}"


def _name_problem(name: str) -> str | None:
    if _ENTRY.fullmatch(name):
        return None
    return f"entry {name!r}: secrets here have letters, digits, _ and - in their names only; rename it"


def _record(name: str, text: str | None) -> Record | None:
    if text is None:
        return None
    record = decoded(text)
    if record is None:
        msg = (
            f"entry {name}: the receipt in its annotation `{_RECEIPT}` is damaged; restore or remove it and "
            "declare `takeover: true`"
        )
        raise SinkError(msg)
    return record


def build(options: Mapping[str, object]) -> GcpSecretManagerSink:
    """Return the sink that the options describe; Google is asked nothing yet.

    Args:
        options: `project`, `locations`, `endpoint`, `credentials_file`, `access_token`, and `clock`.
    """
    access = GcpAccess(
        endpoint=cast("str | None", options.get("endpoint")),
        credentials_file=cast("Path | None", options.get("credentials_file")),
        access_token=cast("Secret | None", options.get("access_token")),
    )
    return GcpSecretManagerSink(
        GcpService(access, cast("Clock", options["clock"])),
        project=str(options["project"]),
        locations=cast("Sequence[str]", options.get("locations") or ()),
    )
