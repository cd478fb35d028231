"""The ASGI application: the operator's routes on one side, the simulated vendors on the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse

from reconciler.sandbox.connection import PROTOCOL
from reconciler.sandbox.exchange import ExchangeMiddleware, Sandbox
from reconciler.sandbox.holds import Holds
from reconciler.sandbox.newapi_dialects import DIALECTS
from reconciler.sandbox.newapi_server import NewApiServer
from reconciler.sandbox.operator import PREFIX as OPERATOR_PREFIX
from reconciler.sandbox.operator import operator_app
from reconciler.sandbox.qcode_partner import PREFIX as PARTNER_PREFIX
from reconciler.sandbox.qcode_partner import VENDOR as PARTNER_VENDOR
from reconciler.sandbox.qcode_partner import QcodePartner
from reconciler.sandbox.qcode_readonly import PREFIX as READONLY_PREFIX
from reconciler.sandbox.qcode_readonly import VENDOR as READONLY_VENDOR
from reconciler.sandbox.qcode_readonly import QcodeReadOnly

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from reconciler.sandbox.exchange import EventListener
    from reconciler.sandbox.panel import Controllable
    from reconciler.sandbox.store import Store


class SandboxApp:
    """The whole sandbox as one ASGI application; it needs the sandbox's own server for its socket faults.

    Args:
        store: the tables and the clock.
        on_event: called on the server's thread with (event, method, path, request number); events are head,
            body, committed, half, answer, in this order.
    """

    def __init__(self, store: Store, on_event: EventListener | None = None) -> None:
        self.sandbox = Sandbox(store=store, holds=Holds(), on_event=on_event)
        partner, readonly = QcodePartner(self.sandbox), QcodeReadOnly(self.sandbox)
        family = {name: NewApiServer(self.sandbox, dialect) for name, dialect in DIALECTS.items()}
        self._prefixes: dict[str, ASGIApp] = {PARTNER_PREFIX: partner, READONLY_PREFIX: readonly}
        self._prefixes |= {server.prefix: server for server in family.values()}
        vendors: dict[str, Controllable] = {PARTNER_VENDOR: partner, READONLY_VENDOR: readonly, **family}
        self._operator = operator_app(self.sandbox, vendors)
        self._vendors = ExchangeMiddleware(self.sandbox, self._route)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["path"].startswith(OPERATOR_PREFIX):
            state = {name: value for name, value in scope["state"].items() if name != PROTOCOL}
            await self._operator({**scope, "state": state}, receive, send)
        else:
            await self._vendors(scope, receive, send)

    def close(self) -> None:
        """Let every paused request go; the server calls it before it shuts down."""
        self.sandbox.holds.close()

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        for prefix, vendor in self._prefixes.items():
            if path == prefix or path.startswith(f"{prefix}/"):
                await vendor(scope, receive, send)
                return
        await JSONResponse({"detail": "Not Found"}, 404)(scope, receive, send)


def create_app(store: Store, *, on_event: EventListener | None = None) -> SandboxApp:
    """Return the sandbox as an ASGI application."""
    return SandboxApp(store, on_event)
