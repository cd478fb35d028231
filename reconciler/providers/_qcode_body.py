"""What is written to the QCode partner API: bodies of a fixed order, with amounts that never were a float."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import Kind, kind_of, money_text
from reconciler.errors import RequestRejectedError
from reconciler.providers._qcode_rows import CONCURRENCY, DAILY, TOTAL

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.fields import Spec, Value

_WIRE_NAMES: Final[Mapping[str, str]] = {
    DAILY: "daily_cost_limit_usd",
    TOTAL: "total_cost_limit_usd",
    CONCURRENCY: "concurrency_limit",
}


def body_of(texts: Mapping[str, str], limits: Spec) -> bytes:
    """Return JSON in a fixed order; amounts are written as decimals, never through a float."""
    members = [f"{json.dumps(name)}:{json.dumps(text)}" for name, text in texts.items()]
    members += [
        f'"{wire}":{_number(name, limits[name])}' for name, wire in _WIRE_NAMES.items() if name in limits
    ]
    if len(members) != len(texts) + len(limits):
        message = "only the daily, total and concurrency limits can be sent; correct the declaration"
        raise RequestRejectedError(message)
    return f"{{{','.join(members)}}}".encode()


def _number(name: str, value: Value) -> str:
    # The last line before the socket: for this server a zero may mean "no limit at all".
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
        message = f"{name} must be above zero, this provider knows no other limit; correct the declaration"
        raise RequestRejectedError(message)
    return money_text(value) if kind_of(name) is Kind.MONEY else str(value)
