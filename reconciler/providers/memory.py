"""A provider inside the process: for tests of what stands on the port, and for simulation.

`MemoryServer` is the provider, shared; each `MemoryProvider` is one client of it, so that two writers
can be played against each other. Nothing here does input or output.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from reconciler.core.fields import ENABLED, FIELDS, MICRO
from reconciler.core.model import Capabilities, Listing, Minted, ObservedKey, RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import KeyNotFoundError, RequestRejectedError, SecretLostError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Spec, Value
    from reconciler.core.model import MintRequest
    from reconciler.ports.clock import Clock


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What kind of create a provider has.

    Attributes:
        idempotent: a create repeated with the same idempotency key mints no second key.
        replays_secret: such a repetition answers with the plaintext again.
        returns_secret: a create answers with id and plaintext; otherwise with nothing.
        reveals: the plaintext of an existing key can be read.
        deletes: keys can be deleted.
        renames: the remote name can be changed.
        replay_ttl: for how long a create is remembered; None is for ever.
    """

    idempotent: bool = False
    replays_secret: bool = False
    returns_secret: bool = True
    reveals: bool = False
    deletes: bool = False
    renames: bool = False
    replay_ttl: timedelta | None = None


CLASS_A: Final = Behaviour(idempotent=True, replays_secret=True)
CLASS_B: Final = Behaviour(idempotent=True)
CLASS_C: Final = Behaviour(returns_secret=False, reveals=True, deletes=True, renames=True)
CLASS_D: Final = Behaviour(returns_secret=False, reveals=True, deletes=True)
CLASS_E: Final = Behaviour()


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryCall:
    """One call of the port, as the hooks and the record see it."""

    client: str
    method: str
    key_id: str | None = None
    name: str | None = None


Hook = Callable[[MemoryCall], None]
Result = TypeVar("Result")


@dataclass(slots=True, kw_only=True)
class _Row:
    id: str
    name: str
    spec: dict[str, Value]
    created: timedelta
    used_micro_usd: int = 0
    foreign: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Remembered:
    request: MintRequest
    key_id: str
    at: timedelta


def capabilities_of(behaviour: Behaviour, *, name_limit: int = 100) -> Capabilities:
    """Return the capability data of a provider that behaves like this."""
    fields = frozenset(FIELDS)
    limits = fields - {ENABLED}
    return Capabilities(
        fields=fields,
        creatable=frozenset(_FLOOR),
        updatable=limits,
        clearable=frozenset(name for name in limits if FIELDS[name].clear),
        idempotent_create=behaviour.idempotent,
        create_returns_secret=behaviour.returns_secret,
        replays_secret=behaviour.replays_secret,
        reveals=behaviour.reveals,
        toggles=True,
        deletes=behaviour.deletes,
        renames=behaviour.renames,
        name_limit=name_limit,
        name_unit="characters",
        floor=_FLOOR,
        rate_limits=RateLimits(),
        money_quantum=1,
    )


@dataclass(slots=True, kw_only=True, eq=False)
class MemoryServer:
    """All keys of one account, and everything that was ever done to them.

    Attributes:
        behaviour: what kind of create it has.
        clock: for ages and for forgetting creates; without one, no key has an age.
        seed: part of every secret, so that two servers never hand out the same.
        before: called before each call has an effect; an error from it means nothing was executed.
        after: called after the effect; an error from it means the answer was lost.
        calls: every call that came in, in order.
        hides_disabled: the list leaves out keys that are off.
    """

    behaviour: Behaviour = CLASS_A
    clock: Clock | None = None
    seed: str = "memory"
    before: Hook | None = None
    after: Hook | None = None
    calls: list[MemoryCall] = field(default_factory=list)
    hides_disabled: bool = False
    _rows: dict[str, _Row] = field(default_factory=dict)
    _creates: dict[str, _Remembered] = field(default_factory=dict)
    _minted: int = 0
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def writes(self) -> tuple[MemoryCall, ...]:
        """Every call that was to change something."""
        return tuple(call for call in self.calls if call.method not in {"list_keys", "get_key", "reveal"})

    def client(self, name: str = "client") -> MemoryProvider:
        """Return one more client of this server."""
        return MemoryProvider(self, name)

    def rows(self) -> tuple[ObservedKey, ...]:
        """Return every row as an operator sees it, without a trace in the record."""
        with self._lock:
            return tuple(self._observed(row) for row in self._rows.values())

    def put(
        self, name: str, spec: Spec | None = None, *, used_micro_usd: int = 0, foreign: bool = False
    ) -> str:
        """Make a key as an operator would in a panel, and return its id."""
        with self._lock:
            row = self._mint(name)
            row.spec.update(spec or {})
            row.used_micro_usd = used_micro_usd
            row.foreign = foreign
            return row.id

    def change(self, key_id: str, spec: Spec) -> None:
        """Set fields as an operator would."""
        with self._lock:
            self._row(key_id).spec.update(spec)

    def spend(self, key_id: str, micro_usd: int) -> None:
        """Add to what a key has spent."""
        with self._lock:
            self._row(key_id).used_micro_usd += micro_usd

    def remove(self, key_id: str) -> None:
        """Take a row away as an operator would."""
        with self._lock:
            self._rows.pop(key_id, None)

    def forget_creates(self) -> None:
        """Drop the memory of all idempotency keys."""
        with self._lock:
            self._creates.clear()

    def secret_of(self, key_id: str) -> Secret:
        """Return the plaintext of a key; it is the same in every run with the same seed."""
        return Secret(f"cr_{hashlib.sha256(f'{self.seed}/{key_id}'.encode()).hexdigest()}")

    def create(self, request: MintRequest) -> Minted:
        """Mint a key, or repeat an answer; one call of a client."""
        remembered = self._remembered(request.idempotency_key)
        if remembered is None:
            row = self._mint(request.name)
            self._creates[request.idempotency_key] = _Remembered(
                request=request, key_id=row.id, at=self._now()
            )
            if not self.behaviour.returns_secret:
                return Minted(key_id=None, secret=None)
            return Minted(key_id=row.id, secret=self.secret_of(row.id))
        if remembered.request != request:
            message = "the idempotency key was used for another create; its secret cannot be had again"
            raise SecretLostError(message)
        if not self.behaviour.replays_secret:
            message = f"key {remembered.key_id} was minted earlier and its secret is not repeated; run again"
            raise SecretLostError(message, key_id=remembered.key_id)
        return Minted(key_id=remembered.key_id, secret=self.secret_of(remembered.key_id))

    def observed(self, key_id: str) -> ObservedKey:
        """Return one row that belongs to the account."""
        return self._observed(self._owned(key_id))

    def update(self, key_id: str, changes: Spec) -> None:
        """Set fields of a row that belongs to the account."""
        self._owned(key_id).spec.update(changes)

    def rename(self, key_id: str, name: str) -> None:
        """Rename a row that belongs to the account."""
        self._owned(key_id).name = name

    def delete(self, key_id: str) -> None:
        """Take a row away, unless it is somebody else's; a row already gone is no error."""
        if key_id in self._rows:
            del self._rows[self._owned(key_id).id]

    def perform(self, call: MemoryCall, effect: Callable[[], Result]) -> Result:
        """Run one call of a client, with the hooks around it."""
        with self._lock:
            self.calls.append(call)
        if self.before is not None:
            self.before(call)
        with self._lock:
            result = effect()
        if self.after is not None:
            self.after(call)
        return result

    def _now(self) -> timedelta:
        return timedelta(seconds=self.clock.monotonic()) if self.clock else timedelta(0)

    def _mint(self, name: str) -> _Row:
        self._minted += 1
        row = _Row(id=f"k{self._minted}", name=name, spec={**_FLOOR, ENABLED: True}, created=self._now())
        self._rows[row.id] = row
        return row

    def _row(self, key_id: str) -> _Row:
        try:
            return self._rows[key_id]
        except KeyError:
            message = f"there is no key {key_id}; check the id"
            raise KeyNotFoundError(message) from None

    def _observed(self, row: _Row) -> ObservedKey:
        return ObservedKey(
            id=row.id,
            name=row.name,
            spec=dict(row.spec),
            used_micro_usd=row.used_micro_usd,
            unused=row.used_micro_usd == 0,
            age=self._now() - row.created if self.clock else None,
            foreign=row.foreign,
        )

    def _remembered(self, idempotency_key: str) -> _Remembered | None:
        found = self._creates.get(idempotency_key) if self.behaviour.idempotent else None
        ttl = self.behaviour.replay_ttl
        return None if found and ttl is not None and self._now() - found.at >= ttl else found

    def _owned(self, key_id: str) -> _Row:
        row = self._row(key_id)
        if row.foreign:
            message = f"there is no key {key_id} of this account; check the token"
            raise KeyNotFoundError(message)
        return row


class MemoryProvider:
    """One client of a `MemoryServer`.

    Args:
        server: shared between clients.
        name: stands in the server's record.
        read_only: every write is a programming error, as on a transport that only reads.
    """

    def __init__(self, server: MemoryServer, name: str = "client", *, read_only: bool = False) -> None:
        self.server = server
        self._name = name
        self._read_only = read_only

    @property
    def capabilities(self) -> Capabilities:
        """What the server's behaviour amounts to."""
        return capabilities_of(self.server.behaviour)

    @property
    def origin(self) -> str:
        """A name that no network knows."""
        return f"memory://{self.server.seed}"

    def list_keys(self) -> Listing:
        """Return every row."""
        rows = self._read(MemoryCall(client=self._name, method="list_keys"), self.server.rows)
        return Listing(keys=tuple(row for row in rows if row.live or not self.server.hides_disabled))

    def get_key(self, key_id: str) -> ObservedKey:
        """Return one row of this account."""
        call = MemoryCall(client=self._name, method="get_key", key_id=key_id)
        return self._read(call, lambda: self.server.observed(key_id))

    def create_key(self, request: MintRequest) -> Minted:
        """Mint at the floor, or repeat the answer where the behaviour has idempotency."""
        call = MemoryCall(client=self._name, method="create_key", name=request.name)
        return self._write(call, lambda: self.server.create(request))

    def reveal(self, key: ObservedKey) -> Secret:
        """Return the plaintext where the behaviour reveals."""
        self._require(self.capabilities.reveals, "reveal")
        call = MemoryCall(client=self._name, method="reveal", key_id=key.id)
        return self._read(call, lambda: self.server.secret_of(self.server.observed(key.id).id))

    def update_key(self, key: ObservedKey, changes: Spec) -> None:
        """Set fields to absolute values."""
        self._require(changes.keys() <= self.capabilities.updatable, "update these fields")
        call = MemoryCall(client=self._name, method="update_key", key_id=key.id)
        self._write(call, lambda: self.server.update(key.id, changes))

    def set_enabled(self, key: ObservedKey, *, enabled: bool) -> None:
        """Enable or disable."""
        call = MemoryCall(client=self._name, method="set_enabled", key_id=key.id)
        self._write(call, lambda: self.server.update(key.id, {ENABLED: enabled}))

    def delete_key(self, key: ObservedKey) -> None:
        """Delete a row; one that is gone already counts as deleted."""
        self._require(self.capabilities.deletes, "delete")
        call = MemoryCall(client=self._name, method="delete_key", key_id=key.id)
        self._write(call, lambda: self.server.delete(key.id))

    def rename_key(self, key: ObservedKey, name: str) -> None:
        """Change the remote name."""
        self._require(self.capabilities.renames, "rename")
        call = MemoryCall(client=self._name, method="rename_key", key_id=key.id, name=name)
        self._write(call, lambda: self.server.rename(key.id, name))

    def close(self) -> None:
        """Hold nothing."""

    def _read(self, call: MemoryCall, effect: Callable[[], Result]) -> Result:
        return self.server.perform(call, effect)

    def _write(self, call: MemoryCall, effect: Callable[[], Result]) -> Result:
        if self._read_only:
            message = f"{call.method} on a client that only reads"
            raise RuntimeError(message)
        return self.server.perform(call, effect)

    def _require(self, able: bool, what: str) -> None:  # noqa: FBT001  # read as a sentence at the call
        if not able:
            message = f"this provider cannot {what}; choose a behaviour that can"
            raise RequestRejectedError(message)


_FLOOR: Final[Mapping[str, Value]] = {
    "limits.daily_usd": MICRO,
    "limits.total_usd": MICRO,
    "limits.concurrency": 1,
}
