"""Measuring what a provider does not document, with one throw-away key at the floor that ends disabled."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from reconciler.app.doctor import failure
from reconciler.core.fields import ENABLED, MICRO, Kind, kind_of, value_text
from reconciler.core.findings import fail, note, ok, warn
from reconciler.core.identity import Incarnation
from reconciler.core.model import MintRequest
from reconciler.core.sanitize import redact
from reconciler.errors import (
    CredentialsError,
    ExitCode,
    KeyNotFoundError,
    OutcomeUnknownError,
    ReconcilerError,
    RequestRejectedError,
    SecretLostError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.core.fields import Value
    from reconciler.core.findings import Finding
    from reconciler.core.model import Minted, ObservedKey
    from reconciler.ports.clock import Clock
    from reconciler.ports.provider import Provider

MARKED: Final = "/x~9.9"
"""What a probe's name ends with: the marks of namespaces and generations, in a form that nobody governs."""

_LOOKS: Final = 5
_PAUSE_SECONDS: Final = 1.0
_DAY: Final = timedelta(days=1)
_CENT: Final = MICRO // 100


@dataclass(slots=True, kw_only=True)
class Probe:
    """One measurement of one account.

    Args:
        provider: that may write.
        where: label of the account.
        tag: random text that is part of the key's name and of its idempotency key.
        clock: for short waits between looks.
    """

    provider: Provider
    where: str
    tag: str
    clock: Clock
    _before: frozenset[str] = field(default=frozenset(), init=False)
    _made: list[str] = field(default_factory=list, init=False)

    def run(self) -> Iterator[Finding]:
        """Yield what was measured; whatever happens, the keys that were made are disabled in the end."""
        if not self.provider.capabilities.mintable:
            yield note(self.where, "nothing to probe: this provider creates no keys")
            return
        try:
            self._before = frozenset(key.id for key in self.provider.list_keys().keys)
            yield from self._measured()
        except ReconcilerError as error:
            yield failure(self.where, error)
        finally:
            left = self._clean_up()
        yield from left

    def _measured(self) -> Iterator[Finding]:
        name = f"probe-{self.tag}{MARKED}"
        try:
            first = self._create(name)
        except RequestRejectedError as error:
            text = redact(str(error), limit=300)
            name = f"probe-{self.tag}"
            # Refused as well, it was not the name, and the error of this one says what it is.
            first = self._create(name)
            yield warn(self.where, f"names with / and ~ are refused, so use no `namespace`: {text}")
        row, seconds = self._listed(name, first)
        if row is None:
            yield fail(self.where, f"the new key {name} is not in the list; look for it in the panel")
            return
        self._note(row.id)
        yield from self._seen(name, row, seconds)
        if self.provider.capabilities.idempotent_create:
            yield from self._replayed(name, row, first)
        yield from self._updated(row)

    def _create(self, name: str) -> Minted | None:
        """Mint, and return what came back; None where the answer did not say."""
        request = MintRequest(
            incarnation=Incarnation(name=name), name=name, idempotency_key=f"reconciler-probe-{self.tag:0>23}"
        )
        try:
            minted = self.provider.create_key(request)
        except SecretLostError as error:
            self._note(error.key_id)
            return None
        except OutcomeUnknownError:
            return None
        self._note(minted.key_id)
        return minted

    def _note(self, key_id: str | None) -> None:
        if key_id is not None and key_id not in self._before and key_id not in self._made:
            self._made.append(key_id)

    def _listed(self, name: str, minted: Minted | None) -> tuple[ObservedKey | None, float]:
        """Return the new row and after how many seconds the list had it."""
        known = None if minted is None else minted.key_id
        begin = self.clock.monotonic()
        for look in range(_LOOKS):
            new = [key for key in self.provider.list_keys().keys if key.id not in self._before]
            for key in new:
                if key.id == known or (known is None and key.name == name):
                    return key, self.clock.monotonic() - begin
            if look < _LOOKS - 1:
                self.clock.sleep(_PAUSE_SECONDS)
        return None, 0.0

    def _seen(self, name: str, row: ObservedKey, seconds: float) -> Iterator[Finding]:
        if seconds >= _PAUSE_SECONDS:
            yield warn(
                self.where, f"a new key is listed after {seconds:.0f} s; leave that long between two runs"
            )
        else:
            yield ok(self.where, "a new key is listed at once")
        if row.name == name:
            yield ok(self.where, "names come back as they were sent")
        else:
            yield fail(
                self.where,
                f"the name {name!r} came back as {redact(row.name or '')!r}, so no key would be recognised; "
                "declare existing keys with `adopt` only",
            )
        floor = self.provider.capabilities.floor
        if hidden := sorted(field for field in floor if field not in row.spec):
            yield warn(self.where, f"the list does not show {', '.join(hidden)}; drift in it cannot be seen")
        if wrong := sorted(field for field in floor if row.spec.get(field, floor[field]) != floor[field]):
            yield warn(self.where, f"a new key does not have the {', '.join(wrong)} that was sent; check it")

    def _replayed(self, name: str, row: ObservedKey, first: Minted | None) -> Iterator[Finding]:
        known = len(self._made)
        again = self._create(name)
        if len(self._made) > known or (again is not None and again.key_id not in {None, row.id}):
            yield fail(
                self.where,
                "the same create made a second key: the idempotency key is ignored; "
                "do not mint keys of this account with this tool, and ask the provider",
            )
        elif again is None or again.secret is None:
            yield warn(
                self.where,
                "a replayed create does not show the secret again: after a lost answer the key is disabled "
                "and another one is minted",
            )
        elif (
            first is not None
            and first.secret is not None
            and (first.secret.fingerprint() != again.secret.fingerprint())
        ):
            yield fail(self.where, "a replayed create shows another secret; ask the provider")
        else:
            yield ok(self.where, "a replayed create shows the same key and the same secret")

    def _updated(self, row: ObservedKey) -> Iterator[Finding]:
        """Yield, for each limit, whether an update takes; each is raised by the smallest step."""
        can = self.provider.capabilities
        taken, coarse, other = [], [], []
        for name in sorted(can.updatable):
            value = self._wanted(name)
            if value is None:
                continue
            why = self._refused(row, name, value)
            if why is None:
                taken.append(name)
            elif kind_of(name) is Kind.MONEY and self._keeps_cents(row, name):
                coarse.append(f"{name} ({why})")
            else:
                other.append(f"{name} ({why})")
        if taken:
            yield ok(self.where, f"updates take: {', '.join(taken)}")
        for text in other:
            yield fail(self.where, f"an update does not take: {text}; do not declare this field")
        for text in coarse:
            yield warn(self.where, f"amounts are kept to the cent: {text}; declare no smaller step")

    def _refused(self, row: ObservedKey, name: str, value: Value) -> str | None:
        """Update one field, and return why it did not take; None where it did."""
        try:
            self.provider.update_key(row, {name: value})
        except (RequestRejectedError, OutcomeUnknownError, KeyNotFoundError) as error:
            return redact(str(error), limit=200)
        if self._took(row.id, name, value):
            return None
        return f"it is not {value_text(name, value)} afterwards"

    def _keeps_cents(self, row: ObservedKey, name: str) -> bool:
        # Above the floor, so that an update that does nothing is not taken for one that does.
        return self._refused(row, name, self._floor(name) + _CENT) is None

    def _floor(self, name: str) -> int:
        floor = self.provider.capabilities.floor.get(name)
        return floor if isinstance(floor, int) else 0

    def _wanted(self, name: str) -> Value | None:
        kind, base = kind_of(name), self._floor(name)
        if kind is Kind.MONEY:
            return base + self.provider.capabilities.money_quantum
        if kind is Kind.COUNT:
            return base + 1
        if kind is Kind.INSTANT:
            return f"{(self.clock.now() + _DAY).strftime('%Y-%m-%dT%H:%M:%S')}Z"
        return None

    def _took(self, key_id: str, name: str, value: Value) -> bool:
        for look in range(_LOOKS):
            if self.provider.get_key(key_id).spec.get(name) == value:
                return True
            if look < _LOOKS - 1:
                self.clock.sleep(_PAUSE_SECONDS)
        return False

    def _clean_up(self) -> list[Finding]:
        with suppress(ReconcilerError):
            # What a lost answer made is found by its name.
            for key in self.provider.list_keys().keys:
                if key.id not in self._before and (key.name or "").startswith(f"probe-{self.tag}"):
                    self._note(key.id)
        return [self._disabled(key_id) for key_id in self._made]

    def _disabled(self, key_id: str) -> Finding:
        try:
            key = self.provider.get_key(key_id)
            self.provider.set_enabled(key, enabled=False)
            if self._took(key_id, ENABLED, value=False):
                return ok(self.where, f"the probe's key is disabled; its id is {key_id}")
            why = "it is still on"
        except ReconcilerError as error:
            why = redact(str(error), limit=300)
            if isinstance(error, CredentialsError):
                return fail(self.where, f"key {key_id} could not be disabled: {why}", ExitCode.CREDENTIALS)
        return fail(self.where, f"disable key {key_id} in the panel; this could not be done here: {why}")
