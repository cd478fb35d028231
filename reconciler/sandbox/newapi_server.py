"""One simulated server of the New API family: an ASGI application below the path of its dialect's name."""

from __future__ import annotations

import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from reconciler.sandbox.exchange import date_header, exchange_of
from reconciler.sandbox.limits import Limits
from reconciler.sandbox.newapi_auth import authenticate
from reconciler.sandbox.newapi_call import Call, RefusedError
from reconciler.sandbox.newapi_handlers import TokenHandlers
from reconciler.sandbox.newapi_lookups import LookupHandlers
from reconciler.sandbox.newapi_panel import NewApiPanel
from reconciler.sandbox.newapi_routes import endpoints
from reconciler.sandbox.newapi_switches import NewApiSwitches
from reconciler.sandbox.switches import SwitchBoard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.types import Receive, Scope, Send

    from reconciler.sandbox.exchange import Sandbox
    from reconciler.sandbox.newapi_call import Reply
    from reconciler.sandbox.newapi_dialects import Dialect
    from reconciler.sandbox.newapi_routes import Endpoint

INDEX = "<!doctype html><html><head><title>New API</title></head><body><div id='root'></div></body></html>"


class NewApiServer:
    """The simulated vendor.

    Args:
        sandbox: the shared parts.
        dialect: which server of the family it is.
    """

    def __init__(self, sandbox: Sandbox, dialect: Dialect) -> None:
        database = sandbox.store.database
        self._store = sandbox.store
        self._name = dialect.name
        self.switches = SwitchBoard(
            database,
            vendor=dialect.name,
            kind=NewApiSwitches,
            defaults=dialect.switches,
            documented=dialect.documented,
        )
        self.limits = Limits(database, vendor=dialect.name, defaults=dialect.budgets)
        self.panel = NewApiPanel(sandbox.store, self.switches)
        self._tokens = TokenHandlers(sandbox.store, dialect.name)
        self._lookups = LookupHandlers(sandbox.store, dialect.name)

    @property
    def prefix(self) -> str:
        """The path that a client adds to the sandbox's address."""
        return f"/{self._name}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        switches = self.switches.get()
        path = scope["path"].removeprefix(self.prefix) or "/"
        table = endpoints(self._tokens, self._lookups, switches)
        hit = _find(table, request.method, path)
        if hit is None:
            response = self._no_route(request, table, path)
        else:
            endpoint, places = hit
            call = Call(
                request=request,
                body=await request.body(),
                exchange=exchange_of(request),
                switches=switches,
                now=self._store.clock.now(),
                places=places,
            )
            response = _response(await self._serve(call, endpoint))
        if response.status_code not in {301, 307}:
            # Redirects are sent before any middleware runs.
            self._add_headers(response, switches)
        response.raw_headers.append(date_header(self._store.clock.now()))
        await response(scope, receive, send)

    async def _serve(self, call: Call, endpoint: Endpoint) -> Reply:
        try:
            self._draw(call, "global", _client(call))
            if endpoint.budget == "critical" and endpoint.guard == "open":
                self._draw(call, "critical", _client(call))
            self._store.keys.settle(now=call.now)
            if endpoint.guard == "open":
                return await endpoint.serve(call)
            account = authenticate(call, self._store, self._name, endpoint.scope)
            if endpoint.budget:
                subject = _client(call) if endpoint.budget == "critical" else f"user:{account.user_id}"
                self._draw(call, endpoint.budget, subject)
            return await endpoint.serve(replace(call, account=account))
        except RefusedError as error:
            return error.reply

    def _draw(self, call: Call, budget: str, subject: str) -> None:
        draw = self.limits.draw(f"{self._name}:{subject}", [budget], now=call.now, window="sliding")
        if draw.retry_after:
            told = call.switches.retry_after == "seconds"
            headers = {"retry-after": str(draw.retry_after)} if told else {}
            raise RefusedError(429, None, headers)

    def _no_route(self, request: Request, table: Sequence[Endpoint], path: str) -> Response:
        other = path[:-1] if path.endswith("/") else f"{path}/"
        if _find(table, request.method, other) is not None:
            # The location is a path without a host, and no header promises anything about bodies.
            query = f"?{request.url.query}" if request.url.query else ""
            location = {"location": f"{self.prefix}{other}{query}"}
            return Response(status_code=301 if request.method == "GET" else 307, headers=location)
        if path.startswith(("/api", "/v1")):
            text = f"Invalid URL ({request.method} {path})"
            error = {"message": text, "type": "invalid_request_error", "param": "", "code": ""}
            return JSONResponse({"error": error}, 404)
        return HTMLResponse(INDEX)

    def _add_headers(self, response: Response, switches: NewApiSwitches) -> None:
        response.headers["x-oneapi-request-id"] = secrets.token_hex(16)
        if switches.version_header:
            response.headers["x-new-api-version"] = switches.version


def _find(table: Sequence[Endpoint], method: str, path: str) -> tuple[Endpoint, Mapping[str, str]] | None:
    for endpoint in table:
        places = endpoint.places(method, path)
        if places is not None:
            return endpoint, places
    return None


def _client(call: Call) -> str:
    client = call.request.client
    return f"ip:{client.host if client else ''}"


def _response(reply: Reply) -> Response:
    if reply.payload is None:
        return Response(status_code=reply.status, headers=dict(reply.headers))
    return JSONResponse(reply.payload, reply.status, dict(reply.headers))
