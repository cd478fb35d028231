"""What each route of the QCode partner API does.

Source: https://docs.qcode.cc/en/docs/reference/partner-api; whatever it leaves open follows the switches.
"""

from __future__ import annotations

import secrets
import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from reconciler.sandbox.clock import DAY_SECONDS
from reconciler.sandbox.keys import NewKey
from reconciler.sandbox.qcode_call import RefusedError, success
from reconciler.sandbox.qcode_replay import CreateReplay
from reconciler.sandbox.qcode_wire import cost_field, key_object, list_data, money, parse_create, parse_patch

if TYPE_CHECKING:
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.qcode_call import Call, Reply
    from reconciler.sandbox.store import Store

USAGE_DAYS = {"7d": 7, "30d": 30}


class QcodeHandlers:
    """The nine routes, after authentication and budgets.

    Args:
        store: the tables and the clock.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self.replay = CreateReplay(store)

    async def me(self, call: Call) -> Reply:
        """Answer the account summary."""
        account = call.account
        shown = {
            "tier": account.tier,
            "region": account.region,
            "currency": account.currency,
            "status": account.status,
        }
        stable = uuid.uuid5(uuid.NAMESPACE_URL, f"sandbox:{account.label}")
        return success({"id": str(stable), **shown} if call.switches.me_id else shown)

    async def balance(self, call: Call) -> Reply:
        """Answer balance and usage in the settlement currency."""
        account = call.account
        used = self._spent(call, 0.0, call.now + 1) * account.rate
        today = self._spent(call, call.today, call.now + 1) * account.rate
        amounts = {"balance": account.funded - used, "today_used": today, "total_used": used}
        shown = {name: money(round(amount, 6), call.switches) for name, amount in amounts.items()}
        return success({**shown, "currency": account.currency})

    async def usage(self, call: Call) -> Reply:
        """Answer the daily spend series."""
        span = call.request.query_params.get("range", "7d")
        if span not in USAGE_DAYS:
            raise RefusedError(422, "range must be 7d or 30d")
        points = []
        for back in reversed(range(USAGE_DAYS[span])):
            start = call.today - back * DAY_SECONDS
            cost = self._spent(call, start, start + DAY_SECONDS)
            if cost or call.switches.usage_zero_days == "included":
                local = datetime.fromtimestamp(start, UTC) + timedelta(hours=call.switches.day_offset_hours)
                day = local.date().isoformat()
                points.append({"date": day, cost_field(call.switches): money(cost, call.switches)})
        return success({"range": span, "series": points})

    async def list(self, call: Call) -> Reply:
        """Answer the sub keys with their cost."""
        born_before = call.now - call.switches.list_lag_seconds
        rows = [
            row
            for row in self._store.keys.all(account=call.account.label, today=call.today)
            if (row.enabled or call.switches.list_disabled == "shown") and row.created_at <= born_before
        ]
        return success(list_data(rows, call.switches, call.request.query_params))

    async def detail(self, call: Call) -> Reply:
        """Answer one key."""
        return success(key_object(self._own_key(call), call.switches, "detail"))

    async def create(self, call: Call) -> Reply:
        """Mint a key, or replay an earlier answer."""
        return await self.replay.guard(call, self._mint)

    def _mint(self, call: Call) -> Reply:
        switches, label = call.switches, call.account.label
        columns = parse_create(call.body, call.header("content-type"), switches)
        self._check_quota(call, columns["description"])
        key_id = str(uuid.uuid4())
        secret = f"cr_{secrets.token_hex(32)}"
        names = {
            "server_made": f"sub-{key_id[:8]}",
            "equals_description": columns["description"],
            "contains_description": f"sub-{key_id[:8]} {columns['description']}",
        }
        name = names[switches.name_form]
        key = NewKey(
            id=key_id, account=label, secret=secret, name=name, enabled=switches.created_enabled, **columns
        )
        self._store.keys.add([key], now=call.now)
        warnings: dict[str, list[object]] = {
            "none": [],
            "text": ["concurrency above 100 is not recommended"],
            "object": [{"code": "W1", "message": "balance is low"}],
        }
        shown = {"shown": {"api_key": secret}, "masked": {"api_key": f"{secret[:7]}****"}, "missing": {}}
        data = {
            "id": key_id,
            "name": name,
            **shown[switches.create_secret],
            "warnings": warnings[switches.create_warnings],
        }
        if switches.extra_fields:
            data["expires_at"] = None
        return success(data, switches.create_status)

    def _check_quota(self, call: Call, description: str) -> None:
        if not call.switches.key_cap and call.switches.duplicate_description == "allowed":
            return
        rows = self._store.keys.all(account=call.account.label)
        if call.switches.key_cap and len(rows) >= call.switches.key_cap:
            raise RefusedError(422, f"Key quota exceeded: at most {call.switches.key_cap} keys")
        taken = any(row.description == description for row in rows)
        if taken and call.switches.duplicate_description == "rejected":
            raise RefusedError(422, "A key with this description exists")

    async def patch(self, call: Call) -> Reply:
        """Change limits."""
        row = self._own_key(call)
        changes = parse_patch(call.body, call.header("content-type"), call.switches)
        effect = call.switches.patch_effect
        if effect == "lagged":
            self._store.keys.schedule(row.id, changes, due=call.now + call.switches.patch_lag_seconds)
        elif effect != "ignored":
            kept = {
                name: value for name, value in changes.items() if effect == "applied" or name == "daily_usd"
            }
            self._store.keys.change(row.id, kept, now=call.now)
        await call.exchange.committed()
        # The answer always claims success: whether the change took is only seen by reading again.
        return self._written(call, replace(row, updated_at=call.now, **changes))

    async def enable(self, call: Call) -> Reply:
        """Enable a key."""
        return await self._toggle(call, enabled=True)

    async def disable(self, call: Call) -> Reply:
        """Disable a key."""
        return await self._toggle(call, enabled=False)

    async def _toggle(self, call: Call, *, enabled: bool) -> Reply:
        row = self._own_key(call)
        if row.enabled == enabled and call.switches.toggle_repeat != 200:  # noqa: PLR2004  # OK
            word = "enabled" if enabled else "disabled"
            raise RefusedError(call.switches.toggle_repeat, f"Key is already {word}")
        if call.switches.toggle_effect == "applied":
            self._store.keys.change(row.id, {"enabled": enabled}, now=call.now)
        await call.exchange.committed()
        return self._written(call, replace(row, enabled=enabled, updated_at=call.now))

    def _written(self, call: Call, row: KeyRow) -> Reply:
        empty = call.switches.write_answer == "empty"
        return success({} if empty else key_object(row, call.switches, "detail"))

    def _own_key(self, call: Call) -> KeyRow:
        key_id = call.request.path_params["key_id"]
        row = self._store.keys.get(key_id, account=call.account.label, today=call.today)
        if row is None:
            raise RefusedError(404, "Key not found")
        return row

    def _spent(self, call: Call, since: float, until: float) -> float:
        return self._store.keys.spent(call.account.label, since=since, until=until)
