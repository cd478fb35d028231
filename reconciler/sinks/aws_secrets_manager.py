"""The `aws-secrets-manager` sink: whole secrets, or fields of secrets that hold a JSON object.

A delivery has two steps: the new version is stored under the stage AWSPENDING and read back, and only
then moved to AWSCURRENT. The move names the version that it replaces, so it is refused when somebody
else was faster. The receipt is in the tags and counts only for the version that is current.
"""

from __future__ import annotations

from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, cast

from reconciler.errors import ReconcilerError, SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks._aws_receipts import MARK, tags_of
from reconciler.sinks._aws_secrets import Place, SecretsApi, place_of
from reconciler.sinks._receipts import Record, Stamp
from reconciler.sinks._refusals import problems_of, refuse
from reconciler.sinks._text_value import text_problem
from reconciler.transport.aws_client import AwsService, access_of
from reconciler.transport.client import Peer, as_documented

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.clock import Clock
    from reconciler.ports.sink import Entry
    from reconciler.sinks._aws_secrets import SecretState

MOST_BYTES: Final = 65_536
_THREADS: Final = 8
_RACES: Final = 3
_AWS: Final = Peer(name="AWS Secrets Manager", failed=SinkError, unverified=SinkUnverifiedError)


class AwsSecretsManagerSink:
    """Secrets by name or ARN; an entry `name#FIELD` is a member of a JSON object, and the others stay.

    Args:
        api: the calls.
    """

    def __init__(self, api: SecretsApi) -> None:
        self._api = api

    @as_documented(_AWS, writes=False)
    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of what is current; values are read for fields only."""
        wanted: dict[tuple[str, str | None], list[Place]] = defaultdict(list)
        for name in names:
            place = place_of(name)
            if isinstance(place, Place):
                wanted[place.secret, place.region].append(place)
        with ThreadPoolExecutor(_THREADS) as pool:
            states = [state for found in pool.map(self._api.states, wanted.values()) for state in found]
        return {state.place.entry: state.custody for state in states if state.custody}

    @as_documented(_AWS, writes=False)
    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse entries of others, and existing secrets that may not be written.

        Raises:
            CredentialsError: when the credentials are refused or an action is not granted.
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """
        refuse(problems_of(entries, self._problem))

    @as_documented(_AWS, writes=False)
    def reserve(self, entries: Sequence[Entry]) -> None:
        """Make the secrets that are missing, without a version, so that denials come now.

        Raises:
            CredentialsError: when the credentials are refused or an action is not granted.
            SinkRefusedError: for an entry that cannot be made.
        """
        refuse(problems_of(entries, self._unmade))

    @as_documented(_AWS)
    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Note the receipt as pending; store, read back and promote a version; complete the receipt.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when the value was not stored.
            SinkUnverifiedError: when it may have been.
        """
        place = place_of(entry.name)
        problem = place if isinstance(place, str) else self.value_problem(secret)
        if problem or isinstance(place, str):
            msg = f"entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        for _ in range(_RACES):
            state = self._begin(entry, place, stamp)
            if state is None or self._deliver(state, secret, stamp):
                return
        msg = f"entry {entry.name}: the secret is changed by others again and again; run again later"
        raise SinkUnverifiedError(msg)

    @as_documented(_AWS)
    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the receipt with the current version, and the value where it may be read."""
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        place = place_of(entry.name)
        holds = False
        try:
            if isinstance(place, Place) and (state := self._api.state(place)) is not None:
                holds = state.record == Record(delivered=stamp) and state.custody == receipt
                if place.field is None and state.current is not None:
                    holds = holds and self._api.has(place, state.current, secret)
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None
        if not holds:
            msg = f"entry {entry.name}: it does not hold what was delivered, or its receipt; run again"
            raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Release connections."""
        self._api.service.close()

    @staticmethod
    def value_problem(secret: Secret) -> str | None:
        """Return why a value cannot be stored, or None when it can."""
        return text_problem(secret, most_bytes=MOST_BYTES)

    def _problem(self, entry: Entry) -> str | None:
        """Return why an entry cannot be written; of one that is missing nothing can be told yet."""
        place = place_of(entry.name)
        if isinstance(place, str):
            return place
        state = self._api.state(place)
        problem = state.refusal(entry) if state else self._api.unmakeable(place)
        if problem is None and state is not None:
            self._api.tag(place, MARK)
            self._api.prove_writable(state)
        return problem

    def _unmade(self, entry: Entry) -> str | None:
        """Make an entry that is missing, and return why it cannot be."""
        place = place_of(entry.name)
        if isinstance(place, str):
            return place
        if self._api.state(place) is None:
            self._api.reserve(place, MARK)
        return None

    def _begin(self, entry: Entry, place: Place, stamp: Stamp) -> SecretState | None:
        """Note the delivery and return what it starts from, or None when it is complete already."""
        try:
            state = self._api.state(place)
            if state is None:
                self._api.reserve(place, MARK)
                state = self._api.state(place)
            problem = "the secret was made and is not there yet; run again" if state is None else None
            problem = state.refusal(entry) if state else problem
            if problem or state is None:
                raise SinkRefusedError(problem)
            entry.refuse_overtaken(state.custody)
            if state.record == Record(delivered=stamp) and state.custody:
                return None
            delivered = state.record.delivered if state.record else None
            self._api.tag(place, tags_of(Record(delivered=delivered, pending=stamp), place.field))
        except SinkUnverifiedError as error:
            # An outcome is unknown, but there is no value in it yet.
            raise SinkError(str(error)) from None
        return state

    def _deliver(self, state: SecretState, secret: Secret, stamp: Stamp) -> bool:
        """Store and promote; False when others changed the secret meanwhile, which may be tried again."""
        place = state.place
        if not state.holds(stamp):
            version, content = state.version_for(stamp), state.with_value(secret)
            self._api.store(state, version, content)
            try:
                if not self._api.has(place, version, content):
                    msg = f"entry {place.entry}: the stored version is not what was sent; run again"
                    raise SinkUnverifiedError(msg)
                if not self._api.promote(place, version, state.current):
                    return False
            except ReconcilerError as error:
                raise SinkUnverifiedError(str(error)) from None
        try:
            self._api.tag(place, tags_of(Record(delivered=stamp), place.field))
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None
        return True


def build(options: Mapping[str, object]) -> AwsSecretsManagerSink:
    """Return the sink that the options describe; AWS is asked nothing yet.

    Args:
        options: `region`, `endpoint`, `role_arn`, `external_id`, `access_key_id`, `secret_access_key`,
            `session_token`, `kms_key_id`, and `clock`.
    """
    service = AwsService("secretsmanager", access_of(options), cast("Clock", options["clock"]))
    kms_key_id = cast("str | None", options.get("kms_key_id"))
    return AwsSecretsManagerSink(SecretsApi(service, kms_key_id=kms_key_id))
