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
Role = Literal["user", "root"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One credential at one simulated vendor.

    Attributes:
        label: what the operator calls it.
        token: the bearer token; a real vendor keeps only its hash, and authentication here uses only that.
        funded: money paid in so far, in the settlement currency.
        rate: settlement currency charged for one upstream USD.
        user_id: the number that a vendor knows the user by.
        role: whether the user runs the vendor's server.
        user_group: the price group of the user.
        reads: the label of the account whose keys this credential shows, for credentials that only read.
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
    user_id: int = 0
    role: Role = "user"
    user_group: str = "default"
    reads: str = ""


PARTNER_ACCOUNTS = (
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
READONLY_ACCOUNTS = (
    Account(
        label="one_readonly",
        vendor="qcode-readonly",
        token="qot_sandbox_one_00000000000000000001",  # noqa: S106  # likewise
        reads="one",
    ),
    Account(
        label="two_readonly",
        vendor="qcode-readonly",
        token="qot_sandbox_two_00000000000000000002",  # noqa: S106  # likewise
        region="us",
        tier="D",
        currency="USD",
        reads="two",
    ),
)


def _newapi(vendor: str, token: str, user_id: int, suffix: str = "") -> Account:
    return Account(
        label=vendor.replace("-", "_") + suffix,
        vendor=vendor,
        token=token,
        tier="",
        region="",
        currency="USD",
        rate=1.0,
        user_id=user_id,
    )


# The tokens look as those of the real servers do: base64 with its special characters, hex, or opaque.
NEWAPI_ACCOUNTS = (
    _newapi("new-api", "sandbox/NewApi+One00000000001===", 101),
    _newapi("new-api", "sandbox/NewApi+Two00000000002===", 102, "_two"),
    _newapi("new-api-rc", "sandbox/NewApiRc+One000000001===", 111),
    _newapi("new-api-rc", "sandbox/NewApiRc+Two000000002===", 112, "_two"),
    _newapi("new-api-old", "sandbox/NewApiOld+One0000001====", 121),
    _newapi("new-api-old", "sandbox/NewApiOld+Two0000002====", 122, "_two"),
    _newapi("hitopen", "sandbox-hitopen-one-0000000000000001", 131),
    _newapi("hitopen", "sandbox-hitopen-two-0000000000000002", 132, "_two"),
    _newapi("cometapi", "sandbox-cometapi-one-000000000000001", 141),
    _newapi("cometapi", "sandbox-cometapi-two-000000000000002", 142, "_two"),
    _newapi("one-api", "5a0db0c0ffee00000000000000000001", 151),
    _newapi("one-api", "5a0db0c0ffee00000000000000000002", 152, "_two"),
)
DEFAULT_ACCOUNTS = (*PARTNER_ACCOUNTS, *READONLY_ACCOUNTS, *NEWAPI_ACCOUNTS)


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
        """Return every account, in the order of adding."""
        return [_account(row) for row in self._database.rows("SELECT * FROM accounts ORDER BY rowid")]

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
        prefix, mark, _ = account.token.partition("_")
        wanted = token or (prefix + mark if mark else "") + secrets.token_hex(16)
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
