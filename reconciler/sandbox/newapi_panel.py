"""The web panel of the New API family, and the relay as far as it touches a token."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.keys import NewKey
from reconciler.sandbox.newapi_messages import message
from reconciler.sandbox.newapi_token import (
    DISABLED,
    ENABLED,
    NEVER,
    Token,
    columns_of,
    new_key,
    spend_of,
    token_of,
    use,
)
from reconciler.sandbox.panel import RefusedUseError
from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.newapi_switches import NewApiSwitches
    from reconciler.sandbox.operator_bodies import KeyRequest
    from reconciler.sandbox.store import Store
    from reconciler.sandbox.switches import SwitchBoard

FIELDS = frozenset(
    {
        "account",
        "name",
        "enabled",
        "total_usd",
        "remain_units",
        "used_units",
        "unlimited",
        "expires_at",
        "models",
        "ips",
        "group",
        "status",
        "cross_group_retry",
    }
)


class NewApiPanel:
    """The operator's side of one server.

    Args:
        store: the tables and the clock.
        switches: the dialect.
    """

    def __init__(self, store: Store, switches: SwitchBoard[NewApiSwitches]) -> None:
        self._store = store
        self._switches = switches

    def create(self, account: Account, wanted: KeyRequest, given: frozenset[str]) -> dict[str, str]:
        """Make a token; without any quota it is unlimited, as the panel proposes."""
        switches, now = self._switches.get(), self._store.clock.now()
        changes = {name: getattr(wanted, name) for name in given}
        if not given & {"remain_units", "total_usd", "unlimited"}:
            changes["unlimited"] = True
        with self._store.database.transaction():
            key_id, secret = self._store.keys.next_id(), new_key()
            token = _changed(Token(name=f"token {key_id}", accessed_time=int(now)), changes, switches)
            columns = columns_of(token, switches)
            key = NewKey(id=key_id, account=account.label, secret=secret, **columns)
            self._store.keys.add([key], now=now)
        return {"id": key_id, "name": token.name, "api_key": f"sk-{secret}"}

    def change(self, row: KeyRow, changes: Mapping[str, Any]) -> None:
        """Change fields of a token, the status included."""
        switches = self._switches.get()
        changed = _changed(token_of(row), changes, switches)
        self._store.keys.change(row.id, columns_of(changed, switches), now=self._store.clock.now())

    def delete(self, row: KeyRow) -> None:
        """Delete a token as the API does."""
        hidden = self._switches.get().deletes == "hidden"
        self._store.keys.delete(row.id, hidden_at=self._store.clock.now() if hidden else None)

    def use(self, row: KeyRow, *, usd: float, units: int | None, at: float) -> None:
        """Relay one call: look at the token, then charge it, which may overshoot what is left."""
        switches = self._switches.get()
        seen, refusal = use(token_of(row), at, switches)
        self._store.keys.change(row.id, columns_of(seen, switches), now=at)
        account = self._store.accounts.get(row.account)
        spent = self._store.keys.spent(row.account, since=0.0, until=at + 1)
        if not refusal and (account is None or account.funded <= spent):
            raise RefusedUseError(message("use_unpaid", "english"))
        if refusal:
            raise RefusedUseError(message(refusal, "english"))
        charged = round(usd * switches.quota_per_unit) if units is None else units
        if charged:
            self._store.keys.spend(row.id, charged / switches.quota_per_unit, at=at)
            moved = {"extra_add": spend_of(seen, charged, switches)}
            self._store.keys.schedule(row.id, moved, due=at + switches.quota_lag_seconds)
            self._store.keys.settle(now=self._store.clock.now())


def _changed(token: Token, changes: Mapping[str, Any], switches: NewApiSwitches) -> Token:
    unknown = sorted(set(changes) - FIELDS)
    if unknown:
        text = f"a token of the New API family has no {', '.join(unknown)}; use {', '.join(sorted(FIELDS))}"
        raise InvalidValueError(text)
    wire = {
        name: changes[field]
        for field, name in {
            "name": "name",
            "remain_units": "remain_quota",
            "used_units": "used_quota",
            "unlimited": "unlimited_quota",
            "group": "group",
            "status": "status",
            "cross_group_retry": "cross_group_retry",
        }.items()
        if field in changes
    }
    token = replace(token, **wire, **_special(changes, switches))
    if changes.get("total_usd") is not None:
        total = round(changes["total_usd"] * switches.quota_per_unit)
        token = replace(token, remain_quota=max(total - token.used_quota, 0), unlimited_quota=False)
    return token


def _special(changes: Mapping[str, Any], switches: NewApiSwitches) -> dict[str, Any]:
    wire: dict[str, Any] = {}
    if "enabled" in changes and "status" not in changes:
        wire["status"] = ENABLED if changes["enabled"] else DISABLED
    if "expires_at" in changes:
        wire["expired_time"] = NEVER if changes["expires_at"] is None else int(changes["expires_at"])
    if "models" in changes:
        models = changes["models"]
        wire["model_limits_enabled"] = models is not None
        wire["model_limits"] = ",".join(models or [])
    if "ips" in changes:
        ips = changes["ips"]
        wire["allow_ips"] = (
            None if ips is None else ("," if switches.ip_field == "subnet" else "\n").join(ips)
        )
    if changes.get("total_usd", 0) is None:
        wire["unlimited_quota"] = True
    return wire
