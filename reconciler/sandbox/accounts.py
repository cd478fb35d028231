"""Accounts of the simulated vendors, and whose token a request carries."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Literal

from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from sqlite3 import Row

    from reconciler.sandbox.database import Database

AccountStatus = Literal["active", "suspended", "pending"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One credential at one simulated vendor.

    Attributes:
        label: what the operator calls it.
        token: the bearer token; a real vendor keeps only its hash, and authentication here uses only that.
        funded: money paid in so far, in the settlement currency.
        rate: settlement currency charged for one upstream USD.
    """

    label: str
    token: str
    vendor: str = "qcode-partner"
    region: str = "cn"
    tier: str = "B"
    currency: str = "CNY"
    status: AccountStatus = "active"
    funded: float = 10_000.0
    rate: float = 5.76


DEFAULT_ACCOUNTS = (
    Account(label="one", token="rsk_sandbox_one_00000000000000000001"),  # noqa: S106  # a public test value
    Account(
        label="two",
        token="rsk_sandbox_two_00000000000000000002",  # noqa: S106  # likewise
        region="us",
        tier="D",
        currency="USD",
        funded=500.0,
        rate=0.65,
    ),
)


class Accounts:
    """The table of accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, accounts: Iterable[Account]) -> None:
        """Store new accounts; labels and tokens are unique."""
        with self._database.transaction():
            for account in accounts:
                self._write(account)

    def all(self) -> list[Account]:
        """Return every account, in the order of their labels."""
        return [_account(row) for row in self._database.rows("SELECT * FROM accounts ORDER BY label")]

    def get(self, label: str) -> Account | None:
        """Return the account of that label, or None."""
        row = self._database.row("SELECT * FROM accounts WHERE label = ?", label)
        return None if row is None else _account(row)

    def of_token(self, token: str) -> Account | None:
        """Return whose token this is, or None."""
        row = self._database.row("SELECT * FROM accounts WHERE token_hash = ?", token_hash(token))
        return None if row is None else _account(row)

    def change(self, account: Account, changes: Mapping[str, object]) -> Account:
        """Store changed fields and return the account as it is now."""
        changed = replace(account, **changes)  # type: ignore[arg-type]  # checked by the operator routes
        self._write(changed)
        return changed

    def reset_token(self, account: Account, token: str | None = None) -> Account:
        """Replace the token; the old one stops working at once.

        Raises:
            InvalidValueError: the wanted token is another account's.
        """
        prefix = account.token.partition("_")[0]
        wanted = token or f"{prefix}_{secrets.token_hex(16)}"
        if self.of_token(wanted) not in {None, account}:
            message = "token belongs to another account; use one of its own"
            raise InvalidValueError(message)
        return self.change(account, {"token": wanted})

    def _write(self, account: Account) -> None:
        values = asdict(account) | {"token_hash": token_hash(account.token)}
        columns, marks = ", ".join(values), ", ".join("?" for _ in values)
        updates = ", ".join(f"{name} = excluded.{name}" for name in values)
        statement = (
            f"INSERT INTO accounts ({columns}) VALUES ({marks})"  # noqa: S608  # own names
            f" ON CONFLICT (label) DO UPDATE SET {updates}"
        )
        self._database.execute(statement, *values.values())


def token_hash(token: str) -> str:
    """Return what the vendor keeps of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def _account(row: Row) -> Account:
    return Account(**{name: row[name] for name in row.keys() if name != "token_hash"})  # noqa: SIM118  # Row
