"""The web panels of QCode: the partner dashboard, and the user dashboard behind the read-only API."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn

from reconciler.sandbox.keys import CHANGEABLE, NewKey
from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.operator_bodies import KeyRequest
    from reconciler.sandbox.store import Store

# What only the read-only API shows.
EXTRA_FIELDS = frozenset({"expires_at", "monthly_usd"})
FIELDS = CHANGEABLE | EXTRA_FIELDS | {"account"}


class QcodePanel:
    """The operator's side of the partner API.

    Args:
        store: the tables and the clock.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def create(self, account: Account, wanted: KeyRequest, given: frozenset[str]) -> dict[str, str]:
        """Make a sub key."""
        _refuse_others(given)
        key_id, secret = str(uuid.uuid4()), f"cr_{secrets.token_hex(32)}"
        name = wanted.name or f"sub-{key_id[:8]}"
        values = asdict(wanted)
        columns = {field: values[field] for field in CHANGEABLE - {"name"}}
        extra = {field: values[field] for field in EXTRA_FIELDS & given}
        key = NewKey(id=key_id, account=account.label, secret=secret, name=name, extra=extra, **columns)
        self._store.keys.add([key], now=self._store.clock.now())
        return {"id": key_id, "name": name, "api_key": secret}

    def change(self, row: KeyRow, changes: Mapping[str, Any]) -> None:
        """Change fields of a sub key."""
        _refuse_others(changes.keys())
        columns = {field: value for field, value in changes.items() if field in CHANGEABLE}
        extra = {field: value for field, value in changes.items() if field in EXTRA_FIELDS}
        self._store.keys.change(row.id, columns | {"extra": extra}, now=self._store.clock.now())

    def delete(self, row: KeyRow) -> None:
        """Remove a sub key."""
        self._store.keys.delete(row.id)

    def use(self, row: KeyRow, *, usd: float, units: int | None, at: float) -> None:
        """Book a cost in upstream USD, whatever the state of the key."""
        if units is not None:
            text = "QCode counts USD, not units; use usd"
            raise InvalidValueError(text)
        self._store.keys.spend(row.id, usd, at=at)


class ReadOnlyPanel:
    """The operator's side of the read-only API: it has no keys of its own."""

    def create(self, account: Account, wanted: KeyRequest, given: frozenset[str]) -> dict[str, str]:  # noqa: ARG002
        """Refuse."""
        self._refuse(account.label, account.reads)

    def change(self, row: KeyRow, changes: Mapping[str, Any]) -> None:  # noqa: ARG002  # the protocol's
        """Refuse."""
        self._refuse(row.account, "it reads")

    def delete(self, row: KeyRow) -> None:
        """Refuse."""
        self._refuse(row.account, "it reads")

    def use(self, row: KeyRow, *, usd: float, units: int | None, at: float) -> None:  # noqa: ARG002  # likewise
        """Refuse."""
        self._refuse(row.account, "it reads")

    def _refuse(self, label: str, owner: str) -> NoReturn:
        text = f"account {label} only reads; use account {owner}"
        raise InvalidValueError(text)


def _refuse_others(given: Iterable[str]) -> None:
    unknown = sorted(set(given) - FIELDS)
    if unknown:
        text = f"a QCode key has no {', '.join(unknown)}; use {', '.join(sorted(FIELDS))}"
        raise InvalidValueError(text)
