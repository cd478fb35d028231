"""One SQLite file (or memory) behind one lock."""

from __future__ import annotations

import json
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

SCHEMA = """
CREATE TABLE IF NOT EXISTS accounts (
    label TEXT PRIMARY KEY, vendor TEXT NOT NULL, token TEXT NOT NULL, token_hash TEXT NOT NULL UNIQUE,
    region TEXT NOT NULL, tier TEXT NOT NULL, currency TEXT NOT NULL, status TEXT NOT NULL,
    funded REAL NOT NULL, rate REAL NOT NULL, user_id INTEGER NOT NULL, role TEXT NOT NULL,
    user_group TEXT NOT NULL, reads TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS keys (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL,
    name TEXT NOT NULL, description TEXT NOT NULL, enabled INTEGER NOT NULL,
    daily_usd REAL, total_usd REAL, concurrency INTEGER, spent_usd REAL NOT NULL DEFAULT 0,
    created_at REAL NOT NULL, updated_at REAL NOT NULL, deleted_at REAL, secret_hash TEXT NOT NULL,
    extra TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS keys_by_secret ON keys (secret_hash);
CREATE INDEX IF NOT EXISTS keys_by_account ON keys (account, seq);
CREATE TABLE IF NOT EXISTS spend (key_id TEXT NOT NULL, at REAL NOT NULL, usd REAL NOT NULL);
CREATE INDEX IF NOT EXISTS spend_by_key ON spend (key_id, at);
CREATE TABLE IF NOT EXISTS secrets (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key_id TEXT NOT NULL, account TEXT NOT NULL,
    secret TEXT NOT NULL, minted_at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS secrets_by_key ON secrets (key_id);
CREATE TABLE IF NOT EXISTS pending (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, key_id TEXT NOT NULL, due REAL NOT NULL, changes TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS idempotency (
    scope TEXT NOT NULL, key TEXT NOT NULL, fingerprint TEXT NOT NULL, status INTEGER NOT NULL,
    body TEXT NOT NULL, stored_at REAL NOT NULL, PRIMARY KEY (scope, key));
CREATE TABLE IF NOT EXISTS hits (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, subject TEXT NOT NULL, budget TEXT NOT NULL, at REAL NOT NULL);
CREATE INDEX IF NOT EXISTS hits_by_subject ON hits (subject, budget, at);
CREATE TABLE IF NOT EXISTS requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    host TEXT NOT NULL, account TEXT, status INTEGER, outcome INTEGER, idempotency_digest TEXT,
    body_digest TEXT, replayed INTEGER NOT NULL DEFAULT 0, fault TEXT);
CREATE TABLE IF NOT EXISTS faults (
    number INTEGER PRIMARY KEY AUTOINCREMENT, rule TEXT NOT NULL,
    seen INTEGER NOT NULL DEFAULT 0, fired INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
TABLES = (
    "accounts",
    "keys",
    "spend",
    "secrets",
    "pending",
    "idempotency",
    "hits",
    "requests",
    "faults",
    "settings",
)


class Database:
    """A connection that threads share, one at a time.

    Args:
        path: the file to keep everything in, or ":memory:".
    """

    def __init__(self, path: str | Path = ":memory:") -> None:
        if str(path) != ":memory:":
            # The file holds the plaintext of sandbox secrets, so nobody else may read it.
            Path(path).touch(mode=0o600)
        self._lock = RLock()
        self._depth = 0
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.executescript(SCHEMA)

    def close(self) -> None:
        """Close the connection; every later call fails."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit all of the block or nothing; an inner transaction belongs to the outer one."""
        with self._lock:
            if self._depth == 0:
                self._connection.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                self._depth -= 1
                if self._depth == 0:
                    self._connection.execute("ROLLBACK")
                raise
            self._depth -= 1
            if self._depth == 0:
                self._connection.execute("COMMIT")

    def rows(self, statement: str, *arguments: object) -> list[sqlite3.Row]:
        """Return every row of a query."""
        with self._lock:
            return self._connection.execute(statement, arguments).fetchall()

    def row(self, statement: str, *arguments: object) -> sqlite3.Row | None:
        """Return the first row of a query, or None."""
        rows = self.rows(statement, *arguments)
        return rows[0] if rows else None

    def execute(self, statement: str, *arguments: object) -> int:
        """Run one write and return the id of the row it inserted."""
        with self._lock:
            return self._connection.execute(statement, arguments).lastrowid or 0

    def execute_many(self, statement: str, arguments: Sequence[Sequence[object]]) -> None:
        """Run one write for each row of arguments, in one transaction."""
        with self.transaction():
            self._connection.executemany(statement, arguments)

    def setting(self, name: str) -> Any:
        """Return a stored JSON value, or None."""
        row = self.row("SELECT value FROM settings WHERE name = ?", name)
        return None if row is None else json.loads(row["value"])

    def put_setting(self, name: str, value: object) -> None:
        """Store a JSON value under a name."""
        self.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", name, json.dumps(value))

    def clear(self) -> None:
        """Empty every table, and count from 1 again."""
        with self.transaction():
            for table in (*TABLES, "sqlite_sequence"):
                self.execute(f"DELETE FROM {table}")  # noqa: S608  # names from the tuple above
