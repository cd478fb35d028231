"""The routes of the New API family around tokens: the server, the user, and a key asking about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.sandbox.newapi_body import GROUPS, MODELS, MOST_AUTO_GROUPS
from reconciler.sandbox.newapi_call import RefusedError, Reply, success
from reconciler.sandbox.newapi_token import DISABLED, NEVER, columns_of, token_of, use

if TYPE_CHECKING:
    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.newapi_call import Call
    from reconciler.sandbox.newapi_token import Token
    from reconciler.sandbox.store import Store

ROLES = {"user": 1, "root": 100}


class LookupHandlers:
    """The routes `/api/status`, `/api/user/…` and `/api/usage/token`.

    Args:
        store: the tables and the clock.
        vendor: the dialect's name.
    """

    def __init__(self, store: Store, vendor: str) -> None:
        self._store = store
        self._vendor = vendor

    async def status(self, call: Call) -> Reply:
        """Answer what the server is; asks for no credentials."""
        switches = call.switches
        shown: dict[str, Any] = {
            "version": switches.version,
            "start_time": 1_700_000_000,
            "system_name": self._vendor,
            "email_verification": False,
            "github_oauth": False,
            "quota_per_unit": switches.quota_per_unit,
            "display_in_currency": True,
        }
        if switches.system != "one-api":
            shown |= {"setup": True, "enable_batch_update": switches.quota_lag_seconds > 0}
        if switches.system == "new-api":
            shown |= {"quota_display_type": "USD", "usd_exchange_rate": 7.3, "custom_currency_symbol": "¤"}
        return success(shown)

    async def user(self, call: Call) -> Reply:
        """Answer who the caller is, and the wallet."""
        user = call.user
        used = self._spent_units(call, user)
        return success(
            {
                "id": user.user_id,
                "username": user.label,
                "display_name": user.label,
                "role": ROLES[user.role],
                "status": 1,
                "group": user.user_group,
                "quota": round(user.funded * call.switches.quota_per_unit) - used,
                "used_quota": used,
                "request_count": sum(
                    uses for _, uses in self._store.keys.uses(user.label, since=0.0).values()
                ),
            }
        )

    async def groups(self, call: Call) -> Reply:
        """Answer the groups that the caller may choose, by name."""
        groups: dict[str, Any] = {
            name: {"ratio": ratio, "desc": text} for name, (text, ratio) in GROUPS.items()
        }
        if call.switches.auto_groups:
            groups["auto"] = {"ratio": "自动", "desc": "自动选择分组"}
        return success(groups)

    async def auto_groups(self, _: Call) -> Reply:
        """Answer the groups that `auto` may try."""
        return success({"groups": list(GROUPS), "max_count": MOST_AUTO_GROUPS})

    async def models(self, _: Call) -> Reply:
        """Answer the models that the caller may use."""
        return success(list(MODELS))

    async def regenerate(self, call: Call) -> Reply:
        """Replace the caller's access token, although the method is GET; the old one is dead at once."""
        changed = self._store.accounts.reset_token(call.user)
        await call.exchange.committed()
        return success(changed.token)

    async def usage(self, call: Call) -> Reply:
        """Answer quota and expiry of the key that the request carries."""
        row, owner = self._key_of(call)
        token = token_of(row)
        if call.switches.usage_auth == "uses":
            self._use(call, row)
        elif token.status == DISABLED:
            raise RefusedError(401, {"success": False, "message": call.message("use_disabled")})
        if owner.status != "active":
            raise RefusedError(403, {"success": False, "message": call.message("banned")})
        return Reply(status=200, payload={"code": True, "message": "ok", "data": _usage(token)})

    def _key_of(self, call: Call) -> tuple[KeyRow, Account]:
        scheme, _, key = call.header("authorization").partition(" ")
        if not scheme:
            raise RefusedError(401, {"success": False, "message": call.message("no_key")})
        if scheme.lower() != "bearer" or not key.strip():
            raise RefusedError(401, {"success": False, "message": call.message("bad_bearer")})
        row = self._store.keys.of_secret(key.strip().removeprefix("sk-"))
        owner = None if row is None else self._store.accounts.get(row.account)
        if row is None or owner is None or owner.vendor != self._vendor:
            raise self._refused_use(call, "unknown_key")
        return row, owner

    def _use(self, call: Call, row: KeyRow) -> None:
        token, refusal = use(token_of(row), call.now, call.switches)
        self._store.keys.change(row.id, columns_of(token, call.switches), now=call.now)
        if refusal:
            raise self._refused_use(call, refusal)

    def _refused_use(self, call: Call, reason: str) -> RefusedError:
        text = call.message(reason)
        if call.switches.usage_auth == "uses":
            return RefusedError(401, {"error": {"message": text, "type": "new_api_error", "code": ""}})
        return RefusedError(401, {"success": False, "message": text})

    def _spent_units(self, call: Call, user: Account) -> int:
        usd = self._store.keys.spent(user.label, since=0.0, until=call.now + 1)
        return round(usd * call.switches.quota_per_unit)


def _usage(token: Token) -> dict[str, Any]:
    models = [name for name in (token.model_limits or "").split(",") if name]
    return {
        "object": "token_usage",
        "name": token.name,
        "total_granted": token.remain_quota + token.used_quota,
        "total_used": token.used_quota,
        "total_available": token.remain_quota,
        "unlimited_quota": token.unlimited_quota,
        "model_limits": dict.fromkeys(models, True),
        "model_limits_enabled": token.model_limits_enabled,
        # Here 0 is never, where the management routes have -1.
        "expires_at": 0 if token.expired_time == NEVER else token.expired_time,
    }
