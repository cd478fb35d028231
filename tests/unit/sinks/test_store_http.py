"""The client of stores: its errors are those of sinks."""

from __future__ import annotations

import pytest

from reconciler.core.secret import Secret
from reconciler.errors import SinkError, SinkUnverifiedError, UsageError
from reconciler.sinks._store_http import store_client
from reconciler.transport.client import Call
from tests.clocks import FakeClock
from tests.unit.providers.raw_server import RawServer, respond


def test_the_errors_are_those_of_sinks() -> None:
    """A write without a good answer may have stored the secret; a read changed nothing."""
    with RawServer((respond(500),)) as server:
        client = store_client(server.url, clock=FakeClock(), timeout=5.0)
        with pytest.raises(SinkUnverifiedError, match="POST /x: HTTP 500; it may have been done"):
            client.send(Call(method="POST", path="/x", body=Secret("{}")))
        with pytest.raises(SinkError, match="check the address of the store"):
            client.send(Call(method="GET", path="/x"))
        client.close()


def test_the_address_is_checked_when_the_sink_is_made() -> None:
    """A typing error in the settings is told before anything is minted."""
    with pytest.raises(UsageError, match=r"the address of the store must be https://"):
        store_client("http://vault.example", clock=FakeClock())
