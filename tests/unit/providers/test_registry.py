"""From a provider's name to an adapter."""

from __future__ import annotations

import pytest

from reconciler.core.model import RateLimits
from reconciler.core.secret import Secret
from reconciler.errors import DeferredError
from reconciler.providers import registry
from reconciler.providers.registry import PROVIDERS, Connection
from tests.clocks import FakeClock
from tests.unit.providers.clients import TOKEN
from tests.unit.providers.raw_server import RawServer, respond

ENTRY = PROVIDERS["qcode-partner"]


def connection(base_url: str, **options: object) -> Connection:
    """Return what is needed to reach an account."""
    settings: dict[str, object] = {"clock": FakeClock(), "rng": lambda: 0.5, **options}
    return Connection(base_url=base_url, token=Secret(TOKEN), **settings)  # type: ignore[arg-type]  # by name


def test_the_defaults_are_the_documented_hosts() -> None:
    """The recommended host first, the other one as the fallback."""
    assert ENTRY.default_base_url == "https://api.r.qcode.cc"
    assert ENTRY.fallbacks == ("https://qcode.cc",)


@pytest.mark.parametrize(
    ("base_url", "used"),
    [
        ("https://api.r.qcode.cc", ("https://api.r.qcode.cc", "https://qcode.cc")),
        ("https://api.r.qcode.cc/", ("https://api.r.qcode.cc/", "https://qcode.cc")),
        ("https://proxy.example", ("https://proxy.example",)),
        ("http://127.0.0.1:8720", ("http://127.0.0.1:8720",)),
    ],
)
def test_the_fallback_belongs_to_the_default_host(base_url: str, used: tuple[str, ...]) -> None:
    """A token for one's own gateway is never sent to the vendor's other host."""
    assert tuple(registry._base_urls(base_url, ENTRY)) == used


def test_the_documented_budgets_hold_unless_the_settings_say_otherwise() -> None:
    """Each budget is replaced on its own."""
    with RawServer((respond(200, {"ok": True, "data": []}),)) as server:
        provider = ENTRY.build(
            connection(server.url, rate_limits=RateLimits(requests_per_day=2), max_wait=70.0)
        )
        provider.list_keys()
        provider.list_keys()
        with pytest.raises(DeferredError, match="2 requests per day"):
            provider.list_keys()
        provider.close()
        clock = FakeClock()
        provider = ENTRY.build(connection(server.url, clock=clock))
        for _ in range(61):
            provider.list_keys()
        provider.close()
    assert clock.slept == [60.0]


def test_building_an_adapter_sends_nothing() -> None:
    """Only a call does."""
    provider = ENTRY.build(connection("https://api.r.qcode.cc"))
    assert provider.origin == "https://api.r.qcode.cc"
    assert provider.capabilities is ENTRY.capabilities
    provider.close()
