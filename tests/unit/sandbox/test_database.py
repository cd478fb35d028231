"""Tests of the SQLite file behind the sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.database import Database

if TYPE_CHECKING:
    from pathlib import Path


def test_a_transaction_is_all_or_nothing(database: Database) -> None:
    """An error inside takes back what the block and its inner blocks wrote."""

    def fail() -> None:
        with database.transaction():
            with database.transaction():
                database.put_setting("a", 1)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert database.setting("a") is None
    with database.transaction():
        database.put_setting("a", 2)
    assert database.setting("a") == 2


def test_an_inner_error_that_is_caught_leaves_the_outer_block_usable(database: Database) -> None:
    """Only the outermost block decides."""
    with database.transaction():
        with pytest.raises(RuntimeError), database.transaction():
            raise RuntimeError
        database.put_setting("a", 3)
    assert database.setting("a") == 3


def test_a_file_survives_and_is_private(tmp_path: Path) -> None:
    """What is stored is there after a restart, readable by the owner only."""
    path = tmp_path / "sandbox.db"
    first = Database(path)
    first.put_setting("a", {"b": 1})
    first.close()
    second = Database(path)
    assert second.setting("a") == {"b": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    assert second.rows("PRAGMA journal_mode")[0][0] == "wal"
    second.close()


def test_clear_empties_everything_and_counts_anew(database: Database) -> None:
    """After a reset, numbers begin at 1 again."""
    statement = "INSERT INTO faults (rule) VALUES ('{}')"
    assert [database.execute(statement), database.execute(statement)] == [1, 2]
    database.clear()
    assert database.rows("SELECT * FROM faults") == []
    assert database.execute(statement) == 1
