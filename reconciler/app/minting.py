"""Getting hold of an incarnation's secret: mint it, replay it or reveal it, and never two live keys."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from reconciler.app.row_writes import READ_BACK_WAITS, look, settle
from reconciler.core.fields import ENABLED
from reconciler.core.identity import idempotency_key, remote_name
from reconciler.core.model import Minted, MintRequest, ObservedKey
from reconciler.core.resolution import elect, is_unborn, is_unusable, is_used
from reconciler.errors import (
    HostileAnswerError,
    KeyNotFoundError,
    OutcomeUnknownError,
    ReconcilerError,
    SecretLostError,
    SinkUnverifiedError,
    StalePlanError,
)

if TYPE_CHECKING:
    from reconciler.core.identity import Incarnation
    from reconciler.core.model import DesiredAccount
    from reconciler.core.secret import Secret
    from reconciler.ports.clock import Clock
    from reconciler.ports.provider import Provider

REPLAY_WAITS: Final = (1.0, 3.0)
"""Seconds before each replay of a create whose outcome is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Held:
    """A row and its plaintext, for as long as it takes to deliver it.

    Attributes:
        key: the row.
        secret: its plaintext.
        warnings: for the report.
        twins: rows of the same incarnation that other runs minted at the same moment, and that lost.
    """

    key: ObservedKey
    secret: Secret
    warnings: tuple[str, ...] = ()
    twins: tuple[ObservedKey, ...] = ()


@dataclass(slots=True, kw_only=True, eq=False)
class Mint:
    """Mints and recovers incarnations on one account.

    Args:
        account: where.
        provider: its adapter.
        clock: for the waits between replays.
        salt: of the idempotency keys.
        known_ids: rows that were there before the run, so that a new one can be told by difference.
    """

    account: DesiredAccount
    provider: Provider
    clock: Clock
    salt: bytes
    known_ids: frozenset[str]
    _condemned: set[str] = field(default_factory=set)

    def request(self, incarnation: Incarnation) -> MintRequest:
        """Return the create request of an incarnation; the same in every run."""
        return MintRequest(
            incarnation=incarnation,
            name=remote_name(incarnation, self.account.namespace),
            idempotency_key=idempotency_key(
                self.salt,
                origin=self.account.origin,
                account=self.account.label,
                namespace=self.account.namespace,
                incarnation=incarnation,
            ),
        )

    def mint(self, incarnation: Incarnation) -> Held:
        """Mint a new incarnation at the floor.

        Raises:
            OutcomeUnknownError: when neither replays nor the list could settle what happened.
            SecretLostError: when a key was minted and its plaintext cannot be had.
            StalePlanError: when another run minted the incarnation first; the row of this one is disabled.
        """
        request = self.request(incarnation)
        again = False
        try:
            minted = self.provider.create_key(request)
        except OutcomeUnknownError as error:
            again = True
            minted = self._settle_unknown(request, error)
        except SecretLostError:
            if not self.account.capabilities.replays_secret:
                raise
            again = True
            minted = self.provider.create_key(request)
        return self._held(request, minted, again=again)

    def recover(self, incarnation: Incarnation, row: ObservedKey) -> Held:
        """Get the secret of a row that was minted before and never delivered.

        Raises:
            SecretLostError: when neither a replay nor a reveal gives it.
        """
        capabilities = self.account.capabilities
        if capabilities.reveals:
            return Held(key=row, secret=self.provider.reveal(row))
        replayable = row.age is None or row.age <= capabilities.replay_window
        if not capabilities.idempotent_create or not replayable:
            msg = f"{row.id} was minted and never delivered, and its secret cannot be read again"
            raise SecretLostError(msg, key_id=row.id)
        held = self.mint(incarnation)
        if held.key.id == row.id:
            return held
        # The provider forgot the first create: two rows exist, and only the new one's secret is in hand.
        if is_unusable(row):
            self.condemn(row)
            return held
        self.condemn(held.key)
        msg = f"{row.id} may be in use and its secret is lost; raise `generation` to replace it or `adopt` it"
        raise SinkUnverifiedError(msg)

    def condemn(self, row: ObservedKey) -> None:
        """Disable a row whose secret nobody can have, and read it back.

        Raises:
            StalePlanError: when another run had its secret after all and has activated it; it lives on.
        """
        floor = self.account.capabilities.floor
        with suppress(ReconcilerError):
            row = self.provider.get_key(row.id)
        if is_used(row, floor):
            raise _activated(row)
        self._condemned.add(row.id)
        row = settle(self.provider, self.clock, row, {ENABLED: False}).key
        # Either this read sees the other run's caps, or that run's read back sees the key off and mends it.
        if is_used(row, floor):
            settle(self.provider, self.clock, row, {ENABLED: True})
            raise _activated(row)

    def pardon(self, key_id: str) -> None:
        """Enable a row again that was condemned here, and whose secret another run had after all."""
        if key_id in self._condemned:
            settle(self.provider, self.clock, look(self.provider, self.clock, key_id), {ENABLED: True})

    def condemn_lost(self, incarnation: Incarnation, error: SecretLostError) -> None:
        """Disable whatever a create left behind whose secret was lost.

        Raises:
            StalePlanError: when such a row is in use, so its secret was delivered and is not lost.
        """
        name = remote_name(incarnation, self.account.namespace)
        rows = {
            row.id: row
            for row in self.provider.list_keys().keys
            if row.id == error.key_id or (row.name == name and row.id not in self.known_ids)
        }
        if error.key_id is not None and error.key_id not in rows:
            # A list may lag behind, or leave out what is off.
            with suppress(KeyNotFoundError):
                rows[error.key_id] = look(self.provider, self.clock, error.key_id)
        live = [row for row in rows.values() if row.live]
        floor = self.account.capabilities.floor
        if used := [row.id for row in live if is_used(row, floor)]:
            msg = f"{used[0]} was minted by another run and is in use; plan again"
            raise StalePlanError(msg)
        for row in live:
            self.condemn(row)

    def _settle_unknown(self, request: MintRequest, error: OutcomeUnknownError) -> Minted:
        """Find out what a create did whose answer did not say; the idempotency key stays the same."""
        if self.account.capabilities.idempotent_create:
            for seconds in REPLAY_WAITS:
                self.clock.sleep(seconds)
                try:
                    return self.provider.create_key(request)
                except (SecretLostError, HostileAnswerError):
                    raise
                except OutcomeUnknownError:
                    continue
                except ReconcilerError:
                    # Nothing is known of the first create, whatever stopped this one.
                    break
            raise error
        if not self._awaited_rows(request):
            msg = f"{error}; no such key is listed yet, run again"
            raise OutcomeUnknownError(msg) from None
        return Minted(key_id=None, secret=None)

    def _new_rows(self, request: MintRequest) -> list[ObservedKey]:
        listed = self.provider.list_keys().keys
        return [row for row in listed if row.name == request.name and row.id not in self.known_ids]

    def _awaited_rows(self, request: MintRequest) -> list[ObservedKey]:
        """Wait a little for a list that lags; given up too soon, the next run would mint again."""
        rows = self._new_rows(request)
        for seconds in READ_BACK_WAITS:
            if rows or not self.clock.sleep(seconds):
                break
            rows = self._new_rows(request)
        return rows

    def _held(self, request: MintRequest, minted: Minted, *, again: bool) -> Held:
        """Pair a minted key with its row, and make sure that the row will be found again by its name."""
        row, others = self._elect(request, minted, again=again)
        if row.name != request.name:
            if is_used(row, self.account.capabilities.floor):
                msg = f"{row.id} is this key, used under another name; rename it back, or raise `generation`"
                raise StalePlanError(msg)
            self.condemn(row)
            msg = f"the provider does not show {request.name} as the name of {row.id}, which is now disabled"
            raise HostileAnswerError(msg)
        # The answer's secret belongs to the answer's row, also when another run has disabled that one.
        its_own = row.id == minted.key_id or (minted.key_id is None and not others)
        secret = minted.secret if its_own else None
        if secret is None:
            if not self.account.capabilities.reveals:
                msg = f"{row.id} was minted and its secret did not arrive"
                raise SecretLostError(msg, key_id=row.id)
            secret = self.provider.reveal(row)
        floor = self.account.capabilities.floor
        twins = tuple(
            other for other in others if other.live and is_unborn(other, floor) and is_unusable(other)
        )
        return Held(key=row, secret=secret, warnings=minted.warnings, twins=twins)

    def _elect(
        self, request: MintRequest, minted: Minted, *, again: bool
    ) -> tuple[ObservedKey, tuple[ObservedKey, ...]]:
        """Return the row to go on with, and those that other runs, or a replay, minted besides it."""
        capabilities = self.account.capabilities
        mine = None if minted.key_id is None else self._look(request, minted.key_id)
        rows = {} if mine is None else {mine.id: mine}
        if mine is None or again or not capabilities.idempotent_create:
            try:
                listed = self._awaited_rows if mine is None else self._new_rows
                rows |= {row.id: row for row in listed(request)}
            except ReconcilerError:
                # A secret in hand is delivered before anything else.
                if mine is None:
                    raise
        if not rows:
            msg = f"no new key is called {request.name}; run again"
            raise OutcomeUnknownError(msg)
        # A replay that minted another row shows that nothing is replayed here: whose secret is in hand stays.
        replayed = again and capabilities.idempotent_create and mine is not None
        winner = mine if replayed and mine else elect(list(rows.values()), capabilities.floor)
        if mine is not None and winner.id != mine.id and not capabilities.reveals:
            self.condemn(mine)
            msg = f"another run minted {winner.id} at the same moment, so {mine.id} is disabled; plan again"
            raise StalePlanError(msg)
        return winner, tuple(row for row in rows.values() if row.id != winner.id)

    def _look(self, request: MintRequest, key_id: str) -> ObservedKey:
        try:
            return look(self.provider, self.clock, key_id)
        except ReconcilerError:
            # A secret in hand is delivered before anything else; the read back after it tells the rest.
            return ObservedKey(id=key_id, name=request.name, spec={})


def _activated(row: ObservedKey) -> StalePlanError:
    return StalePlanError(f"another run delivered {row.id} meanwhile and activated it; plan again")
