"""The QCode partner API, its nine routes as the public page documents them.

Source: https://docs.qcode.cc/en/docs/reference/partner-api. Documented are the paths, the envelopes, the
codes 401, 403, 404, 422 and 429, the request budgets, and that a create returns the plaintext once. All
else is a switch of `qcode_switches.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from reconciler.sandbox.accounts import token_hash
from reconciler.sandbox.clock import DAY_SECONDS
from reconciler.sandbox.exchange import date_header, exchange_of
from reconciler.sandbox.limits import Budget, Limits
from reconciler.sandbox.qcode_call import Call, RefusedError, Reply
from reconciler.sandbox.qcode_handlers import QcodeHandlers
from reconciler.sandbox.qcode_panel import QcodePanel
from reconciler.sandbox.qcode_switches import QcodeSwitches
from reconciler.sandbox.switches import SwitchBoard

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.exchange import Sandbox
    from reconciler.sandbox.limits import Draw

VENDOR = "qcode-partner"
PREFIX = "/api/v1/reseller"
READ_BUDGETS = ("minute", "day")
CREATE_BUDGETS = ("minute", "day", "creates")
BUDGETS = {
    "minute": Budget(requests=60, seconds=60),
    "day": Budget(requests=1000, seconds=DAY_SECONDS),
    "creates": Budget(requests=5, seconds=3600),
}


Handler = Callable[[Call], Awaitable[Reply]]


class QcodePartner:
    """The simulated vendor: an ASGI application for everything under its prefix.

    Args:
        sandbox: the shared parts.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        database = sandbox.store.database
        self._store = sandbox.store
        self.switches = SwitchBoard(database, vendor=VENDOR, kind=QcodeSwitches)
        self.limits = Limits(database, vendor=VENDOR, defaults=BUDGETS)
        self.panel = QcodePanel(sandbox.store)
        handlers = QcodeHandlers(sandbox.store)
        self._replay = handlers.replay
        key = "/keys/{key_id}"
        routes = [
            self._route("GET", "/me", handlers.me),
            self._route("GET", "/balance", handlers.balance),
            self._route("GET", "/usage", handlers.usage),
            self._route("GET", "/keys", handlers.list),
            self._route("POST", "/keys", handlers.create, CREATE_BUDGETS),
            self._route("GET", key, handlers.detail),
            self._route("PATCH", key, handlers.patch),
            self._route("POST", f"{key}/enable", handlers.enable),
            self._route("POST", f"{key}/disable", handlers.disable),
        ]
        self._router = Starlette(routes=routes, exception_handlers={HTTPException: self._no_route})
        self._router.router.redirect_slashes = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, after the vendor's treatment of trailing slashes."""
        mode = self.switches.get().trailing_slash
        path: str = scope["path"]
        slash = path.endswith("/")
        if mode == "not_found" or slash == (mode == "redirect_to_slash"):
            served = path.rstrip("/") if mode == "redirect_to_slash" else path
            await self._router({**scope, "path": served}, receive, send)
            return
        target = path.rstrip("/") if slash else f"{path}/"
        query = scope["query_string"].decode("latin-1")
        await self._redirect(target + (f"?{query}" if query else ""), scope)(scope, receive, send)

    def _redirect(self, target: str, scope: Scope) -> Response:
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        location = {"location": f"{scope['scheme']}://{host}{target}"}
        return self._dated(Response(status_code=307, headers=location))

    def _route(
        self, method: str, path: str, handler: Handler, budgets: tuple[str, ...] = READ_BUDGETS
    ) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                reply = await self._serve(request, handler, budgets)
            except RefusedError as error:
                reply = error.reply
            return self._dated(JSONResponse(reply.payload, reply.status, dict(reply.headers)))

        return Route(PREFIX + path, endpoint, methods=[method])

    def _no_route(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        if request.method == "DELETE":
            status = self.switches.get().delete_status
        detail = {404: "Not Found", 405: "Method Not Allowed"}.get(status, "Internal Server Error")
        return self._dated(JSONResponse({"detail": detail}, status))

    def _dated(self, response: Response) -> Response:
        if self.switches.get().date_header:
            response.raw_headers.append(date_header(self._store.clock.now()))
        return response

    async def _serve(self, request: Request, handler: Handler, budgets: tuple[str, ...]) -> Reply:
        switches = self.switches.get()
        call = Call(
            request=request,
            body=await request.body(),
            exchange=exchange_of(request),
            account=self._authenticate(request, switches),
            switches=switches,
            now=self._store.clock.now(),
        )
        self._store.keys.settle(now=call.now)
        replays = "creates" in budgets and self._replay.is_replay(call)
        if replays and not switches.limit_counts_replays:
            budgets = READ_BUDGETS
        draw = self._draw(call, budgets)
        try:
            reply = await handler(call)
        except RefusedError as error:
            reply = error.reply
        if reply.status >= 400 and not switches.limit_counts_errors:  # noqa: PLR2004  # first error status
            self.limits.refund(draw, budgets)
        return replace(reply, headers={**self._limit_headers(call), **reply.headers})

    def _authenticate(self, request: Request, switches: QcodeSwitches) -> Account:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise RefusedError(switches.missing_bearer, "Not authenticated")
        account = self._store.accounts.of_token(token.strip())
        if account is None or account.vendor != VENDOR:
            raise RefusedError(401, "Invalid or missing token")
        if account.status != "active":
            raise RefusedError(403, f"Partner account is not active ({account.status})")
        return account

    def _draw(self, call: Call, budgets: tuple[str, ...]) -> Draw:
        draw = self.limits.draw(
            token_hash(call.account.token),
            budgets,
            now=call.now,
            window=call.switches.limit_window,
            offset_hours=call.switches.day_offset_hours,
            book_refused=call.switches.limit_counts_refused,
        )
        if draw.retry_after == 0:
            return draw
        waits = {
            "seconds": {"retry-after": str(draw.retry_after)},
            "fraction": {"retry-after": f"{draw.retry_after - 0.25:.2f}"},
            "date": {"retry-after": formatdate(call.now + draw.retry_after, usegmt=True)},
            "absent": {},
        }
        headers = {**waits[call.switches.retry_after], **self._limit_headers(call)}
        raise RefusedError(429, "Rate limit exceeded", headers)

    def _limit_headers(self, call: Call) -> dict[str, str]:
        if not call.switches.limit_headers:
            return {}
        left = self.limits.remaining(
            token_hash(call.account.token),
            "minute",
            now=call.now,
            window=call.switches.limit_window,
            offset_hours=call.switches.day_offset_hours,
        )
        limit = self.limits.budgets()["minute"].requests
        return {"x-ratelimit-limit": str(limit), "x-ratelimit-remaining": str(left)}
