"""One request on its way through the sandbox: events in order, faults at their places, a line in the log."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import TYPE_CHECKING, cast

from reconciler.sandbox.connection import Answer, Connection
from reconciler.sandbox.distortions import distorted, instead
from reconciler.sandbox.holds import Holds
from reconciler.sandbox.request_log import digest

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from reconciler.sandbox.faults import Event, Fault
    from reconciler.sandbox.store import Store

EventListener = Callable[["Event", str, str, int], None]
EXCHANGE = "exchange"
STAND_INS = frozenset({"status", "html", "garbage", "redirect"})
DISTORTIONS = frozenset({"huge", "gzip", "gzip_bomb", "duplicate_keys", "nan"})


@dataclass(slots=True, kw_only=True)
class Sandbox:
    """What every part of a running sandbox shares.

    Attributes:
        store: the tables and the clock.
        holds: the requests that pause.
        on_event: called on the server's thread with (event, method, path, request number).
    """

    store: Store
    holds: Holds = field(default_factory=Holds)
    on_event: EventListener | None = None


class Exchange:
    """The state of one request.

    Args:
        sandbox: the shared parts.
        scope: the ASGI scope of the request.
    """

    def __init__(self, sandbox: Sandbox, scope: Scope) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        self._sandbox = sandbox
        self.method: str = scope["method"]
        self.path: str = scope["path"] + (f"?{query}" if query else "")
        account = sandbox.store.accounts.of_token(_token(headers.get("authorization", "")))
        label = None if account is None else account.label
        self.number = sandbox.store.log.begin(
            at=sandbox.store.clock.now(),
            method=self.method,
            path=self.path,
            host=headers.get("host", ""),
            account=label,
            idempotency_key=headers.get("idempotency-key"),
        )
        self.faults = sandbox.store.faults.fire(method=self.method, path=self.path, account=label)
        if self.faults:
            self.note("fault", ",".join(fault.action for fault in self.faults))

    def note(self, column: str, value: object) -> None:
        """Add a fact to this request's line in the log."""
        self._sandbox.store.log.note(self.number, column, value)

    async def reach(self, event: Event) -> None:
        """Tell the listener about an event, then pause there if a hold says so."""
        if self._sandbox.on_event is not None:
            self._sandbox.on_event(event, self.method, self.path, self.number)
        if any(fault.action == "hold" and fault.event == event for fault in self.faults):
            await self._sandbox.holds.wait_here(
                number=self.number, event=event, method=self.method, path=self.path
            )

    async def committed(self) -> None:
        """To be called by a vendor once a write is in SQLite, before its answer is final."""
        await self.reach("committed")
        await self.delay("committed")

    async def delay(self, when: str) -> None:
        """Wait as the delay faults of this moment say."""
        for fault in self.faults:
            if fault.action == "delay" and fault.when == when:
                await self._sandbox.holds.pause(fault.seconds)

    @property
    def spoiler(self) -> Fault | None:
        """The fault that decides what the client gets to see; the first one added wins."""
        return next((fault for fault in self.faults if fault.action not in {"delay", "hold"}), None)

    @property
    def watches_half(self) -> bool:
        """Whether anybody wants to know when half of the answer is out."""
        holding = any(fault.action == "hold" and fault.event == "half" for fault in self.faults)
        return holding or self._sandbox.on_event is not None


def exchange_of(request: Request) -> Exchange:
    """Return the exchange that a vendor's handler runs in."""
    return cast("Exchange", request.scope["state"][EXCHANGE])


class ExchangeMiddleware:
    """ASGI application around the vendors: everything that is the same for each of them.

    Args:
        sandbox: the shared parts.
        vendors: the application with the vendors' routes.
    """

    def __init__(self, sandbox: Sandbox, vendors: ASGIApp) -> None:
        self._sandbox = sandbox
        self._vendors = vendors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        connection = Connection(scope, receive, send)
        exchange = Exchange(self._sandbox, scope)
        await exchange.reach("head")
        body = await connection.read_body()
        if body is None:
            return
        exchange.note("body_digest", digest(body))
        await exchange.reach("body")
        await exchange.delay("before")
        fault = exchange.spoiler
        if fault is not None and fault.action == "drop_before":
            await connection.cut(reset=fault.reset)
            return
        if fault is not None and fault.action in STAND_INS | {"raw"} and not fault.processed:
            answer = Answer(status=fault.status, headers=(), body=b"")
        else:
            answer = await self._ask_vendor(scope, exchange, body)
        await exchange.delay("after")
        await self._deliver(connection, exchange, answer)

    async def _ask_vendor(self, scope: Scope, exchange: Exchange, body: bytes) -> Answer:
        messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]
        sent: list[Message] = []

        async def receive() -> Message:
            return messages.pop() if messages else {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            sent.append(message)

        state = scope["state"] | {EXCHANGE: exchange}
        await self._vendors({**scope, "state": state}, receive, send)
        start, parts = sent[0], [message.get("body", b"") for message in sent[1:]]
        exchange.note("outcome", start["status"])
        return Answer(status=start["status"], headers=tuple(start["headers"]), body=b"".join(parts))

    async def _deliver(self, connection: Connection, exchange: Exchange, answer: Answer) -> None:
        fault = exchange.spoiler
        if fault is not None and fault.action == "drop_after":
            await connection.cut(reset=fault.reset)
            return
        if fault is not None and fault.action == "raw":
            await connection.send_raw(fault.text.encode("latin-1", "replace"))
            return
        if fault is not None and fault.action in STAND_INS:
            answer = self._dated(instead(fault))
        elif fault is not None and fault.action in DISTORTIONS:
            answer = distorted(answer, fault)
        exchange.note("status", answer.status)
        if fault is not None and fault.action == "truncate":
            await connection.send_half(answer)
        elif fault is not None and fault.action == "drip":
            seconds = fault.seconds
            pause = self._sandbox.holds.pause
            await connection.send_slowly(answer, size=fault.size, pause=lambda: pause(seconds))
        else:
            await self._send_whole(connection, exchange, answer)

    async def _send_whole(self, connection: Connection, exchange: Exchange, answer: Answer) -> None:
        async def at_half() -> None:
            await exchange.reach("half")

        await connection.send(answer, at_half=at_half if exchange.watches_half else None)
        await exchange.reach("answer")

    def _dated(self, answer: Answer) -> Answer:
        date = date_header(self._sandbox.store.clock.now())
        return Answer(status=answer.status, headers=(*answer.headers, date), body=answer.body)


def date_header(moment: float) -> tuple[bytes, bytes]:
    """Return the Date header of a moment, in epoch seconds."""
    return b"date", formatdate(moment, usegmt=True).encode()


def _token(authorization: str) -> str:
    scheme, _, rest = authorization.partition(" ")
    return rest.strip() if scheme.lower() == "bearer" else authorization.strip()
