"""The HTTP client of all stores, with the errors of sinks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from reconciler.errors import SinkError, SinkUnverifiedError
from reconciler.transport.client import ApiClient, Peer

if TYPE_CHECKING:
    import ssl

    from reconciler.ports.clock import Clock

_STORE: Final = Peer(name="the store", failed=SinkError, unverified=SinkUnverifiedError)


def store_client(
    base_url: str, *, clock: Clock, tls: ssl.SSLContext | None = None, timeout: float = 30.0
) -> ApiClient:
    """Return the client of one store; arguments and errors are those of `ApiClient`."""
    return ApiClient(base_url, peer=_STORE, clock=clock, tls=tls, timeout=timeout)
