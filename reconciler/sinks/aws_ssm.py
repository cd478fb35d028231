"""The `aws-ssm` sink: SecureString parameters of AWS Systems Manager.

A parameter has neither stages nor a request token: a new one is created together with its pending receipt,
an old one is overwritten, and the completed receipt names the version that it is for. So a value that was
changed by hand is no longer in custody, and no value has to be read to tell.
Source: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    ReconcilerError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.sinks._aws_receipts import MARK, as_wire, from_wire, record_in, tags_of
from reconciler.sinks._receipts import Record, Stamp, refusal
from reconciler.sinks._refusals import refuse
from reconciler.sinks._text_value import text_problem
from reconciler.transport.aws_client import AwsRefusalError, AwsService, access_of
from reconciler.transport.client import Peer, as_documented

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.ports.clock import Clock
    from reconciler.ports.sink import Entry

MOST_BYTES: Final = 4096
_ENTRY: Final = re.compile(r"/?[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+){0,14}")
_SECURE: Final = "SecureString"
_VERSION_TAG: Final = "reconciler:version"
# How many names one GetParameters takes.
_BATCH: Final = 10
_THREADS: Final = 8
_PROBE: Final = Secret("reconciler preflight")
_AWS: Final = Peer(name="AWS Systems Manager", failed=SinkError, unverified=SinkUnverifiedError)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What there is of a parameter."""

    kind: str
    version: str
    tags: Mapping[str, str]
    record: Record | None

    @property
    def custody(self) -> Receipt | None:
        """The receipt of the version that is there now."""
        if self.record is None or self.record.delivered is None:
            return None
        return self.record.delivered.receipt if self.tags.get(_VERSION_TAG) == self.version else None

    def refusal(self, entry: Entry) -> str | None:
        """Return why the parameter must not be written, or None when it may be."""
        if self.kind != _SECURE:
            return f"entry {entry.name}: the parameter is a {self.kind}, not a {_SECURE}; delete it or rename"
        return refusal(entry, self.record)


class AwsSsmSink:
    """Parameters by name; one with a slash in it gets the leading slash that AWS asks for.

    Args:
        service: Systems Manager.
        kms_key_id: encrypts the values; the account's default key when None.
    """

    def __init__(self, service: AwsService, *, kms_key_id: str | None = None) -> None:
        self._service = service
        self._kms_key_id = kms_key_id

    @as_documented(_AWS, writes=False)
    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of the versions that are there; no value is read."""
        known = {name: _parameter(name) for name in names if _name_problem(name) is None}
        states = self._states(sorted(set(known.values())))
        found = {name: states[parameter].custody for name, parameter in known.items() if parameter in states}
        return {name: receipt for name, receipt in found.items() if receipt}

    @as_documented(_AWS, writes=False)
    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse entries of others, and whatever is denied when a refused request is made of it.

        Raises:
            CredentialsError: when the credentials are refused or an action is not granted.
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """
        refuse(problem for entry in entries if (problem := _name_problem(entry.name)))
        refuse(self._problems(entries))

    @as_documented(_AWS)
    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Note the receipt as pending, store the value, complete the receipt.

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
        parameter = _parameter(entry.name)
        state = self._state(parameter)
        problem = state.refusal(entry) if state else None
        if problem:
            raise SinkRefusedError(problem)
        entry.refuse_overtaken(state.custody if state else None)
        if state and state.record == Record(delivered=stamp) and state.custody:
            return
        if state is None:
            self._create(entry, secret, stamp)
        else:
            self._overwrite(parameter, state, secret, stamp)
        self._complete(entry, secret, stamp)

    @as_documented(_AWS)
    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the receipt with the version that is there, and the value where it may be decrypted."""
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        parameter = _parameter(entry.name)
        try:
            state = self._state(parameter)
            holds = state is not None and state.record == Record(delivered=stamp) and bool(state.custody)
            holds = holds and self._holds(parameter, secret) is not False
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

    def _problems(self, entries: Sequence[Entry]) -> Iterator[str]:
        states = self._states(sorted({_parameter(entry.name) for entry in entries}))
        for entry in entries:
            parameter = _parameter(entry.name)
            state = states.get(parameter)
            problem = state.refusal(entry) if state else None
            if problem is None:
                self._prove(parameter, exists=state is not None)
            if problem:
                yield problem

    def _prove(self, parameter: str, *, exists: bool) -> None:
        """Ask for what is refused in any case, to learn whether it is permitted at all."""
        if exists:
            self._tag(parameter, MARK)
        # AWS neither creates what exists nor takes tags together with permission to overwrite.
        code = "ParameterAlreadyExists" if exists else "ValidationException"
        wrong = {} if exists else {"Tags": as_wire(MARK)}
        try:
            self._put(parameter, _PROBE, Overwrite=not exists, **wrong)
        except AwsRefusalError as error:
            if error.code != code:
                raise SinkRefusedError(str(error)) from None

    def _create(self, entry: Entry, secret: Secret, stamp: Stamp) -> None:
        """Make the parameter, which fails where somebody else has made it meanwhile."""
        parameter = _parameter(entry.name)
        tags = as_wire(tags_of(Record(pending=stamp)))
        try:
            self._put(parameter, secret, Overwrite=False, Tags=tags)
        except AwsRefusalError as error:
            if error.code != "ParameterAlreadyExists":
                raise
            # After a lost answer it is our own first try that is there.
            state = self._state(parameter)
            if state is None or state.record != Record(pending=stamp):
                msg = f"entry {entry.name}: somebody else made it at the same time; choose another name"
                raise SinkRefusedError(msg) from None

    def _overwrite(self, parameter: str, state: _State, secret: Secret, stamp: Stamp) -> None:
        delivered = state.record.delivered if state.record else None
        try:
            self._tag(parameter, tags_of(Record(delivered=delivered, pending=stamp)))
        except SinkUnverifiedError as error:
            raise SinkError(str(error)) from None
        # A delivery that was cut short after the value is only completed.
        if not self._holds(parameter, secret):
            self._put(parameter, secret, Overwrite=True)

    def _complete(self, entry: Entry, secret: Secret, stamp: Stamp) -> None:
        parameter = _parameter(entry.name)
        try:
            state = self._state(parameter)
            if state is None or self._holds(parameter, secret) is False:
                msg = f"entry {entry.name}: the stored value is not what was sent; run again"
                raise SinkUnverifiedError(msg)
            self._tag(parameter, {**tags_of(Record(delivered=stamp)), _VERSION_TAG: state.version})
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None

    def _put(self, parameter: str, value: Secret, **options: object) -> None:
        asked: dict[str, object] = {"Name": parameter, "Value": value, "Type": _SECURE, **options}
        if self._kms_key_id:
            asked["KeyId"] = self._kms_key_id
        # Twice the same value is one version more and harms nobody; a second create is refused.
        self._service.call("put_parameter", asked)

    def _tag(self, parameter: str, tags: Mapping[str, str]) -> None:
        asked = {"ResourceType": "Parameter", "ResourceId": parameter, "Tags": as_wire(tags)}
        self._service.call("add_tags_to_resource", asked)

    def _holds(self, parameter: str, secret: Secret) -> bool | None:
        """Tell whether the parameter has this value; None where values may not be decrypted."""
        asked = {"Name": parameter, "WithDecryption": True}
        try:
            answer = self._service.call("get_parameter", asked, reads=True)
        except CredentialsError:
            return None
        value = cast("Secret", answer["Parameter"]["Value"])
        return value.fingerprint() == secret.fingerprint()

    def _state(self, parameter: str) -> _State | None:
        return self._states([parameter]).get(parameter)

    def _states(self, parameters: Sequence[str]) -> dict[str, _State]:
        batches = [parameters[start : start + _BATCH] for start in range(0, len(parameters), _BATCH)]
        with ThreadPoolExecutor(_THREADS) as pool:
            found = [item for items in pool.map(self._listed, batches) for item in items]
            tags = list(pool.map(self._tags, [str(item["Name"]) for item in found]))
        return {
            str(item["Name"]): _State(
                kind=str(item["Type"]),
                version=str(item["Version"]),
                tags=held,
                record=record_in(held, str(item["Name"])),
            )
            for item, held in zip(found, tags, strict=True)
        }

    def _listed(self, parameters: Sequence[str]) -> list[Mapping[str, Any]]:
        asked = {"Names": list(parameters), "WithDecryption": False}
        return cast(
            "list[Mapping[str, Any]]",
            self._service.call("get_parameters", asked, reads=True).get("Parameters", []),
        )

    def _tags(self, parameter: str) -> dict[str, str]:
        asked = {"ResourceType": "Parameter", "ResourceId": parameter}
        answer = self._service.call("list_tags_for_resource", asked, reads=True)
        return from_wire(answer.get("TagList"))


def _name_problem(name: str) -> str | None:
    if _ENTRY.fullmatch(name):
        return None
    return (
        f"entry {name!r}: it is not the name of a parameter, letters, digits and _.- between at most 15 "
        "slashes, without an ARN and without a field; rename it"
    )


def _parameter(name: str) -> str:
    return f"/{name}" if "/" in name and not name.startswith("/") else name


def build(options: Mapping[str, object]) -> AwsSsmSink:
    """Return the sink that the options describe; AWS is asked nothing yet.

    Args:
        options: `region`, `endpoint`, `role_arn`, `external_id`, `access_key_id`, `secret_access_key`,
            `session_token`, `kms_key_id`, and `clock`.
    """
    service = AwsService("ssm", access_of(options), cast("Clock", options["clock"]))
    return AwsSsmSink(service, kms_key_id=cast("str | None", options.get("kms_key_id")))
