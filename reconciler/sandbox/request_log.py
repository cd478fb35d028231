"""What the sandbox was asked and what it sent back; never a header or a body."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlite3 import Row

    from reconciler.sandbox.database import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request to a simulated vendor.

    Attributes:
        status: what was sent to the client; None when no status line left.
        outcome: what the vendor decided; None when the request was never executed.
        idempotency_digest: equal for equal Idempotency-Key values; None without the header.
        body_digest: equal for equal request bodies; None until the whole body arrived.
        replayed: the answer came out of the idempotency store.
        fault: the injected faults that fired, comma-separated.
    """

    number: int
    at: float
    method: str
    path: str
    host: str
    account: str | None
    status: int | None
    outcome: int | None
    idempotency_digest: str | None
    body_digest: str | None
    replayed: bool
    fault: str | None


class RequestLog:
    """The table of requests, in the order of their arrival."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        *,
        at: float,
        method: str,
        path: str,
        host: str,
        account: str | None,
        idempotency_key: str | None,
    ) -> int:
        """Note a request whose head has arrived, and return its number."""
        return self._database.execute(
            "INSERT INTO requests (at, method, path, host, account, idempotency_digest)"
            " VALUES (?, ?, ?, ?, ?, ?)",
            at,
            method,
            path,
            host,
            account,
            None if idempotency_key is None else digest(idempotency_key.encode("latin-1", "replace")),
        )

    def note(self, number: int, column: str, value: object) -> None:
        """Add what has become known: `status`, `outcome`, `body_digest`, `replayed` or `fault`."""
        self._database.execute(f"UPDATE requests SET {column} = ? WHERE number = ?", value, number)  # noqa: S608

    def all(self) -> list[LoggedRequest]:
        """Return every request since the last clearing."""
        return [_request(row) for row in self._database.rows("SELECT * FROM requests ORDER BY number")]

    def clear(self) -> None:
        """Forget the requests so far; numbers go on."""
        self._database.execute("DELETE FROM requests")


def digest(data: bytes) -> str:
    """Return a short fingerprint, good for telling equal from different."""
    return hashlib.sha256(data).hexdigest()[:16]


def _request(row: Row) -> LoggedRequest:
    return LoggedRequest(**(dict(row) | {"replayed": bool(row["replayed"])}))
