"""The sandbox as a real HTTP server on loopback: in a thread for tests, in the foreground for the CLI."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from threading import Event as ThreadEvent
from threading import Thread
from typing import TYPE_CHECKING, Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from reconciler.errors import UsageError
from reconciler.sandbox.accounts import DEFAULT_ACCOUNTS
from reconciler.sandbox.app import create_app
from reconciler.sandbox.connection import PROTOCOL
from reconciler.sandbox.operator_client import OperatorClient
from reconciler.sandbox.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path
    from types import TracebackType

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.app import SandboxApp
    from reconciler.sandbox.exchange import EventListener

DEFAULT_PORT = 8720


class _Protocol(H11Protocol):
    """Puts itself into the state of each request, so that faults can reach the socket."""

    def __init__(self, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.app_state = {**self.app_state, PROTOCOL: self}


class SandboxServer:
    """A sandbox in a thread of this process, on a free port of 127.0.0.1; a context manager.

    Args:
        store: the tables and the clock; one in memory, closed at the end, when left out. Two servers may
            share a store: one vendor under two hosts.
        accounts: what the store begins with, when it is made here.
        on_event: called on the server's thread with (event, method, path, request number). The server stands
            still meanwhile: look into the store, never make a control call from it.

    Attributes:
        base_url: the address of all simulated vendors.
        store: the tables, for direct access in this process.
        operator: the control calls, over HTTP.
    """

    def __init__(
        self,
        store: Store | None = None,
        *,
        accounts: Iterable[Account] = DEFAULT_ACCOUNTS,
        on_event: EventListener | None = None,
    ) -> None:
        self._owns_store = store is None
        self.store = Store(accounts=accounts) if store is None else store
        self._app = create_app(self.store, on_event=on_event)
        self._listener = _listen("127.0.0.1", 0)
        self.base_url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.operator = OperatorClient(self.base_url)
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = ThreadEvent()
        self._thread = Thread(target=self._run, name="sandbox", daemon=True)

    @property
    def tokens(self) -> dict[str, str]:
        """The token of each account, by label."""
        return self.store.tokens

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self._owns_store:
            self.store.close()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(_serve(self._app, self._listener, self._stop, self._ready.set))
        finally:
            self._ready.set()
            self._loop.close()


def run(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    db: str | Path = ":memory:",
    *,
    accounts: Iterable[Account] = DEFAULT_ACCOUNTS,
    on_ready: Callable[[str, dict[str, str]], None] | None = None,
) -> None:
    """Serve in the foreground until SIGINT or SIGTERM.

    Args:
        host: a loopback address; the sandbox hands out secrets to whoever asks.
        port: the port; 0 takes a free one.
        db: the SQLite file, or ":memory:".
        accounts: what an empty database begins with.
        on_ready: called with the base URL and the tokens once connections are accepted.

    Raises:
        UsageError: the host is not a loopback address, or the port is taken.
    """
    listener = _listen(_loopback(host), port)
    name = f"[{host}]" if ":" in host else host
    base_url = f"http://{name}:{listener.getsockname()[1]}"

    async def main(store: Store) -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await _serve(create_app(store), listener, stop, lambda: on_ready and on_ready(base_url, store.tokens))

    with Store(db, accounts=accounts) as store:
        asyncio.run(main(store))


async def _serve(
    app: SandboxApp, listener: socket.socket, stop: asyncio.Event, on_ready: Callable[[], object]
) -> None:
    config = uvicorn.Config(
        app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
    )
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    # Not serve(): its loop looks for the end only ten times a second, and tests start many servers.
    await server.startup(sockets=[listener])
    on_ready()
    await stop.wait()
    app.close()
    await server.shutdown(sockets=[listener])


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Without the protocol asyncio leaves TCP_NODELAY off, and each answer waits 40 ms for an acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        message = f"cannot listen on {host} port {port} ({error.strerror}); choose another port with --port"
        raise UsageError(message) from error
    return listener


def _loopback(host: str) -> str:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        message = f"the sandbox shows secrets to anybody; {host!r} is no loopback address, use 127.0.0.1"
        raise UsageError(message)
    return str(address)
