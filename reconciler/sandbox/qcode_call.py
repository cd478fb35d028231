"""One authenticated request to the simulated QCode partner API, and the ways to answer it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reconciler.sandbox.clock import start_of_day

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from reconciler.sandbox.accounts import Account
    from reconciler.sandbox.exchange import Exchange
    from reconciler.sandbox.qcode_switches import QcodeSwitches


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One authenticated request."""

    request: Request
    body: bytes
    exchange: Exchange
    account: Account
    switches: QcodeSwitches
    now: float

    @property
    def today(self) -> float:
        """When the vendor's day began, in epoch seconds."""
        return start_of_day(self.now, self.switches.day_offset_hours)

    def header(self, name: str) -> str:
        """Return a request header, or an empty text."""
        return self.request.headers.get(name, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer before it becomes bytes."""

    status: int
    payload: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class RefusedError(Exception):
    """Raised to end a request with an error answer of the vendor."""

    def __init__(self, status: int, detail: object, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(str(status))
        self.reply = Reply(status=status, payload={"detail": detail}, headers=headers or {})


def success(data: object, status: int = 200) -> Reply:
    """Return the vendor's success envelope around some data."""
    return Reply(status=status, payload={"ok": True, "data": data})
