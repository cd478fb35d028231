"""Tests of the bundle of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from reconciler.sandbox.accounts import Account
from reconciler.sandbox.keys import NewKey
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from pathlib import Path


def test_accounts_are_seeded_once(tmp_path: Path) -> None:
    """A database that has accounts keeps them, whatever the next start brings along."""
    path = tmp_path / "sandbox.db"
    with Store(path) as first:
        changed = first.accounts.reset_token(first.accounts.all()[0])
    with Store(path, accounts=[Account(label="other", token="rsk_other")]) as second:
        assert second.tokens["one"] == changed.token
        assert second.tokens["two"] == "rsk_sandbox_two_00000000000000000002"
        assert "other" not in second.tokens


def test_tokens_are_stable_and_can_be_chosen() -> None:
    """Examples can name the default tokens, and a user can bring their own."""
    with Store() as store:
        assert store.tokens["one"] == "rsk_sandbox_one_00000000000000000001"
    with Store(accounts=[Account(label="mine", token="rsk_mine")]) as store:
        assert store.tokens == {"mine": "rsk_mine"}


def test_reset_goes_back_to_the_first_start() -> None:
    """Keys, time, faults and a suspended account are gone after a reset."""
    with Store(time_source=lambda: 100.0) as store:
        store.keys.add([NewKey(id="a", account="one", secret="cr_a", name="a")], now=0.0)
        store.clock.set(5.0, frozen=True)
        store.faults.add({"action": "hold"})
        store.accounts.change(store.accounts.all()[0], {"status": "suspended"})
        store.reset()
        assert (store.key_rows(), store.faults.all(), store.keys.secrets()) == ([], [], [])
        assert (store.clock.now(), store.clock.frozen) == (100.0, False)
        assert {account.status for account in store.accounts.all()} == {"active"}
