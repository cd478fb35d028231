"""The `vault` sink: fields of secrets in HashiCorp Vault or OpenBao, KV version 2."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from reconciler.errors import (
    CredentialsError,
    ReconcilerError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.sinks import _vault_session as sessions
from reconciler.sinks._receipts import Record, Stamp, decoded, encoded, refusal
from reconciler.sinks._refusals import problems_of, refuse
from reconciler.sinks._store_http import store_client
from reconciler.sinks._text_value import text_problem
from reconciler.sinks._vault_kv import KvEngine, VersionConflictError
from reconciler.transport.tls import tls_context

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.clock import Clock
    from reconciler.ports.sink import Entry
    from reconciler.sinks._vault_kv import Metadata

_ENTRY: Final = re.compile(
    r"(?!.*(?:^|/)\.{1,2}(?:/|#|$))([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*)(?:#([A-Za-z0-9_.-]{1,64}))?"
)
# Raft storage takes a megabyte for a secret with all of its fields.
_MOST_BYTES: Final = 500_000
# A value of custom metadata may have 512 bytes.
_LABEL_LENGTH: Final = 512
_LABEL: Final = "reconciler/{field}"
_SHOWN_PROBLEMS: Final = 5
_CONFLICT: Final = "{path}: it was written at the same time by somebody else; run again"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where one entry is: a field of a secret at a path."""

    path: str
    field: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What there is at a place.

    Attributes:
        metadata: of the secret; None when there is none.
        record: what the labels say of the field.
        value: the field, where it is there and can be read.
        readable: the policy allows to read values.
        occupied: the field is there, or that cannot be told.
    """

    metadata: Metadata | None
    record: Record | None
    value: Secret | None
    readable: bool
    occupied: bool

    @property
    def receipt(self) -> Receipt | None:
        """The receipt of what is there now."""
        if self.record is None or self.metadata is None or not self.metadata.live:
            return None
        if self.readable:
            return self.record.custody(self.value.fingerprint()) if self.value else None
        return self.record.custody_unseen()

    def holds(self, stamp: Stamp) -> bool:
        """Tell whether exactly this delivery is there, completed."""
        return self.record == Record(delivered=stamp) and self.receipt == stamp.receipt


class VaultSink:
    """One KV engine; an entry `path#FIELD` is a field of a secret, and the other fields stay as they are.

    Args:
        kv: the engine.
        clock: tells which versions are deleted by now.
        field: the field of entries that name none.
    """

    def __init__(self, kv: KvEngine, *, clock: Clock, field: str) -> None:
        self._kv = kv
        self._clock = clock
        self._field = field

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of completed deliveries; those of values that can be read, if unchanged."""
        wanted: dict[str, dict[str, str]] = defaultdict(dict)
        for name in names:
            place = self._place(name)
            if isinstance(place, _Place):
                wanted[place.path][place.field] = name
        found = {}
        for path, fields in wanted.items():
            for field, state in self._states(path, list(fields)).items():
                if state.receipt:
                    found[fields[field]] = state.receipt
        return found

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse what the token may not do, and entries of others.

        Raises:
            CredentialsError: when the token is refused or its policies allow too little.
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """
        places = [self._place(entry.name) for entry in entries]
        refuse(place for place in places if isinstance(place, str))
        self._kv.require_version_2()
        lacking = self._kv.lacking({place.path for place in places if isinstance(place, _Place)})
        if lacking:
            shown = "; ".join(lacking[:_SHOWN_PROBLEMS])
            msg = f"the token's policies lack {shown}; add the capabilities (docs/sinks.md has a policy)"
            raise CredentialsError(msg)
        refuse(problems_of(entries, self._problem))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Label the secret with the pending receipt, write the field, complete the label.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when the value was not written.
            SinkUnverifiedError: when it may have been.
        """
        place = self._place(entry.name)
        problem = place if isinstance(place, str) else self.value_problem(secret)
        if problem or isinstance(place, str):
            msg = f"entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        state = self._state(place)
        problem = _refusal(entry, state)
        if problem:
            raise SinkRefusedError(problem)
        entry.refuse_overtaken(state.receipt)
        if state.holds(stamp):
            return
        self._begin(place, state, stamp)
        self._write(place, secret, state.metadata)
        self._complete(place, stamp)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the receipt, and the value where the policy allows to read it."""
        place = self._place(entry.name)
        try:
            state = None if isinstance(place, str) else self._state(place)
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        if state is None or not state.holds(stamp):
            msg = f"entry {entry.name}: it does not hold what was delivered, or its receipt; run again"
            raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Give back the token, if it was fetched here, and release connections."""
        self._kv.session.close()

    @staticmethod
    def value_problem(secret: Secret) -> str | None:
        """Return why a value cannot be stored, or None when it can."""
        return text_problem(secret, most_bytes=_MOST_BYTES)

    def _place(self, name: str) -> _Place | str:
        """Return where an entry is, or what is wrong with its name."""
        found = _ENTRY.fullmatch(name)
        if found is None:
            return (
                f"entry {name}: it is not of the form `path/of/secret` or `path/of/secret#FIELD`; rename it"
            )
        if found[2] == self._field:
            return f"entry {name}: `{self._field}` is the field anyway; leave `#{self._field}` out"
        return _Place(path=found[1], field=found[2] or self._field)

    def _problem(self, entry: Entry) -> str | None:
        place = self._place(entry.name)
        return place if isinstance(place, str) else _refusal(entry, self._state(place))

    def _state(self, place: _Place) -> _State:
        return self._states(place.path, [place.field])[place.field]

    def _states(self, path: str, fields: Sequence[str]) -> dict[str, _State]:
        metadata = self._kv.metadata(path, self._clock.now())
        labels = metadata.labels if metadata else {}
        live = metadata is not None and metadata.live
        values = self._kv.fields(path, fields) if live else {}
        names = values if values is not None else self._kv.field_names(path)
        return {
            field: _State(
                metadata=metadata,
                record=_record(path, field, labels),
                value=values.get(field) if values is not None else None,
                readable=values is not None,
                occupied=names is None or field in names,
            )
            for field in fields
        }

    def _begin(self, place: _Place, state: _State, stamp: Stamp) -> None:
        delivered = state.record.delivered if state.record else None
        try:
            self._note(place, Record(delivered=delivered, pending=stamp), state.metadata)
        except SinkUnverifiedError as error:
            raise SinkError(str(error)) from None

    def _write(self, place: _Place, secret: Secret, expected: Metadata | None) -> None:
        try:
            self._kv.write(place.path, place.field, secret, expected=expected)
        except VersionConflictError:
            values = self._kv.fields(place.path, [place.field])
        else:
            return
        msg = _CONFLICT.format(path=place.path)
        if values is None:
            raise SinkUnverifiedError(msg)
        value = values.get(place.field)
        # After a lost answer the conflict is with our own first try.
        if value is None or value.fingerprint() != secret.fingerprint():
            raise SinkError(msg)

    def _complete(self, place: _Place, stamp: Stamp) -> None:
        try:
            metadata = self._kv.metadata(place.path, self._clock.now())
            record = _record(place.path, place.field, metadata.labels if metadata else {})
            if record is None or record.pending != stamp:
                raise SinkError(_CONFLICT.format(path=place.path))
            self._note(place, Record(delivered=stamp), metadata)
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None

    def _note(self, place: _Place, record: Record, metadata: Metadata | None) -> None:
        """Write a record into the labels of its field, in place of those that are there."""
        text = encoded(record)
        pieces = [text[start : start + _LABEL_LENGTH] for start in range(0, len(text), _LABEL_LENGTH)]
        present = _label_names(place.field, metadata.labels if metadata else {})
        labels: dict[str, str | None] = dict.fromkeys(present)
        labels |= {_label_name(place.field, number): piece for number, piece in enumerate(pieces)}
        try:
            self._kv.label(place.path, labels, expected=metadata)
        except VersionConflictError:
            found = self._kv.metadata(place.path, self._clock.now())
        else:
            return
        # After a lost answer the conflict is with our own first try.
        if _record(place.path, place.field, found.labels if found else {}) != record:
            raise SinkError(_CONFLICT.format(path=place.path))


def _refusal(entry: Entry, state: _State) -> str | None:
    if not state.occupied:
        return None
    return refusal(entry, state.record)


def _label_name(field: str, number: int) -> str:
    # A field has no slash in its name, so no two fields share a label.
    name = _LABEL.format(field=field)
    return f"{name}/{number}" if number else name


def _label_names(field: str, labels: Mapping[str, str]) -> list[str]:
    """Return the names of the labels that a field has, in the order of their pieces."""
    names = [_label_name(field, number) for number in range(len(labels))]
    return [name for name in names if name in labels]


def _record(path: str, field: str, labels: Mapping[str, str]) -> Record | None:
    names = _label_names(field, labels)
    if not names:
        return None
    record = decoded("".join(labels[name] for name in names))
    if record is None:
        msg = (
            f"{path}: the receipt in its custom metadata is damaged; restore the labels `{names[0]}…`, or "
            "remove them and declare `takeover: true` for the entry"
        )
        raise SinkError(msg)
    return record


def build(options: Mapping[str, object]) -> VaultSink:
    """Return the sink that the options describe; the server is asked nothing yet.

    Args:
        options: `address`, `mount`, `field`, `namespace`, `ca_file`, `auth` with what it takes, and `clock`.

    Raises:
        SinkError: when the CA file cannot be read.
    """
    clock = cast("Clock", options["clock"])
    session = sessions.VaultSession(
        http=store_client(str(options["address"]), clock=clock, tls=_tls(options.get("ca_file"))),
        clock=clock,
        namespace=cast("str | None", options.get("namespace")),
        token=cast("Secret | None", options.get("token")),
        login=_login(options, clock),
    )
    kv = KvEngine(session=session, mount=str(options["mount"]))
    return VaultSink(kv, clock=clock, field=str(options["field"]))


def _login(options: Mapping[str, object], clock: Clock) -> sessions.Login | None:
    method = str(options["auth"])
    mount, role = str(options.get("auth_mount") or _MOUNTS.get(method)), str(options.get("role"))
    match method:
        case "approle":
            return sessions.approle(mount, str(options["role_id"]), cast("Secret", options["secret_id"]))
        case "jwt":
            return sessions.jwt(mount, role, cast("Secret", options["jwt"]))
        case "kubernetes":
            return sessions.kubernetes(mount, role, Path(str(options["jwt_file"])))
        case "github":
            return sessions.github(mount, role, str(options["audience"]), clock)
        case _:
            return None


_MOUNTS: Final = {"approle": "approle", "github": "jwt", "jwt": "jwt", "kubernetes": "kubernetes"}


def _tls(ca_file: object) -> ssl.SSLContext | None:
    if ca_file is None:
        return None
    try:
        return tls_context(Path(str(ca_file)))
    except OSError as error:
        msg = f"{ca_file}: the CA file cannot be read as PEM ({error.strerror}); correct `ca_file`"
        raise SinkError(msg) from None
