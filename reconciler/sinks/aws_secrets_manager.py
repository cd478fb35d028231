"""The `aws-secrets-manager` sink: whole secrets, or fields of secrets that hold a JSON object.

A delivery is in two steps: the new version is stored under the stage AWSPENDING, read back, and only
then moved to AWSCURRENT. The move names the version that it replaces, so it is refused when somebody
else was faster. The receipt is in the tags, and counts only for the version that is current.
Source: https://docs.aws.amazon.com/secretsmanager/latest/apireference/
"""

from __future__ import annotations

import re
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, cast

from reconciler.core.secret import Secret
from reconciler.errors import (
    CredentialsError,
    ReconcilerError,
    SinkError,
    SinkRefusedError,
    SinkUnverifiedError,
)
from reconciler.sinks._aws_client import AwsAccess, AwsRefusalError, AwsService
from reconciler.sinks._aws_receipts import MARK, as_wire, tags_of
from reconciler.sinks._aws_secret_state import CURRENT, PENDING, Place, SecretState, state_of
from reconciler.sinks._receipts import Record, Stamp, refusal
from reconciler.sinks._text_value import text_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.ports.clock import Clock
    from reconciler.ports.sink import Entry

MOST_BYTES: Final = 65_536
_ENTRY: Final = re.compile(
    r"(arn:aws[a-z-]*:secretsmanager:([a-z0-9-]+):\d{12}:secret:[A-Za-z0-9/_+=.@-]{1,519}|"
    r"[A-Za-z0-9/_+=.@-]{1,512})(?:#([A-Za-z0-9_.-]{1,64}))?"
)
_THREADS: Final = 8
_RACES: Final = 3
_PROBE: Final = Secret("reconciler preflight")


class AwsSecretsManagerSink:
    """Secrets by name or ARN; an entry `name#FIELD` is a member of a JSON object, and the others stay.

    Args:
        service: Secrets Manager.
        kms_key_id: encrypts secrets that are made here; the account's default key when None.
    """

    def __init__(self, service: AwsService, *, kms_key_id: str | None = None) -> None:
        self._service = service
        self._kms_key_id = kms_key_id

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of the versions that are current; values are read only for fields."""
        wanted: dict[tuple[str, str | None], list[Place]] = defaultdict(list)
        for name in names:
            place = _place(name)
            if isinstance(place, Place):
                wanted[place.secret, place.region].append(place)
        with ThreadPoolExecutor(_THREADS) as pool:
            found = list(pool.map(self._receipts, wanted.values()))
        return {name: receipt for receipts in found for name, receipt in receipts.items()}

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse entries of others; reserve those that are new, empty, so that most denials come now.

        Raises:
            CredentialsError: when the credentials are refused or an action is not granted.
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """
        problems = list(self._problems(entries))
        if problems:
            raise SinkRefusedError("\n".join(problems))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Note the receipt as pending, store, read back and promote a version, complete the receipt.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when the value was not stored.
            SinkUnverifiedError: when it may have been.
        """
        place = _required(entry)
        problem = self.value_problem(secret)
        if problem:
            msg = f"entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        for _ in range(_RACES):
            if self._put(entry, place, secret, stamp):
                return
        msg = f"entry {entry.name}: others write the secret again and again at the same time; run again later"
        raise SinkError(msg)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the receipt with the current version, and the value where it may be read."""
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        try:
            place = _required(entry)
            state = self._state(place)
            holds = state is not None and state.record == Record(delivered=stamp)
            holds = holds and state is not None and state.custody == receipt
            if holds and state is not None and not place.field:
                holds = self._reads_back(place, state.current, secret)
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

    def _receipts(self, places: Sequence[Place]) -> dict[str, Receipt]:
        """Return the receipts of entries that are in one secret."""
        found = self._described(places[0])
        if found is None:
            return {}
        content = self._content(places[0], found) if any(place.field for place in places) else None
        states = [state_of(place, found, content) for place in places]
        return {state.place.entry: state.custody for state in states if state.custody}

    def _problems(self, entries: Sequence[Entry]) -> Iterator[str]:
        for entry in entries:
            place = _place(entry.name)
            if isinstance(place, str):
                yield place
                continue
            try:
                state = self._state(place)
                problem = _refusal(entry, state)
                if problem is None:
                    self._prove(place, state)
            except SinkError as error:
                problem = str(error)
            if problem:
                yield problem

    def _prove(self, place: Place, state: SecretState | None) -> None:
        """Make everything that a delivery needs and consumers do not see, and try what is refused anyway."""
        if state is None:
            self._reserve(place, MARK)
            return
        self._tag(state, MARK)
        if not state.current:
            return
        asked = {"SecretId": state.arn, "ClientRequestToken": state.current, "SecretString": _PROBE}
        try:
            # A version is never changed, so this is refused whenever it is permitted at all.
            self._call("put_secret_value", asked, place)
        except AwsRefusalError as error:
            if error.code != "ResourceExistsException":
                raise

    def _put(self, entry: Entry, place: Place, secret: Secret, stamp: Stamp) -> bool:
        """Try to deliver; False when somebody else changed the secret in between and nothing was done."""
        state = self._state(place)
        problem = _refusal(entry, state)
        if problem:
            raise SinkRefusedError(problem)
        if state and state.record == Record(delivered=stamp) and state.custody:
            return True
        state = self._begin(place, state, stamp)
        version = state.current if state.holds(secret) else self._store(state, secret, stamp)
        try:
            if version != state.current and not self._promote(state, version):
                return False
            self._tag(state, tags_of(Record(delivered=stamp), place.field))
        except (SinkError, CredentialsError) as error:
            raise SinkUnverifiedError(str(error)) from None
        return True

    def _begin(self, place: Place, state: SecretState | None, stamp: Stamp) -> SecretState:
        """Note the delivery; the secret is made when there is none, without a version."""
        delivered = state.record.delivered if state and state.record else None
        tags = tags_of(Record(delivered=delivered, pending=stamp), place.field)
        try:
            if state is not None:
                self._tag(state, tags)
                return state
            self._reserve(place, tags)
        except SinkUnverifiedError as error:
            raise SinkError(str(error)) from None
        made = self._state(place)
        if made is None:
            msg = f"entry {place.entry}: the secret that was just made is not there; run again"
            raise SinkError(msg)
        return made

    def _reserve(self, place: Place, tags: Mapping[str, str]) -> None:
        if place.secret.startswith("arn:"):
            msg = f"entry {place.entry}: there is no such secret; make it first, or name it without an ARN"
            raise SinkRefusedError(msg)
        asked: dict[str, object] = {"Name": place.secret, "Tags": as_wire(tags)}
        if self._kms_key_id:
            asked["KmsKeyId"] = self._kms_key_id
        try:
            self._call("create_secret", asked, place)
        except AwsRefusalError as error:
            # It was made by our own first try, whose answer was lost, or by somebody else just now.
            if error.code != "ResourceExistsException":
                raise

    def _store(self, state: SecretState, secret: Secret, stamp: Stamp) -> str:
        """Store a version as AWSPENDING and return its id; the first one of a secret is current at once."""
        version = state.version_for(stamp)
        asked = {
            "SecretId": state.arn,
            "ClientRequestToken": version,
            "SecretString": state.with_value(secret),
            "VersionStages": [PENDING],
        }
        self._call("put_secret_value", asked, state.place)
        return version

    def _promote(self, state: SecretState, version: str) -> bool:
        """Make a stored version the current one; False when another one than expected was current."""
        place = state.place
        found = self._described(place)
        current = found.current if found else None
        if current == version:
            return self._confirmed(state, version)
        self._confirmed(state, version)
        if current != state.current:
            return self._lost_race(place)
        asked: dict[str, object] = {
            "SecretId": state.arn,
            "VersionStage": CURRENT,
            "MoveToVersionId": version,
            "RemoveFromVersionId": state.current,
        }
        try:
            self._call("update_secret_version_stage", asked, place)
        except AwsRefusalError:
            found = self._described(place)
            if found is None or found.current != version:
                return self._lost_race(place)
        return True

    @staticmethod
    def _lost_race(place: Place) -> bool:
        if place.field:
            return False
        msg = f"entry {place.entry}: somebody else stored a version at the same time; run again"
        raise SinkUnverifiedError(msg)

    def _confirmed(self, state: SecretState, version: str) -> bool:
        # The whole document went there in one request, so the stored field stands for it.
        if self._reads_back(state.place, version, state.expected):
            return True
        msg = f"entry {state.place.entry}: the stored version is not what was sent; it is not made current"
        raise SinkUnverifiedError(f"{msg}; run again")

    def _reads_back(self, place: Place, version: str | None, secret: Secret | None) -> bool:
        """Tell whether a version holds a value; true as well where values may not be read."""
        asked = {"SecretId": place.secret, "VersionId": version}
        try:
            answer = self._call("get_secret_value", asked, place, reads=True)
        except CredentialsError:
            return True
        stored = cast("Secret | None", answer.get("SecretString"))
        return bool(stored and secret and stored.fingerprint() == secret.fingerprint())

    def _state(self, place: Place) -> SecretState | None:
        found = self._described(place)
        if found is None:
            return None
        return state_of(place, found, self._content(place, found) if place.field else None)
