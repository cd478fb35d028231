"""What a vendor remembers of requests that carried an Idempotency-Key."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.sandbox.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAnswer:
    """The first answer to a key, and a fingerprint of the request that it answered."""

    fingerprint: str
    status: int
    body: str


class Idempotency:
    """Stored answers by scope and key, and the keys whose first request still runs."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._running: set[tuple[str, str]] = set()

    def find(self, scope: str, key: str, *, not_before: float) -> StoredAnswer | None:
        """Return the stored answer unless it is older than `not_before` (epoch seconds)."""
        row = self._database.row(
            "SELECT fingerprint, status, body FROM idempotency WHERE scope = ? AND key = ? AND stored_at > ?",
            scope,
            key,
            not_before,
        )
        return None if row is None else StoredAnswer(**dict(row))

    def store(self, scope: str, key: str, answer: StoredAnswer, *, now: float) -> None:
        """Keep an answer for replay."""
        self._database.execute(
            "INSERT OR REPLACE INTO idempotency VALUES (?, ?, ?, ?, ?, ?)",
            scope,
            key,
            answer.fingerprint,
            answer.status,
            answer.body,
            now,
        )

    def is_running(self, scope: str, key: str) -> bool:
        """Tell whether the first request of this key has not been answered yet."""
        return (scope, key) in self._running

    @contextmanager
    def running(self, scope: str, key: str) -> Iterator[None]:
        """Mark a key as being executed; a crash of the sandbox forgets it, as a lock in memory would."""
        self._running.add((scope, key))
        try:
            yield
        finally:
            self._running.discard((scope, key))
