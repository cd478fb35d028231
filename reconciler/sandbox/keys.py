"""Vendor-neutral key rows; what a vendor shows of one is decided by its own module."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from sqlite3 import Row

    from reconciler.sandbox.database import Database

CHANGEABLE = frozenset({"name", "description", "enabled", "daily_usd", "total_usd", "concurrency"})

SELECT = "SELECT keys.*, (SELECT TOTAL(usd) FROM spend WHERE key_id = keys.id AND at >= ?) AS today FROM keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    """What is known of a key when it is minted.

    Attributes:
        extra: fields that only one vendor has, by that vendor's names.
    """

    id: str
    account: str
    secret: str
    name: str
    description: str = ""
    enabled: bool = True
    daily_usd: float | None = None
    total_usd: float | None = None
    concurrency: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRow:
    """One key as the vendor's own database has it; money in upstream USD, times in epoch seconds."""

    seq: int
    id: str
    account: str
    name: str
    description: str
    enabled: bool
    daily_usd: float | None
    total_usd: float | None
    concurrency: int | None
    spent_usd: float
    spent_today_usd: float
    created_at: float
    updated_at: float
    extra: Mapping[str, Any]


class Keys:
    """The table of keys, with their spend and their secrets."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, keys: Sequence[NewKey], *, now: float) -> None:
        """Mint keys: the row keeps a hash, the operator's table alone the plaintext."""
        with self._database.transaction():
            self._database.execute_many(
                "INSERT INTO keys (id, account, name, description, enabled, daily_usd, total_usd,"
                " concurrency, created_at,"
                " updated_at, secret_hash, extra) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_columns(key, now) for key in keys],
            )
            self._database.execute_many(
                "INSERT INTO secrets (key_id, account, secret, minted_at) VALUES (?, ?, ?, ?)",
                [(key.id, key.account, key.secret, now) for key in keys],
            )

    def all(self, *, account: str | None = None, today: float = 0.0) -> list[KeyRow]:
        """Return keys, oldest first; spend since `today` (epoch seconds) counts as today's."""
        statement = f"{SELECT} WHERE ? IN (account, '') ORDER BY seq"
        return [_key(row) for row in self._database.rows(statement, today, account or "")]

    def get(self, key_id: str, *, account: str | None = None, today: float = 0.0) -> KeyRow | None:
        """Return one key, or None when there is none of that id in that account."""
        row = self._database.row(f"{SELECT} WHERE id = ?", today, key_id)
        return None if row is None or account not in {None, row["account"]} else _key(row)

    def change(self, key_id: str, changes: Mapping[str, object], *, now: float) -> None:
        """Set columns of one key; only those of `CHANGEABLE`."""
        names = sorted(changes.keys() & CHANGEABLE)
        assignments = ", ".join(f"{name} = ?" for name in [*names, "updated_at"])
        statement = f"UPDATE keys SET {assignments} WHERE id = ?"  # noqa: S608  # names from CHANGEABLE
        self._database.execute(statement, *[changes[name] for name in names], now, key_id)

    def schedule(self, key_id: str, changes: Mapping[str, object], *, due: float) -> None:
        """Remember changes that take effect at a later moment."""
        self._database.execute(
            "INSERT INTO pending (key_id, due, changes) VALUES (?, ?, ?)", key_id, due, json.dumps(changes)
        )

    def settle(self, *, now: float) -> None:
        """Apply the scheduled changes that are due."""
        if self._database.row("SELECT seq FROM pending WHERE due <= ? LIMIT 1", now) is None:
            return
        with self._database.transaction():
            for row in self._database.rows("SELECT * FROM pending WHERE due <= ? ORDER BY seq", now):
                self.change(row["key_id"], json.loads(row["changes"]), now=row["due"])
            self._database.execute("DELETE FROM pending WHERE due <= ?", now)

    def delete(self, key_id: str) -> None:
        """Remove one key; its secret stays in the operator's table."""
        self._database.execute("DELETE FROM keys WHERE id = ?", key_id)

    def spend(self, key_id: str, usd: float, *, at: float) -> None:
        """Book a cost in upstream USD."""
        with self._database.transaction():
            self._database.execute("INSERT INTO spend VALUES (?, ?, ?)", key_id, at, usd)
            self._database.execute("UPDATE keys SET spent_usd = spent_usd + ? WHERE id = ?", usd, key_id)

    def spent(self, account: str, *, since: float, until: float) -> float:
        """Return the cost of all keys of an account in a span, in upstream USD."""
        row = self._database.row(
            "SELECT TOTAL(usd) AS usd FROM spend JOIN keys ON keys.id = spend.key_id"
            " WHERE keys.account = ? AND at >= ? AND at < ?",
            account,
            since,
            until,
        )
        return 0.0 if row is None else float(row["usd"])

    def secrets(self) -> list[dict[str, Any]]:
        """Return every secret ever minted, those of deleted keys included."""
        rows = self._database.rows("SELECT key_id, account, secret, minted_at FROM secrets ORDER BY seq")
        return [dict(row) for row in rows]


def _columns(key: NewKey, now: float) -> Sequence[object]:
    digest = hashlib.sha256(key.secret.encode()).hexdigest()
    limits = (key.daily_usd, key.total_usd, key.concurrency)
    head = (key.id, key.account, key.name, key.description, key.enabled)
    return (*head, *limits, now, now, digest, json.dumps(dict(key.extra)))


def _key(row: Row) -> KeyRow:
    return KeyRow(
        seq=row["seq"],
        id=row["id"],
        account=row["account"],
        name=row["name"],
        description=row["description"],
        enabled=bool(row["enabled"]),
        daily_usd=row["daily_usd"],
        total_usd=row["total_usd"],
        concurrency=row["concurrency"],
        spent_usd=row["spent_usd"],
        spent_today_usd=row["today"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        extra=json.loads(row["extra"]),
    )
