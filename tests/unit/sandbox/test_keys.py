"""Tests of the table of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.keys import Keys, NewKey

if TYPE_CHECKING:
    from reconciler.sandbox.database import Database


def new(key_id: str, account: str = "one") -> NewKey:
    """Return a key to mint."""
    return NewKey(id=key_id, account=account, secret=f"cr_{key_id}_plaintext", name=key_id, daily_usd=5.0)


def test_keys_belong_to_accounts(database: Database) -> None:
    """A key of another account is not found."""
    keys = Keys(database)
    keys.add([new("a"), new("b", "two")], now=1.0)
    assert [row.id for row in keys.all()] == ["a", "b"]
    assert [row.id for row in keys.all(account="two")] == ["b"]
    assert keys.get("b", account="one") is None
    assert keys.get("b", account="two") == keys.get("b")


def test_the_row_keeps_no_plaintext(database: Database) -> None:
    """The vendor's side has a hash; the plaintext is in the operator's table, also after a deletion."""
    keys = Keys(database)
    keys.add([new("a")], now=1.0)
    assert not any("plaintext" in str(tuple(row)) for row in database.rows("SELECT * FROM keys"))
    keys.delete("a")
    assert keys.all() == []
    assert keys.secrets() == [{"key_id": "a", "account": "one", "secret": "cr_a_plaintext", "minted_at": 1.0}]


def test_spend_counts_for_today_and_in_total(database: Database) -> None:
    """Cost before the day began is in the total only."""
    keys = Keys(database)
    keys.add([new("a"), new("b")], now=1.0)
    keys.spend("a", 1.25, at=10.0)
    keys.spend("a", 2.0, at=100.0)
    row = keys.get("a", today=50.0)
    assert row is not None
    assert (row.spent_today_usd, row.spent_usd) == (2.0, 3.25)
    assert keys.spent("one", since=0.0, until=100.0) == 1.25
    assert keys.spent("two", since=0.0, until=1000.0) == 0.0


def test_scheduled_changes_apply_when_due(database: Database) -> None:
    """A lagged change is invisible before its moment."""
    keys = Keys(database)
    keys.add([new("a")], now=1.0)
    keys.schedule("a", {"daily_usd": 9.0}, due=20.0)
    keys.settle(now=19.0)
    before = keys.get("a")
    keys.settle(now=20.0)
    after = keys.get("a")
    assert before is not None
    assert after is not None
    assert (before.daily_usd, after.daily_usd, after.updated_at) == (5.0, 9.0, 20.0)


def test_fields_of_one_vendor_survive(database: Database) -> None:
    """What only one vendor knows is kept beside the neutral columns."""
    keys = Keys(database)
    keys.add([NewKey(id="a", account="one", secret="s", name="a", extra={"group": "vip"})], now=1.0)
    assert keys.all()[0].extra == {"group": "vip"}
