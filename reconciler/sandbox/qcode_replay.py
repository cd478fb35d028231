"""How the simulated QCode treats the Idempotency-Key header of a create.

The page only says that the header makes retries safe; lifetime, scope, mismatch and the rest are switches.
The defaults follow draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from reconciler.sandbox.accounts import token_hash
from reconciler.sandbox.idempotency import StoredAnswer
from reconciler.sandbox.qcode_call import RefusedError, Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from reconciler.sandbox.qcode_call import Call
    from reconciler.sandbox.store import Store

HEADER = "idempotency-key"


class CreateReplay:
    """Runs a create once per key, and answers the repeats.

    Args:
        store: the tables and the clock.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def is_replay(self, call: Call) -> bool:
        """Tell whether a stored answer waits for this request."""
        return self._stored(call) is not None

    async def guard(self, call: Call, mint: Callable[[Call], Reply]) -> Reply:
        """Mint, or answer what the first request of this key was answered.

        Raises:
            RefusedError: the key is missing, is being executed, belongs to another body, or `mint` refused.
        """
        key = call.header(HEADER)
        if not key and call.switches.idempotency_required:
            raise RefusedError(400, "Idempotency-Key header is required")
        if not key or call.switches.idempotency == "ignored":
            reply = mint(call)
            await call.exchange.committed()
            return reply
        scope = _scope(call)
        executes = call.switches.idempotency_in_flight == "executes"
        if self._store.idempotency.is_running(scope, key) and not executes:
            raise RefusedError(409, "A request with this Idempotency-Key is still being processed")
        stored = None if self._store.idempotency.is_running(scope, key) else self._stored(call)
        if stored is not None:
            return _replayed(call, stored)
        with self._store.idempotency.running(scope, key):
            reply = self._first(call, scope, key, mint)
            if reply.status < 400:  # noqa: PLR2004  # first error status
                await call.exchange.committed()
            return reply

    def _first(self, call: Call, scope: str, key: str, mint: Callable[[Call], Reply]) -> Reply:
        # The key row and the stored answer are one commit: a crash never leaves one without the other.
        with self._store.database.transaction():
            try:
                reply = mint(call)
            except RefusedError as error:
                reply = error.reply
                if call.switches.idempotency_failures == "not_stored":
                    return reply
            body = json.dumps(reply.payload)
            answer = StoredAnswer(fingerprint=_fingerprint(call), status=reply.status, body=body)
            self._store.idempotency.store(scope, key, answer, now=call.now)
            return reply

    def _stored(self, call: Call) -> StoredAnswer | None:
        key = call.header(HEADER)
        if not key or call.switches.idempotency == "ignored":
            return None
        not_before = call.now - call.switches.idempotency_ttl_seconds
        return self._store.idempotency.find(_scope(call), key, not_before=not_before)


def _replayed(call: Call, stored: StoredAnswer) -> Reply:
    mismatch = call.switches.idempotency_mismatch
    if mismatch != "replay" and stored.fingerprint != _fingerprint(call):
        raise RefusedError(mismatch, "Idempotency-Key was used with a different request body")
    call.exchange.note("replayed", 1)
    payload = json.loads(stored.body)
    if call.switches.idempotency_replay == "no_plaintext" and "data" in payload:
        payload["data"].pop("api_key", None)
    headers = {"idempotent-replayed": "true"} if call.switches.idempotency_replay_header else {}
    return Reply(status=stored.status, payload=payload, headers=headers)


def _scope(call: Call) -> str:
    scopes = {
        "account": f"account:{call.account.label}",
        "token": f"token:{token_hash(call.account.token)}",
        "host": f"host:{call.header('host')}:{call.account.label}",
    }
    return scopes[call.switches.idempotency_scope]


def _fingerprint(call: Call) -> str:
    exact = call.switches.idempotency_fingerprint == "bytes"
    return hashlib.sha256(call.body if exact else _canonical(call.body)).hexdigest()


def _canonical(body: bytes) -> bytes:
    try:
        return json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        return body
