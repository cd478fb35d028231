"""Tests of the table of accounts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.accounts import DEFAULT_ACCOUNTS, PARTNER_ACCOUNTS, Accounts
from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from reconciler.sandbox.database import Database


def seeded(database: Database) -> Accounts:
    """Return a table with the default accounts."""
    accounts = Accounts(database)
    accounts.add(DEFAULT_ACCOUNTS)
    return accounts


def test_a_token_leads_to_its_account(database: Database) -> None:
    """Authentication finds the account by the token, and nobody by another one."""
    accounts = seeded(database)
    for account in DEFAULT_ACCOUNTS:
        assert accounts.of_token(account.token) == account
    assert accounts.of_token("rsk_unknown") is None


def test_a_reset_token_replaces_the_old_one(database: Database) -> None:
    """The old token is dead at once, and the new one keeps the prefix."""
    accounts = seeded(database)
    old = DEFAULT_ACCOUNTS[0]
    new = accounts.reset_token(old)
    assert new.token.startswith("rsk_")
    assert accounts.of_token(old.token) is None
    assert accounts.of_token(new.token) == new
    assert accounts.reset_token(new, "rsk_wanted").token == "rsk_wanted"


def test_a_reset_token_without_a_prefix_keeps_nothing(database: Database) -> None:
    """A token that is one opaque word is replaced as a whole."""
    accounts = seeded(database)
    old = accounts.get("new_api")
    assert old is not None
    new = accounts.reset_token(old).token
    assert old.token not in new
    assert "_" not in new


def test_two_accounts_never_share_a_token(database: Database) -> None:
    """Neither takes the other's token nor pushes the other out of the table."""
    accounts = seeded(database)
    one, two, *others = accounts.all()
    with pytest.raises(InvalidValueError, match="belongs to another account"):
        accounts.reset_token(one, two.token)
    assert accounts.all() == [one, two, *others]


def test_the_default_accounts_differ_in_what_me_shows() -> None:
    """A client that mixes the two up can be caught by tier, region and currency."""
    one, two = PARTNER_ACCOUNTS
    assert one.tier != two.tier
    assert one.region != two.region
    assert one.currency != two.currency
