"""The QCode read-only API over the keys of the partner accounts: three GET routes for a `qot_` token.

Source: the page "Open API - Read-only" of qcode.cc. Documented are the paths, the token, the envelope, the
fields of the example, that only active keys are listed, a short cache, and limits by minute and day; their
numbers are not published. All else is a switch of `qcode_readonly_switches.py`.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse

from reconciler.sandbox.accounts import token_hash
from reconciler.sandbox.clock import DAY_SECONDS, start_of_day
from reconciler.sandbox.exchange import date_header
from reconciler.sandbox.limits import Budget, Limits
from reconciler.sandbox.qcode_call import RefusedError, success
from reconciler.sandbox.qcode_panel import ReadOnlyPanel
from reconciler.sandbox.qcode_readonly_switches import ReadOnlySwitches
from reconciler.sandbox.switches import SwitchBoard

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.exchange import Sandbox
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.qcode_call import Reply

VENDOR = "qcode-readonly"
PREFIX = "/api/v1/openapi"
BUDGETS = {"minute": Budget(requests=60, seconds=60), "day": Budget(requests=1000, seconds=DAY_SECONDS)}
ROUTES = {
    "": "This self-description",
    "/keys": "All active API keys with expiry, today's usage and monthly quota",
    "/me": "Number of active keys and today's total cost",
}


class QcodeReadOnly:
    """The simulated vendor: an ASGI application for everything under its prefix.

    Args:
        sandbox: the shared parts.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        database = sandbox.store.database
        self._store = sandbox.store
        self.switches = SwitchBoard(database, vendor=VENDOR, kind=ReadOnlySwitches)
        self.limits = Limits(database, vendor=VENDOR, defaults=BUDGETS)
        self.panel = ReadOnlyPanel()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        try:
            reply = self._serve(Request(scope, receive))
        except RefusedError as error:
            reply = error.reply
        response = JSONResponse(reply.payload, reply.status, dict(reply.headers))
        response.raw_headers.append(date_header(self._store.clock.now()))
        await response(scope, receive, send)

    def _serve(self, request: Request) -> Reply:
        route = request.url.path.removeprefix(PREFIX)
        switches, now = self.switches.get(), self._store.clock.now()
        if route.endswith("/") and route[:-1] in ROUTES and switches.trailing_slash == "redirected":
            bare = str(request.url.replace(path=request.url.path[:-1]))
            raise RefusedError(307, "Temporary Redirect", {"location": bare})
        if route not in ROUTES:
            raise RefusedError(404, "Not Found")
        if request.method != "GET":
            raise RefusedError(405, "Method Not Allowed")
        account = self._authenticate(request, switches)
        self._draw(account, switches, now)
        return success(self._cached(account, route, switches, now))

    def _authenticate(self, request: Request, switches: ReadOnlySwitches) -> Account:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RefusedError(switches.missing_bearer, "Not authenticated")
        account = self._store.accounts.of_token(token.strip())
        if account is None or account.vendor != VENDOR:
            raise RefusedError(401, "Invalid or missing token")
        if account.status != "active":
            raise RefusedError(403, f"Account is not active ({account.status})")
        return account

    def _draw(self, account: Account, switches: ReadOnlySwitches, now: float) -> None:
        draw = self.limits.draw(token_hash(account.token), tuple(BUDGETS), now=now, window="sliding")
        if draw.retry_after:
            told = switches.retry_after == "seconds"
            headers = {"retry-after": str(draw.retry_after)} if told else {}
            raise RefusedError(429, "Rate limit exceeded", headers)

    def _cached(self, account: Account, route: str, switches: ReadOnlySwitches, now: float) -> object:
        name = f"answer:{VENDOR}:{account.label}:{route}"
        stored = self._store.database.setting(name)
        if stored is not None and 0 <= now - stored["at"] < switches.cache_seconds:
            return stored["data"]
        data = self._data(account, route, switches, now)
        self._store.database.put_setting(name, {"at": now, "data": data})
        return data

    def _data(self, account: Account, route: str, switches: ReadOnlySwitches, now: float) -> object:
        if not route:
            return {
                "endpoints": [{"path": PREFIX + path, "description": text} for path, text in ROUTES.items()]
            }
        rows = [
            row
            for row in self._store.key_rows(account=account.reads, offset_hours=switches.day_offset_hours)
            if row.enabled and not _is_past(row.extra.get("expires_at"), now) and switches.sub_keys == "shown"
        ]
        today = start_of_day(now, switches.day_offset_hours)
        if route == "/me":
            names = ("active_api_keys", "current_daily_cost")
            count, cost = names if switches.me_names == "keys_page" else ("active_keys", "today_cost")
            total = sum(row.spent_today_usd for row in rows)
            return {count: len(rows), cost: _money(total, switches)}
        requests = self._store.keys.uses(account.reads, since=today)
        month = self._store.keys.uses(account.reads, since=_start_of_month(now, switches.day_offset_hours))
        keys = [
            _shown(
                row,
                switches,
                requests=requests.get(row.id, (0.0, 0))[1],
                month=month.get(row.id, (0.0, 0))[0],
            )
            for row in rows
        ]
        return {"keys": keys, "active_api_keys": len(keys)}


def _shown(row: KeyRow, switches: ReadOnlySwitches, *, requests: int, month: float) -> dict[str, Any]:
    limit = row.extra.get("monthly_usd")
    without = None if switches.no_monthly_limit == "null" else 0.0
    shown = {
        "name": row.name,
        "is_active": row.enabled,
        **_expiry(row.extra.get("expires_at"), switches),
        "current_daily_cost": _money(row.spent_today_usd, switches),
        "current_requests": requests,
        "monthly_cost_used": _money(month, switches),
        "monthly_cost_limit": _money(without if limit is None else limit, switches),
    }
    if switches.utilization_field:
        shown["monthly_utilization"] = round(100 * month / limit, 2) if limit else 0.0
    return ({"id": row.id} if switches.id_field else {}) | shown


def _expiry(moment: float | None, switches: ReadOnlySwitches) -> dict[str, object]:
    zone = timezone(timedelta(hours=switches.day_offset_hours))
    shown: dict[str, object] = {}
    if moment is not None:
        shown["expires_at_display"] = datetime.fromtimestamp(moment, zone).strftime("%Y/%m/%d %H:%M")
    elif switches.no_expiry != "absent":
        shown["expires_at_display"] = {"null": None, "empty": "", "never": "never"}[switches.no_expiry]
    if switches.expires_at_field:
        exact = None if moment is None else datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        shown["expires_at"] = exact
    return shown


def _money(amount: float | None, switches: ReadOnlySwitches) -> object:
    if amount is None:
        return None
    rounded = round(amount, 6)
    return f"{rounded:.2f}" if switches.numbers == "string" else rounded


def _is_past(moment: float | None, now: float) -> bool:
    return moment is not None and moment <= now


def _start_of_month(now: float, offset_hours: int) -> float:
    zone = timezone(timedelta(hours=offset_hours))
    return (
        datetime.fromtimestamp(now, zone)
        .replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        .timestamp()
    )
