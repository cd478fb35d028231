"""Everything the sandbox remembers, bundled: one object for the vendors, the operator and tests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from reconciler.sandbox.accounts import DEFAULT_ACCOUNTS, Accounts
from reconciler.sandbox.clock import SandboxClock, start_of_day
from reconciler.sandbox.database import Database
from reconciler.sandbox.faults import FaultBook
from reconciler.sandbox.idempotency import Idempotency
from reconciler.sandbox.keys import Keys
from reconciler.sandbox.request_log import RequestLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.keys import KeyRow


class Store:
    """The tables and the clock of one sandbox.

    Args:
        path: the SQLite file, or ":memory:".
        accounts: what an empty store, and each reset, begins with.
        time_source: seconds since the epoch, for the clock.
    """

    def __init__(
        self,
        path: str | Path = ":memory:",
        *,
        accounts: Iterable[Account] = DEFAULT_ACCOUNTS,
        time_source: Callable[[], float] = time.time,
    ) -> None:
        self.database = Database(path)
        self.clock = SandboxClock(self.database, time_source)
        self.accounts = Accounts(self.database)
        self.keys = Keys(self.database)
        self.idempotency = Idempotency(self.database)
        self.faults = FaultBook(self.database)
        self.log = RequestLog(self.database)
        self._seed = tuple(accounts)
        if not self.accounts.all():
            self.accounts.add(self._seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database."""
        self.database.close()

    def reset(self) -> None:
        """Go back to the first start: seeded accounts, no keys, real time, defaults everywhere."""
        with self.database.transaction():
            self.database.clear()
            self.accounts.add(self._seed)
        self.clock.load()

    @property
    def tokens(self) -> dict[str, str]:
        """The token of each account, by label."""
        return {account.label: account.token for account in self.accounts.all()}

    def key_row(self, key_id: str, *, offset_hours: int = 8) -> KeyRow | None:
        """Return one key as it is now, or None; today is the day at that UTC offset."""
        now = self.clock.now()
        self.keys.settle(now=now)
        return self.keys.get(key_id, today=start_of_day(now, offset_hours))

    def key_rows(
        self, *, account: str | None = None, offset_hours: int = 8, deleted: bool = False
    ) -> list[KeyRow]:
        """Return keys as they are now, due changes applied; today is the day at that UTC offset."""
        now = self.clock.now()
        self.keys.settle(now=now)
        return self.keys.all(account=account, today=start_of_day(now, offset_hours), deleted=deleted)
