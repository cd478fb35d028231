"""Keys as servers of the New API family show them, and adapters over scripted servers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from reconciler.core.identity import Incarnation
from reconciler.core.model import MintRequest, ObservedKey, RateLimits
from reconciler.core.secret import Secret
from reconciler.providers.new_api import NewApi
from reconciler.providers.registry import PROVIDERS, Connection
from tests.clocks import FakeClock
from tests.unit.providers.raw_server import respond

if TYPE_CHECKING:
    from tests.unit.providers.raw_server import Answer, Received

PAT = "pat_canary_0123456789abcdef"
KEY = "Abcd0123456789Abcd0123456789Abcd0123456789Abcd01"
REQUEST = MintRequest(incarnation=Incarnation(name="client-a"), name="client-a", idempotency_key="k" * 40)
OBSERVED = ObservedKey(id="42", name="client-a", spec={})


def row(**changes: Any) -> dict[str, Any]:
    """Return a key that has every field set; `...` takes a member away."""
    shown = {
        "id": 42,
        "user_id": 7,
        "key": f"{KEY[:4]}**********{KEY[-4:]}",
        "status": 1,
        "name": "client-a",
        "created_time": 1_700_000_000,
        "accessed_time": 1_700_000_000,
        "expired_time": 1_893_456_000,
        "remain_quota": 400_000,
        "unlimited_quota": False,
        "model_limits_enabled": True,
        "model_limits": "gpt-4o,o3",
        "allow_ips": "10.0.0.0/8\n192.0.2.1",
        "used_quota": 100_000,
        "group": "vip",
        "cross_group_retry": False,
        "DeletedAt": None,
        **changes,
    }
    return {name: value for name, value in shown.items() if value is not ...}


KEPT = {
    "id": 42,
    "name": "client-a",
    "expired_time": 1_893_456_000,
    "remain_quota": 400_000,
    "unlimited_quota": False,
    "model_limits_enabled": True,
    "model_limits": "gpt-4o,o3",
    "allow_ips": "10.0.0.0/8\n192.0.2.1",
    "group": "vip",
    "cross_group_retry": False,
}
"""What has to be in every PUT for the key that `row` returns."""


def yes(data: object = None, **headers: str) -> Answer:
    """Return the success envelope; without data, as a create answers."""
    envelope = {"success": True, "message": ""}
    return respond(200, envelope if data is None else {**envelope, "data": data}, headers)


def no(message: str, status: int = 200) -> Answer:
    """Return the envelope that says no."""
    return respond(status, {"success": False, "message": message})


def page(*rows: object, total: int | None = None) -> Answer:
    """Return the first page of a list."""
    told = len(rows) if total is None else total
    return yes({"page": 1, "page_size": 100, "total": told, "items": list(rows)})


def adapter(base_url: str, provider: str = "cometapi", token: str = PAT, **changes: Any) -> NewApi:
    """Return an adapter; CometAPI is the dialect that asks for no status first."""
    settings: dict[str, Any] = {
        "clock": FakeClock(),
        "rng": lambda: 0.5,
        "rate_limits": RateLimits(requests_per_minute=100_000),
        "timeout": 5.0,
        **changes,
    }
    found = PROVIDERS[provider].build(Connection(base_url=base_url, token=Secret(token), **settings))
    assert isinstance(found, NewApi)
    return found


def sent(request: Received) -> Any:
    """Return the JSON of a request."""
    return json.loads(request.body)


def asked(requests: list[Received]) -> list[str]:
    """Return methods and targets."""
    return [f"{request.method} {request.target}" for request in requests]
