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
    """One key as the vendor's own database has it; money in upstream USD, times in epoch seconds.

    Attributes:
        deleted_at: when a vendor that keeps deleted rows hid this one.
    """

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
    deleted_at: float | None = None


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

    def next_id(self) -> str:
        """Return a number that no key has had, for vendors that count; ask and add in one transaction."""
        row = self._database.row("SELECT seq FROM sqlite_sequence WHERE name = 'keys'")
        return str(1 if row is None else row["seq"] + 1)

    def all(self, *, account: str | None = None, today: float = 0.0, deleted: bool = False) -> list[KeyRow]:
        """Return keys, oldest first, hidden ones only on demand; spend since `today` counts as today's."""
        statement = f"{SELECT} WHERE ? IN (account, '') AND (deleted_at IS NULL OR ?) ORDER BY seq"
        return [_key(row) for row in self._database.rows(statement, today, account or "", deleted)]

    def get(self, key_id: str, *, account: str | None = None, today: float = 0.0) -> KeyRow | None:
        """Return one key, or None when there is none of that id in that account."""
        row = self._database.row(f"{SELECT} WHERE id = ? AND deleted_at IS NULL", today, key_id)
        return None if row is None or account not in {None, row["account"]} else _key(row)

    def of_secret(self, secret: str) -> KeyRow | None:
        """Return whose plaintext this is, or None."""
        statement = f"{SELECT} WHERE secret_hash = ? AND deleted_at IS NULL"
        row = self._database.row(statement, 0.0, _digest(secret))
        return None if row is None else _key(row)

    def change(self, key_id: str, changes: Mapping[str, Any], *, now: float) -> None:
        """Set columns of one key; only those of `CHANGEABLE`.

        Args:
            key_id: the key.
            changes: new values; those of `extra` are merged, numbers of `extra_add` are added to it.
            now: when, in epoch seconds.
        """
        with self._database.transaction():
            names = sorted(changes.keys() & CHANGEABLE)
            values = [changes[name] for name in names]
            if changes.keys() & {"extra", "extra_add"}:
                names, values = [*names, "extra"], [*values, json.dumps(self._extra(key_id, changes))]
            assignments = ", ".join(f"{name} = ?" for name in [*names, "updated_at"])
            statement = f"UPDATE keys SET {assignments} WHERE id = ?"  # noqa: S608  # names from CHANGEABLE
            self._database.execute(statement, *values, now, key_id)

    def _extra(self, key_id: str, changes: Mapping[str, Any]) -> dict[str, Any]:
        row = self._database.row("SELECT extra FROM keys WHERE id = ?", key_id)
        stored: dict[str, Any] = {} if row is None else json.loads(row["extra"])
        extra: dict[str, Any] = stored | changes.get("extra", {})
        for name, amount in changes.get("extra_add", {}).items():
            extra[name] = extra.get(name, 0) + amount
        return extra

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

    def delete(self, key_id: str, *, hidden_at: float | None = None) -> None:
        """Remove one key, or hide its row from a moment on; its secret stays in the operator's table."""
        if hidden_at is None:
            self._database.execute("DELETE FROM keys WHERE id = ?", key_id)
        else:
            self._database.execute("UPDATE keys SET deleted_at = ? WHERE id = ?", hidden_at, key_id)

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

    def uses(self, account: str, *, since: float) -> dict[str, tuple[float, int]]:
        """Return the cost in upstream USD and the number of bookings of each key since a moment."""
        rows = self._database.rows(
            "SELECT key_id, TOTAL(usd) AS usd, COUNT(*) AS uses FROM spend JOIN keys ON keys.id = key_id"
            " WHERE account = ? AND at >= ? GROUP BY key_id",
            account,
            since,
        )
        return {row["key_id"]: (float(row["usd"]), int(row["uses"])) for row in rows}

    def plaintext(self, key_id: str) -> str:
        """Return the secret of one key, for vendors that show a secret again."""
        row = self._database.row("SELECT secret FROM secrets WHERE key_id = ?", key_id)
        return "" if row is None else str(row["secret"])

    def plaintexts(self, account: str | None = None) -> dict[str, str]:
        """Return the secret of each key of an account, or of all."""
        statement = "SELECT key_id, secret FROM secrets WHERE ? IN (account, '')"
        return {row["key_id"]: row["secret"] for row in self._database.rows(statement, account or "")}

    def secrets(self) -> list[dict[str, Any]]:
        """Return every secret ever minted, those of deleted keys included."""
        rows = self._database.rows("SELECT key_id, account, secret, minted_at FROM secrets ORDER BY seq")
        return [dict(row) for row in rows]


def _columns(key: NewKey, now: float) -> Sequence[object]:
    limits = (key.daily_usd, key.total_usd, key.concurrency)
    head = (key.id, key.account, key.name, key.description, key.enabled)
    return (*head, *limits, now, now, _digest(key.secret), json.dumps(dict(key.extra)))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()


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
        deleted_at=row["deleted_at"],
    )
