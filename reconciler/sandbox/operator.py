"""The operator's control routes, under `/_sandbox/`: what a person would do in the vendor's panel, and test control.

Loopback only, no token; bodies and answers are JSON; a wrong value is 400 with the allowed ones, an unknown id 404.
They pass no faults, no limits and no events, and are not in the request log.

| call | does |
|---|---|
| `GET state` | clock, accounts, keys, limits, faults, holds and the switches that differ from their defaults |
| `GET keys[?account=LABEL][&deleted=1]` | every field of every key, spend included, secrets not; hidden rows on demand |
| `POST keys` | make a key as the panel would: `account`, and fields of a key (below); or `{"keys": [...]}`; answers with the plaintext |
| `PATCH keys/ID` | change fields of a key |
| `DELETE keys/ID` | remove a key |
| `POST keys/ID/spend` | a call that costs `usd`, or quota `units`, now or `at` (epoch seconds); 409 when the vendor would not serve the key |
| `POST keys/ID/use` | a call that costs nothing: `served` says whether the vendor would serve it, `reason` why not |
| `GET accounts`, `PATCH accounts/LABEL` | see or change `region tier currency status funded rate role user_group` |
| `POST accounts/LABEL/suspend`, `…/unsuspend` | the vendor answers 403, or serves again |
| `POST accounts/LABEL/reset-token` | a new token (or the given `token`); the old one is 401 at once |
| `GET switches`, `PUT switches/VENDOR`, `DELETE switches/VENDOR` | list, change some, back to the defaults |
| `GET limits`, `PUT limits/VENDOR` | budgets: `{"creates": {"requests": 5, "seconds": 3600}}`; `requests: null` is off |
| `GET faults`, `POST faults`, `DELETE faults[/NUMBER]` | list, add one rule, clear |
| `GET holds[?wait=SECONDS]`, `POST holds/release` | paused requests (waiting for one to come), let go all or one `number` |
| `GET clock`, `PUT clock`, `POST clock/advance` | see, set `now` and `frozen`, move by `seconds` |
| `GET requests`, `DELETE requests` | the request log |
| `GET secrets` | every secret ever minted, to search outputs for leaks |
| `POST reset` | back to the first start |
"""  # noqa: E501  # a table row cannot be wrapped

from __future__ import annotations

import ipaddress
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from reconciler.sandbox.operator_bodies import (
    AccountChange,
    ClockChange,
    KeyChange,
    KeyRequest,
    Release,
    Spend,
    TokenReset,
)
from reconciler.sandbox.panel import RefusedUseError
from reconciler.sandbox.validation import InvalidValueError, build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Receive, Scope, Send

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.exchange import Sandbox
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.panel import Controllable, Panel

PREFIX = "/_sandbox/"
Body = dict[str, Any]
Handler = Callable[["Request", Body], Awaitable[object]]


class MissingError(Exception):
    """Raised when a path names something that does not exist."""


def operator_app(sandbox: Sandbox, vendors: Mapping[str, Controllable]) -> ASGIApp:
    """Return the ASGI application of the control routes.

    Args:
        sandbox: the shared parts.
        vendors: what can be switched and limited, by vendor name.
    """
    operator = _Operator(sandbox, vendors)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "state", operator.state),
        ("GET", "keys", operator.list_keys),
        ("POST", "keys", operator.add_keys),
        ("PATCH", "keys/{id}", operator.change_key),
        ("DELETE", "keys/{id}", operator.delete_key),
        ("POST", "keys/{id}/spend", operator.spend),
        ("POST", "keys/{id}/use", operator.use),
        ("GET", "accounts", operator.list_accounts),
        ("PATCH", "accounts/{label}", operator.change_account),
        ("POST", "accounts/{label}/suspend", operator.suspend),
        ("POST", "accounts/{label}/unsuspend", operator.unsuspend),
        ("POST", "accounts/{label}/reset-token", operator.reset_token),
        ("GET", "switches", operator.list_switches),
        ("PUT", "switches/{vendor}", operator.put_switches),
        ("DELETE", "switches/{vendor}", operator.reset_switches),
        ("GET", "limits", operator.list_limits),
        ("PUT", "limits/{vendor}", operator.put_limits),
        ("GET", "faults", operator.list_faults),
        ("POST", "faults", operator.add_fault),
        ("DELETE", "faults", operator.clear_faults),
        ("DELETE", "faults/{number:int}", operator.clear_faults),
        ("GET", "holds", operator.list_holds),
        ("POST", "holds/release", operator.release),
        ("GET", "clock", operator.clock),
        ("PUT", "clock", operator.set_clock),
        ("POST", "clock/advance", operator.advance_clock),
        ("GET", "requests", operator.list_requests),
        ("DELETE", "requests", operator.clear_requests),
        ("GET", "secrets", operator.list_secrets),
        ("POST", "reset", operator.reset),
    ]
    routes = [Route(PREFIX + path, _endpoint(handler), methods=[method]) for method, path, handler in table]
    return _LoopbackOnly(Starlette(routes=routes))


class _LoopbackOnly:
    """Refuses other machines, and web pages that reach loopback through somebody's browser."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        client = scope["client"]
        local = client is not None and ipaddress.ip_address(client[0]).is_loopback
        if local and "origin" not in headers and _is_local_name(headers.get("host", "")):
            await self._app(scope, receive, send)
            return
        message = "operator calls are for loopback clients that address the sandbox by a loopback name"
        await JSONResponse({"error": message}, 403)(scope, receive, send)


def _is_local_name(host: str) -> bool:
    name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
    return name in {"127.0.0.1", "::1", "localhost"}


def _endpoint(handler: Handler) -> Callable[[Request], Awaitable[JSONResponse]]:
    async def endpoint(request: Request) -> JSONResponse:
        try:
            raw = await request.body()
            body = json.loads(raw) if raw else {}
            if not isinstance(body, dict):
                return JSONResponse({"error": "the body must be a JSON object"}, 400)
            return JSONResponse(await handler(request, body))
        except MissingError as error:
            return JSONResponse({"error": f"there is no {error}"}, 404)
        except RefusedUseError as error:
            return JSONResponse({"error": f"the vendor refuses the call: {error}"}, 409)
        except (InvalidValueError, json.JSONDecodeError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


class _Operator:
    """The handlers, one a call."""

    def __init__(self, sandbox: Sandbox, vendors: Mapping[str, Controllable]) -> None:
        self._store = sandbox.store
        self._holds = sandbox.holds
        self._vendors = vendors

    async def state(self, request: Request, body: Body) -> object:
        """Everything at a glance."""
        values = {
            vendor: {
                info.name: info.value for info in control.switches.describe() if info.value != info.default
            }
            for vendor, control in self._vendors.items()
        }
        return {
            "clock": await self.clock(request, body),
            "accounts": await self.list_accounts(request, body),
            "keys": self._keys(None),
            "switches": {vendor: changed for vendor, changed in values.items() if changed},
            "limits": await self.list_limits(request, body),
            "faults": await self.list_faults(request, body),
            "holds": self._held(),
        }

    async def list_keys(self, request: Request, _: Body) -> object:
        query = request.query_params
        return self._keys(query.get("account"), deleted=bool(query.get("deleted")))

    async def add_keys(self, _: Request, body: Body) -> object:
        wanted = body["keys"] if set(body) == {"keys"} and isinstance(body["keys"], list) else [body]
        with self._store.database.transaction():
            return [self._add_key(values) for values in wanted]

    def _add_key(self, values: object) -> dict[str, str]:
        if not isinstance(values, dict):
            message = "each of keys must be an object"
            raise InvalidValueError(message)
        wanted = build(KeyRequest, values)
        account = self._account(wanted.account)
        return self._vendors[account.vendor].panel.create(account, wanted, frozenset(values) - {"account"})

    async def change_key(self, request: Request, body: Body) -> object:
        row = self._key(request)
        build(KeyChange, body)
        self._panel(row).change(row, body)
        return asdict(self._key(request))

    async def delete_key(self, request: Request, _: Body) -> object:
        row = self._key(request)
        self._panel(row).delete(row)
        return {}

    async def spend(self, request: Request, body: Body) -> object:
        row, spend = self._key(request), build(Spend, body)
        at = self._store.clock.now() if spend.at is None else spend.at
        self._panel(row).use(row, usd=spend.usd, units=spend.units, at=at)
        return asdict(self._key(request))

    async def use(self, request: Request, _: Body) -> object:
        row, reason = self._key(request), ""
        try:
            self._panel(row).use(row, usd=0.0, units=None, at=self._store.clock.now())
        except RefusedUseError as error:
            reason = str(error)
        return {"served": not reason, "reason": reason}

    async def list_accounts(self, _: Request, __: Body) -> object:
        return [asdict(account) for account in self._store.accounts.all()]

    async def change_account(self, request: Request, body: Body) -> object:
        build(AccountChange, body)
        return asdict(self._store.accounts.change(self._account_of(request), body))

    async def suspend(self, request: Request, _: Body) -> object:
        return asdict(self._store.accounts.change(self._account_of(request), {"status": "suspended"}))

    async def unsuspend(self, request: Request, _: Body) -> object:
        return asdict(self._store.accounts.change(self._account_of(request), {"status": "active"}))

    async def reset_token(self, request: Request, body: Body) -> object:
        wanted = build(TokenReset, body).token
        return {"token": self._store.accounts.reset_token(self._account_of(request), wanted).token}

    async def list_switches(self, _: Request, __: Body) -> object:
        return {
            vendor: [asdict(info) for info in control.switches.describe()]
            for vendor, control in self._vendors.items()
        }

    async def put_switches(self, request: Request, body: Body) -> object:
        return asdict(self._vendor(request).switches.put(body))

    async def reset_switches(self, request: Request, _: Body) -> object:
        self._vendor(request).switches.reset()
        return {}

    async def list_limits(self, _: Request, __: Body) -> object:
        return {
            vendor: {name: asdict(budget) for name, budget in control.limits.budgets().items()}
            for vendor, control in self._vendors.items()
        }

    async def put_limits(self, request: Request, body: Body) -> object:
        limits = self._vendor(request).limits
        unknown = sorted(set(body) - set(limits.budgets()))
        if unknown:
            message = f"no budget is called {', '.join(unknown)}; use one of: {', '.join(limits.budgets())}"
            raise InvalidValueError(message)
        limits.put(body)
        return {name: asdict(budget) for name, budget in limits.budgets().items()}

    async def list_faults(self, _: Request, __: Body) -> object:
        return [asdict(stored) for stored in self._store.faults.all()]

    async def add_fault(self, _: Request, body: Body) -> object:
        return asdict(self._store.faults.add(body))

    async def clear_faults(self, request: Request, _: Body) -> object:
        self._store.faults.clear(request.path_params.get("number"))
        return {}

    async def list_holds(self, request: Request, _: Body) -> object:
        seconds = request.query_params.get("wait", "0")
        if not seconds.replace(".", "", 1).isdigit():
            message = "wait must be a number of seconds"
            raise InvalidValueError(message)
        await self._holds.wait_for_one(float(seconds))
        return self._held()

    async def release(self, _: Request, body: Body) -> object:
        return {"released": self._holds.release(build(Release, body).number)}

    async def clock(self, _: Request, __: Body) -> object:
        return {"now": self._store.clock.now(), "frozen": self._store.clock.frozen}

    async def set_clock(self, request: Request, body: Body) -> object:
        change = build(ClockChange, body)
        moment = self._store.clock.now() if change.now is None else change.now
        self._store.clock.set(moment, frozen=change.frozen)
        return await self.clock(request, body)

    async def advance_clock(self, request: Request, body: Body) -> object:
        self._store.clock.advance(build(ClockChange, body).seconds)
        return await self.clock(request, body)

    async def list_requests(self, _: Request, __: Body) -> object:
        return [asdict(logged) for logged in self._store.log.all()]

    async def clear_requests(self, _: Request, __: Body) -> object:
        self._store.log.clear()
        return {}

    async def list_secrets(self, _: Request, __: Body) -> object:
        return self._store.keys.secrets()

    async def reset(self, _: Request, __: Body) -> object:
        self._holds.release()
        self._store.reset()
        return {}

    def _keys(self, account: str | None, *, deleted: bool = False) -> list[dict[str, Any]]:
        return [asdict(row) for row in self._store.key_rows(account=account, deleted=deleted)]

    def _held(self) -> list[dict[str, Any]]:
        return [
            {"number": held.number, "event": held.event, "method": held.method, "path": held.path}
            for held in self._holds.held()
        ]

    def _key(self, request: Request) -> KeyRow:
        key_id = request.path_params["id"]
        row = self._store.key_row(key_id)
        if row is None:
            message = f"key {key_id}"
            raise MissingError(message)
        return row

    def _panel(self, row: KeyRow) -> Panel:
        return self._vendors[self._account(row.account).vendor].panel

    def _account_of(self, request: Request) -> Account:
        return self._account(request.path_params["label"])

    def _account(self, label: str) -> Account:
        account = self._store.accounts.get(label)
        if account is None:
            message = f"account {label!r}; the labels are {', '.join(self._store.tokens)}"
            raise MissingError(message)
        return account

    def _vendor(self, request: Request) -> Controllable:
        vendor = request.path_params["vendor"]
        if vendor not in self._vendors:
            message = f"vendor {vendor!r}; the vendors are {', '.join(self._vendors)}"
            raise MissingError(message)
        return self._vendors[vendor]
