"""HTTP clients for tests: a fake clock, no jitter, short timeouts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from reconciler.core.model import RateLimits
from reconciler.core.secret import Secret
from reconciler.providers._answer import Dialect
from reconciler.providers._http import HttpClient
from tests.clocks import FakeClock

if TYPE_CHECKING:
    from reconciler.ports.clock import Clock

TOKEN = "rsk_canary_8WVyElRltTJx8kgs8TTJ"
QCODE = Dialect(success="ok", details=("detail", "message", "error"))
FAST = 0.5


def client(*base_urls: str, clock: Clock | None = None, **options: Any) -> HttpClient:
    """Return a client with no budget unless one is given."""
    settings: dict[str, Any] = {
        "token": Secret(TOKEN),
        "dialect": QCODE,
        "limits": RateLimits(),
        "rng": lambda: 0.5,
        "timeout": 5.0,
    }
    return HttpClient(base_urls=base_urls, clock=clock or FakeClock(), **{**settings, **options})
