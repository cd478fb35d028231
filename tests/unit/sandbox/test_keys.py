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


def test_vendor_fields_are_merged_and_added_to(database: Database) -> None:
    """A change of one leaves the others; counters move by an amount, at once or when due."""
    keys = Keys(database)
    extra = {"group": "vip", "remain": 10}
    keys.add([NewKey(id="a", account="one", secret="s", name="a", extra=extra)], now=1.0)
    keys.change("a", {"extra": {"group": ""}, "extra_add": {"remain": -3, "used": 3}}, now=2.0)
    keys.schedule("a", {"extra_add": {"remain": -1}}, due=5.0)
    keys.change("a", {"extra": {"remain": 100}}, now=3.0)
    keys.settle(now=5.0)
    assert keys.all()[0].extra == {"group": "", "remain": 99, "used": 3}


def test_counted_ids_never_come_again(database: Database) -> None:
    """Neither after a deletion nor after a row was hidden."""
    keys = Keys(database)
    for _ in range(2):
        keys.add([new(keys.next_id())], now=1.0)
    keys.delete("2")
    assert keys.next_id() == "3"
    keys.add([new("3")], now=1.0)
    keys.delete("3", hidden_at=7.0)
    assert keys.next_id() == "4"


def test_a_hidden_row_is_gone_for_everybody_but_the_operator(database: Database) -> None:
    """It is in no list, under no id and under no secret."""
    keys = Keys(database)
    keys.add([new("a"), new("b")], now=1.0)
    keys.delete("a", hidden_at=7.0)
    assert [row.id for row in keys.all()] == ["b"]
    assert (keys.get("a"), keys.of_secret("cr_a_plaintext")) == (None, None)
    assert [(row.id, row.deleted_at) for row in keys.all(deleted=True)] == [("a", 7.0), ("b", None)]


def test_a_secret_leads_to_its_key_and_back(database: Database) -> None:
    """For vendors that show a secret again, and for keys that ask about themselves."""
    keys = Keys(database)
    keys.add([new("a"), new("b", "two")], now=1.0)
    found = keys.of_secret("cr_b_plaintext")
    assert found is not None
    assert (found.id, keys.of_secret("cr_c_plaintext")) == ("b", None)
    assert (keys.plaintext("a"), keys.plaintext("c")) == ("cr_a_plaintext", "")
    assert keys.plaintexts("two") == {"b": "cr_b_plaintext"}
    assert keys.plaintexts().keys() == {"a", "b"}


def test_uses_are_counted_by_key(database: Database) -> None:
    """Cost and number of bookings since a moment, of one account."""
    keys = Keys(database)
    keys.add([new("a"), new("b", "two")], now=1.0)
    for key, usd, at in (("a", 1.0, 5.0), ("a", 2.0, 10.0), ("a", 3.0, 11.0), ("b", 9.0, 11.0)):
        keys.spend(key, usd, at=at)
    assert keys.uses("one", since=10.0) == {"a": (5.0, 2)}
