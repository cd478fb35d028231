"""What there is of a secret in AWS Secrets Manager, and the calls that change it.

Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/
"""

from __future__ import annotations

import json
import re
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.errors import CredentialsError, SinkRefusedError
from reconciler.sinks._aws_receipts import as_wire, from_wire, record_in
from reconciler.sinks._json_object import JsonFormat
from reconciler.sinks._receipts import refusal
from reconciler.transport.aws_client import AwsRefusalError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.sink import Entry
    from reconciler.sinks._file_sink import Document
    from reconciler.sinks._receipts import Record, Stamp
    from reconciler.transport.aws_client import AwsService

_CURRENT: Final = "AWSCURRENT"
_PENDING: Final = "AWSPENDING"
_ENTRY: Final = re.compile(
    r"(arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}|"
    r"[A-Za-z0-9/_+=.@-]{1,512})(?:#([A-Za-z0-9_.-]{1,64}))?"
)
_VERSIONS: Final = uuid.UUID("5c9a7d0e-3f43-4c1c-9c39-0f5a6f1b7f52")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where an entry is.

    Attributes:
        entry: as the delivery names it.
        secret: its name or ARN.
        region: of the ARN.
        field: the member of the JSON object; None where the entry is the whole secret.
    """

    entry: str
    secret: str
    region: str | None
    field: str | None


def place_of(entry: str) -> Place | str:
    """Return where an entry is, or what is wrong with its name."""
    found = _ENTRY.fullmatch(entry)
    if found is None:
        return f"entry {entry!r}: it is not `name`, `name#FIELD`, or one with an ARN as the name; rename it"
    return Place(entry=entry, secret=found[1], region=found[2], field=found[3])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SecretState:
    """What there is at a place.

    Attributes:
        place: where.
        arn: of the secret.
        tags: of the secret.
        current: id of the version that consumers get; None before the first one.
        deleted: the secret waits for its deletion.
        content: the current value, read for fields only; None as well where it is binary.
    """

    place: Place
    arn: str
    tags: Mapping[str, str]
    current: str | None
    deleted: bool
    content: Secret | None = None

    @property
    def record(self) -> Record | None:
        """What the tags say of the entry."""
        return record_in(self.tags, self.place.entry, self.place.field)

    @property
    def _document(self) -> Document | str:
        return JsonFormat().parse(self.content)

    @property
    def custody(self) -> Receipt | None:
        """The receipt of what consumers get now."""
        delivered = self.record.delivered if self.record else None
        if delivered is None or self.current is None or self.deleted:
            return None
        if self.place.field is None:
            return delivered.receipt if self.version_for(delivered) == self.current else None
        return delivered.receipt if self._holds(delivered.fingerprint) else None

    def refusal(self, entry: Entry) -> str | None:
        """Return why the entry must not be written, or None when it may be."""
        if self.deleted:
            return (
                f"entry {entry.name}: the secret is scheduled for deletion; "
                "run `aws secretsmanager restore-secret`, or choose another name"
            )
        field, document = self.place.field, self._document
        if field is None or self.current is None:
            return refusal(entry, self.record) if self.current or self.record else None
        if self.content is None or isinstance(document, str):
            return f"entry {entry.name}: the secret is not a JSON object, so it has no fields; choose another"
        if record_in(self.tags, entry.name) is not None:
            return f"entry {entry.name}: the secret is an entry as a whole; choose another for the field"
        if not document.holds(field):
            return None
        return document.problem(field) or refusal(entry, self.record)

    def holds(self, stamp: Stamp) -> bool:
        """Tell whether consumers get the secret of a delivery already, whatever the receipt says."""
        if self.place.field is None:
            return self.version_for(stamp) == self.current
        return self._holds(stamp.fingerprint)

    def with_value(self, secret: Secret) -> Secret:
        """Return the content of the version that delivers a secret; other fields keep every byte."""
        if self.place.field is None:
            return secret
        return cast("Document", self._document).with_value(self.place.field, secret)

    def version_for(self, stamp: Stamp) -> str:
        """Return the version id of a delivery, the same for every try, so that none is stored twice."""
        receipt = stamp.receipt
        parts = [receipt.origin, receipt.address, receipt.remote_id, receipt.generation, receipt.attempt]
        # The other fields are in the version too; that it follows the one that they are from stands for them.
        base = [self.place.field, self.current] if self.place.field else []
        return str(uuid.uuid5(_VERSIONS, json.dumps([*parts, stamp.fingerprint, *base])))

    def _holds(self, fingerprint: str) -> bool:
        document = self._document
        if self.place.field is None or self.content is None or isinstance(document, str):
            return False
        value = document.value(self.place.field)
        return value is not None and value.fingerprint() == fingerprint


class SecretsApi:
    """The calls, each of which may be repeated.

    Args:
        service: Secrets Manager.
        kms_key_id: encrypts secrets that are made here; the account's default key when None.
    """

    def __init__(self, service: AwsService, *, kms_key_id: str | None) -> None:
        self.service = service
        self._kms_key_id = kms_key_id

    def state(self, place: Place) -> SecretState | None:
        """Return what there is, or None where there is no such secret."""
        found = self.states([place])
        return found[0] if found else None

    def states(self, places: list[Place]) -> list[SecretState]:
        """Return what there is at places in one and the same secret; nothing where there is none."""
        try:
            answer = self._call("describe_secret", places[0], {}, reads=True)
        except AwsRefusalError as error:
            if error.code != "ResourceNotFoundException":
                raise
            return []
        current = _current(answer)
        wanted = current is not None and any(place.field for place in places)
        content = self._content(places[0], current) if wanted else None
        return [
            SecretState(
                place=place,
                arn=str(answer["ARN"]),
                tags=from_wire(answer.get("Tags")),
                current=current,
                deleted=answer.get("DeletedDate") is not None,
                content=content,
            )
            for place in places
        ]

    def current(self, place: Place) -> str | None:
        """Return the id of the version that consumers get now."""
        return _current(self._call("describe_secret", place, {}, reads=True))

    @staticmethod
    def unmakeable(place: Place) -> str | None:
        """Return why a secret that is missing cannot be made, or None when it may be possible."""
        if place.region is None:
            return None
        return f"entry {place.entry}: there is no such secret; make it first, or name it without an ARN"

    def reserve(self, place: Place, tags: Mapping[str, str]) -> None:
        """Make a secret that has no version yet.

        Raises:
            SinkRefusedError: when the place is an ARN, which only AWS gives out.
        """
        problem = self.unmakeable(place)
        if problem:
            raise SinkRefusedError(problem)
        asked: dict[str, object] = {"Name": place.secret, "Tags": as_wire(tags)}
        if self._kms_key_id:
            asked["KmsKeyId"] = self._kms_key_id
        try:
            self.service.call("create_secret", asked)
        except AwsRefusalError as error:
            # It was made by our own first try, whose answer was lost, or by somebody else just now.
            if error.code != "ResourceExistsException":
                raise

    def tag(self, place: Place, tags: Mapping[str, str]) -> None:
        """Set tags; others stay."""
        self._call("tag_resource", place, {"Tags": as_wire(tags)})

    def prove_writable(self, state: SecretState) -> None:
        """Store the current version once more, which AWS ignores, to learn whether it is permitted at all."""
        if state.current is None:
            return
        try:
            content = self._content(state.place, state.current)
        except CredentialsError:
            return
        if content is not None:
            # Another value would be refused too, but there are imitations of AWS that take it.
            self._put(state.place, state.current, content, _CURRENT)

    def store(self, state: SecretState, version: str, content: Secret) -> None:
        """Store a version that consumers do not get yet; the first one of a secret they get in any case."""
        self._put(state.place, version, content, _PENDING if state.current else _CURRENT)

    def has(self, place: Place, version: str, content: Secret) -> bool:
        """Tell whether a version holds a content; where values may not be read, it is taken for granted."""
        try:
            answer = self._call("get_secret_value", place, {"VersionId": version}, reads=True)
        except CredentialsError:
            return True
        stored = cast("Secret | None", answer.get("SecretString"))
        return stored is not None and stored.fingerprint() == content.fingerprint()

    def promote(self, place: Place, version: str, expected: str | None) -> bool:
        """Make a version the current one; False when another than the expected one was current."""
        asked: dict[str, object] = {"VersionStage": _CURRENT, "MoveToVersionId": version}
        if expected is not None:
            asked["RemoveFromVersionId"] = expected
        current = self.current(place)
        if current not in {expected, version}:
            return False
        if current == version:
            return True
        try:
            self._call("update_secret_version_stage", place, asked)
        except AwsRefusalError:
            return self.current(place) == version
        return True

    def _put(self, place: Place, version: str, content: Secret, stage: str) -> None:
        asked = {"ClientRequestToken": version, "SecretString": content, "VersionStages": [stage]}
        self._call("put_secret_value", place, asked)

    def _content(self, place: Place, version: str | None) -> Secret | None:
        answer = self._call("get_secret_value", place, {"VersionId": version}, reads=True)
        return cast("Secret | None", answer.get("SecretString"))

    def _call(
        self, operation: str, place: Place, asked: Mapping[str, object], *, reads: bool = False
    ) -> dict[str, Any]:
        return self.service.call(
            operation, {"SecretId": place.secret, **asked}, region=place.region, reads=reads
        )


def _current(answer: Mapping[str, Any]) -> str | None:
    stages = cast("Mapping[str, list[str]]", answer.get("VersionIdsToStages") or {})
    return next((version for version, names in stages.items() if _CURRENT in names), None)
