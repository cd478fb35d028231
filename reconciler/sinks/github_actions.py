"""The `github-actions` sink: Actions secrets, each with a variable beside it that holds the receipt."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from reconciler.errors import ReconcilerError, SinkError, SinkRefusedError, SinkUnverifiedError
from reconciler.sinks._github_api import (
    ActionsStore,
    Audience,
    environment_scope,
    organization_scope,
    repository_scope,
)
from reconciler.sinks._github_auth import App, FixedToken, InstallationToken
from reconciler.sinks._receipts import Record, Stamp, decoded, encoded, refusal
from reconciler.sinks._refusals import refuse
from reconciler.sinks._store_http import store_client
from reconciler.sinks._text_value import text_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.core.model import Receipt
    from reconciler.core.secret import Secret
    from reconciler.ports.clock import Clock
    from reconciler.ports.sink import Entry
    from reconciler.sinks._github_api import Scope
    from reconciler.sinks._github_auth import Identity
    from reconciler.transport.client import ApiClient

MOST_BYTES: Final = 48 * 1024
SUFFIX: Final = "_RECEIPT"
"""What the name of a receipt's variable ends with, after the name of its secret."""

_NAME: Final = re.compile(r"(?!GITHUB_)[A-Z_][A-Z0-9_]{0,200}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What there is of one entry.

    Attributes:
        written_at: when GitHub says that the secret was last written; None when there is none.
        note: the text of the variable beside it; None when there is none.
    """

    written_at: str | None
    note: str | None

    @property
    def record(self) -> Record | None:
        """What the variable says, or None when it says nothing of ours."""
        return decoded(self._parts[0]) if self.note is not None else None

    @property
    def receipt(self) -> Receipt | None:
        """The receipt of a completed delivery since which nobody wrote the secret."""
        if self.record is None or self.written_at is None or self._parts[1] != self.written_at:
            return None
        return self.record.custody_unseen()

    @property
    def foreign_note(self) -> bool:
        """Whether the variable is there and none of ours."""
        return self.note is not None and self.record is None

    def holds(self, stamp: Stamp) -> bool:
        """Tell whether exactly this delivery is there, completed."""
        return self.record == Record(delivered=stamp) and self.receipt == stamp.receipt

    @property
    def _parts(self) -> tuple[str, str]:
        text, _, written_at = (self.note or "").partition("\n")
        return text, written_at


class GithubActionsSink:
    """The Actions secrets of a repository, an environment or an organisation.

    GitHub never shows a secret, but when it was written: a receipt counts while that time stays the same.

    Args:
        store: where.
    """

    def __init__(self, store: ActionsStore) -> None:
        self._store = store

    def stat(self, names: Sequence[str]) -> Mapping[str, Receipt]:
        """Return the receipts of secrets that nobody wrote since they were delivered."""
        found = {}
        for name, state in self._states(names).items():
            if state.foreign_note and state.written_at is not None:
                raise SinkError(_damaged(name))
            if state.receipt:
                found[name] = state.receipt
        return found

    def preflight(self, entries: Sequence[Entry]) -> None:
        """Refuse names and numbers that GitHub does not take, a token without the right, entries of others.

        Raises:
            CredentialsError: when the token is refused or lacks the right to write.
            SinkRefusedError: for an entry that cannot be written, or that somebody else wrote.
        """
        refuse(problem for entry in entries if (problem := _name_problem(entry.name)))
        refuse(self._problems(entries))

    def put(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Write the variable with the pending receipt, the secret, and the variable with the delivered one.

        Raises:
            SinkRefusedError: when somebody else wrote the entry since the preflight; nothing is changed.
            SinkError: when the secret was not written.
            SinkUnverifiedError: when it may have been.
        """
        problem = _name_problem(entry.name) or self.value_problem(secret)
        if problem:
            msg = f"entry {entry.name}: {problem}"
            raise SinkError(msg)
        stamp = Stamp(receipt=receipt, fingerprint=secret.fingerprint())
        state = self._state(entry.name)
        problem = _refusal(entry, state)
        if problem:
            raise SinkRefusedError(problem)
        entry.refuse_overtaken(state.receipt)
        if state.holds(stamp):
            return
        self._begin(entry.name, state, stamp)
        self._store.put_secret(entry.name, secret)
        self._complete(entry.name, stamp)

    def verify(self, entry: Entry, secret: Secret, receipt: Receipt) -> None:
        """Compare the receipt, and the time when GitHub says that the secret was written."""
        try:
            state = self._state(entry.name)
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None
        if not state.holds(Stamp(receipt=receipt, fingerprint=secret.fingerprint())):
            msg = f"entry {entry.name}: it was written since, or has no receipt of this delivery; run again"
            raise SinkUnverifiedError(msg)

    def close(self) -> None:
        """Release connections."""
        self._store.close()

    @staticmethod
    def value_problem(secret: Secret) -> str | None:
        """Return why a value cannot be a secret of GitHub, or None when it can (GitHub docs: secrets)."""
        return text_problem(secret, most_bytes=MOST_BYTES)

    def _state(self, name: str) -> _State:
        return _State(written_at=self._store.secret(name), note=self._store.variable(f"{name}{SUFFIX}"))

    def _states(self, names: Sequence[str]) -> dict[str, _State]:
        return _picked(names, self._store.secrets(), self._store.variables())

    def _problems(self, entries: Sequence[Entry]) -> Iterator[str]:
        self._store.prove_writable()
        secrets, variables = self._store.secrets(), self._store.variables()
        states = _picked([entry.name for entry in entries], secrets, variables)
        for entry in entries:
            problem = _refusal(entry, states[entry.name])
            if problem:
                yield problem
        scope = self._store.scope
        missing = sum(state.written_at is None for state in states.values())
        if len(secrets) + missing > scope.most_secrets:
            yield f"{scope.shown}: it would have more than {scope.most_secrets} secrets; remove some"
        missing = sum(state.note is None for state in states.values())
        if len(variables) + missing > scope.most_variables:
            yield f"{scope.shown}: it would have more than {scope.most_variables} variables; remove some"

    def _begin(self, name: str, state: _State, stamp: Stamp) -> None:
        record = state.record or Record()
        try:
            self._note(name, Record(delivered=record.delivered, pending=stamp), "")
        except SinkUnverifiedError as error:
            raise SinkError(str(error)) from None

    def _complete(self, name: str, stamp: Stamp) -> None:
        try:
            written_at = self._store.secret(name)
            self._note(name, Record(delivered=stamp), written_at or "")
        except ReconcilerError as error:
            raise SinkUnverifiedError(str(error)) from None

    def _note(self, name: str, record: Record, written_at: str) -> None:
        self._store.put_variable(f"{name}{SUFFIX}", f"{encoded(record)}\n{written_at}")


def _picked(
    names: Sequence[str], secrets: Mapping[str, str], variables: Mapping[str, str]
) -> dict[str, _State]:
    return {
        name: _State(written_at=secrets.get(name), note=variables.get(f"{name}{SUFFIX}")) for name in names
    }


def _refusal(entry: Entry, state: _State) -> str | None:
    if state.foreign_note and not entry.takeover:
        return _damaged(entry.name)
    return None if state.written_at is None else refusal(entry, state.record)


def _damaged(name: str) -> str:
    return (
        f"entry {name}: the variable {name}{SUFFIX} holds no receipt; remove the variable, "
        "or declare `takeover: true` to overwrite it"
    )


def _name_problem(name: str) -> str | None:
    if _NAME.fullmatch(name):
        return None
    return (
        f"entry {name}: GitHub takes A-Z, 0-9 and _, not starting with a digit or GITHUB_; "
        "give the delivery another `name`"
    )


def build(options: Mapping[str, object]) -> GithubActionsSink:
    """Return the sink that the options describe; GitHub is asked nothing yet.

    Args:
        options: `repository` (`owner/name`) with or without `environment`, or `organization` with
            `visibility` and `selected_repositories`; `token`, or `app_id`, `installation_id` and
            `private_key`; `base_url`; and `clock`.
    """
    clock = cast("Clock", options["clock"])
    http = store_client(str(options["base_url"]), clock=clock)
    scope = _scope(options)
    audience = None
    if options.get("organization"):
        audience = Audience(
            visibility=str(options["visibility"]),
            selected=tuple(cast("Sequence[str]", options.get("selected_repositories") or ())),
        )
    identity = _identity(options, http, clock, scope)
    return GithubActionsSink(ActionsStore(http=http, identity=identity, scope=scope, audience=audience))


def _scope(options: Mapping[str, object]) -> Scope:
    if options.get("organization"):
        return organization_scope(str(options["organization"]))
    owner, _, repository = str(options["repository"]).partition("/")
    if options.get("environment"):
        return environment_scope(owner, repository, str(options["environment"]))
    return repository_scope(owner, repository)


def _identity(options: Mapping[str, object], http: ApiClient, clock: Clock, scope: Scope) -> Identity:
    if options.get("token"):
        return FixedToken(cast("Secret", options["token"]))
    app = App(
        app_id=str(options["app_id"]),
        installation_id=str(options["installation_id"]),
        private_key=cast("Secret", options["private_key"]),
    )
    return InstallationToken(
        http=http, clock=clock, app=app, permissions=scope.permissions, repositories=scope.repositories
    )
