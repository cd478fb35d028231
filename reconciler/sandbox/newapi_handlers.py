"""What the token routes of the New API family do, after authentication and request budgets.

Source: songquanpeng/one-api and QuantumNous/new-api, `controller/token.go` and `model/token.go`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.keys import NewKey
from reconciler.sandbox.newapi_body import (
    check_name_and_quota,
    created,
    json_object,
    replaced,
    token_fields,
)
from reconciler.sandbox.newapi_call import fail, success
from reconciler.sandbox.newapi_listing import found, page_of
from reconciler.sandbox.newapi_token import (
    ENABLED,
    EXHAUSTED,
    EXPIRED,
    columns_of,
    is_exhausted,
    is_expired,
    new_key,
    token_object,
    token_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.newapi_call import Call, Reply
    from reconciler.sandbox.newapi_token import Token
    from reconciler.sandbox.store import Store

MOST_IDS = 100
SEARCH_PAGED = "exact"


class TokenHandlers:
    """The routes below `/api/token`.

    Args:
        store: the tables and the clock.
        vendor: the dialect's name.
    """

    def __init__(self, store: Store, vendor: str) -> None:
        self._store = store
        self._vendor = vendor

    async def list(self, call: Call) -> Reply:
        """Answer one page of tokens."""
        users = self._visible_users(call)
        only = call.user.label if len(users) == 1 else None
        rows = [row for row in self._store.keys.all(account=only) if row.account in users]
        return success(page_of(rows, call, self._shower(call, users.values())))

    async def search(self, call: Call) -> Reply:
        """Answer the tokens that a pattern matches; paged on newer servers only."""
        rows = self._store.keys.all(account=call.user.label)
        hits = found(rows, call, self._store.keys.plaintexts(call.user.label))
        show = self._shower(call, [call.user])
        if call.switches.search == SEARCH_PAGED:
            return success(page_of(hits, call, show))
        return success([show(row) for row in hits])

    async def detail(self, call: Call) -> Reply:
        """Answer one token."""
        return success(self._shown(call, self._own_row(call, self._id_in_path(call))))

    async def create(self, call: Call) -> Reply:
        """Mint a token; whatever is sent twice is minted twice."""
        fields = token_fields(call.body, call.switches)
        check_name_and_quota(fields, call)
        most = call.switches.max_tokens
        if most and len(self._store.keys.all(account=call.user.label)) >= most:
            call.refuse("too_many", most)
        row = self._mint(call, created(fields, call))
        await call.exchange.committed()
        if call.switches.create_returns == "nothing":
            return success()
        return success(self._shown(call, row, full=call.switches.create_returns == "full"))

    async def update(self, call: Call) -> Reply:
        """Replace a token's fields, or only its status."""
        switches = call.switches
        fields = token_fields(call.body, switches)
        check_name_and_quota(fields, call)
        row = self._own_row(call, fields.get("id", 0))
        token = token_of(row)
        if fields.get("status") == ENABLED:
            self._check_revival(call, token)
        if call.query.get("status_only") and switches.status_only == "applied":
            # Values are not validated, and one left out is 0.
            changed = replace(token, status=fields.get("status", 0))
        else:
            changed = replaced(token, fields, call)
        self._store.keys.change(row.id, columns_of(changed, switches), now=call.now)
        await call.exchange.committed()
        if switches.put_returns == "nothing":
            return success()
        return success(self._shown(call, self._own_row(call, int(row.id))))

    async def delete(self, call: Call) -> Reply:
        """Delete one token, for good."""
        self._delete(call, self._own_row(call, self._id_in_path(call)))
        await call.exchange.committed()
        return success()

    async def delete_batch(self, call: Call) -> Reply:
        """Delete many tokens and answer how many of them were the caller's."""
        rows = self._own_rows(call, self._ids(call))
        for row in rows:
            self._delete(call, row)
        await call.exchange.committed()
        return success(len(rows))

    async def show_key(self, call: Call) -> Reply:
        """Answer the full key of one token."""
        row = self._own_row(call, self._id_in_path(call))
        return success({"key": self._key(row)})

    async def show_keys(self, call: Call) -> Reply:
        """Answer the full keys of up to a hundred tokens."""
        ids = self._ids(call)
        if len(ids) > MOST_IDS:
            call.refuse("batch_too_large", MOST_IDS)
        return success({"keys": {row.id: self._key(row) for row in self._own_rows(call, ids)}})

    def _visible_users(self, call: Call) -> dict[str, Account]:
        user = call.user
        if call.switches.list_scope == "own" or user.role != "root":
            return {user.label: user}
        wanted = call.query.get("user_id", "")
        return {
            account.label: account
            for account in self._store.accounts.all()
            if account.vendor == self._vendor and wanted in {"", str(account.user_id)}
        }

    def _shower(self, call: Call, users: Iterable[Account]) -> Callable[[KeyRow], dict[str, Any]]:
        ids = {user.label: user.user_id for user in users}
        keys = self._store.keys.plaintexts(call.user.label if len(ids) == 1 else None)
        switches = call.switches
        return lambda row: token_object(row, key=keys[row.id], user_id=ids[row.account], switches=switches)

    def _shown(self, call: Call, row: KeyRow, *, full: bool | None = None) -> dict[str, Any]:
        user_id = call.user.user_id
        return token_object(row, key=self._key(row), user_id=user_id, switches=call.switches, full=full)

    def _key(self, row: KeyRow) -> str:
        return self._store.keys.plaintext(row.id)

    def _mint(self, call: Call, token: Token) -> KeyRow:
        with self._store.database.transaction():
            key_id = self._store.keys.next_id()
            key = NewKey(
                id=key_id,
                account=call.user.label,
                secret=new_key(),
                **columns_of(token, call.switches),
            )
            self._store.keys.add([key], now=call.now)
        return self._own_row(call, int(key_id))

    def _check_revival(self, call: Call, stored: Token) -> None:
        """Refuse to enable what the stored row says is dead, even if the same body would repair it."""
        if stored.status == EXPIRED and is_expired(stored, call.now):
            call.refuse("expired_stays")
        if stored.status == EXHAUSTED and is_exhausted(stored):
            call.refuse("exhausted_stays")

    def _delete(self, call: Call, row: KeyRow) -> None:
        hidden = call.switches.deletes == "hidden"
        self._store.keys.delete(row.id, hidden_at=call.now if hidden else None)

    def _own_row(self, call: Call, number: int) -> KeyRow:
        if number == 0:
            call.refuse("no_id")
        row = self._store.keys.get(str(number), account=call.user.label)
        if row is None:
            call.refuse("not_found")
        return row

    def _own_rows(self, call: Call, ids: Sequence[int]) -> Sequence[KeyRow]:
        label = call.user.label
        rows = [self._store.keys.get(str(number), account=label) for number in dict.fromkeys(ids)]
        return [row for row in rows if row is not None]

    def _id_in_path(self, call: Call) -> int:
        text = call.places["id"]
        if not text.isascii() or not text.lstrip("+-").isdigit():
            fail(f'strconv.Atoi: parsing "{text}": invalid syntax')
        return int(text)

    def _ids(self, call: Call) -> Sequence[int]:
        ids = json_object(call.body, "TokenBatch").get("ids")
        if not isinstance(ids, list) or not ids or not all(type(number) is int for number in ids):
            call.refuse("invalid")
        return ids
