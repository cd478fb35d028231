"""What the QCode partner API says about the account itself, for people to read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from reconciler.core.sanitize import redact

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.strict_json import Json

UNSPECIFIED: Final = "unit unspecified"
_AMOUNT: Final = re.compile(
    r"balance|cost|amount|spen[dt]|usage|used|credit|charge|top_?up|paid", re.IGNORECASE
)
_CURRENCIES: Final = ("currency", "settlement_currency", "settlementCurrency")
_SERIES: Final = ("series", "usage", "days", "items", "points", "list", "results")
_DAYS: Final = ("date", "day", "time", "timestamp")
_MOST_FACTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountFact:
    """One thing that the provider says about the account.

    Attributes:
        name: the provider's own name for it, sanitized.
        value: sanitized text.
        unit: of an amount; `unit unspecified` where the provider does not say, None for what is no amount.
    """

    name: str
    value: str
    unit: str | None = None


def facts_of(document: Json) -> tuple[AccountFact, ...]:
    """Return the plain members of the answers to `/me` and `/balance`."""
    data = _data(document)
    return _facts(data, data, "") if isinstance(data, dict) else ()


def usage_of(document: Json) -> tuple[AccountFact, ...]:
    """Return the daily series in the answer to `/usage`, each amount under its day."""
    data = _data(document)
    around = data if isinstance(data, dict) else {}
    series = next((around[name] for name in _SERIES if isinstance(around.get(name), list)), data)
    facts: list[AccountFact] = []
    for point in series if isinstance(series, list) else []:
        if isinstance(point, dict):
            day = next((str(point[name]) for name in _DAYS if isinstance(point.get(name), (str, int))), "?")
            rest = {name: value for name, value in point.items() if name not in _DAYS}
            facts += _facts(rest, {**around, **point}, f"{redact(day, limit=40)} ")
    return tuple(facts[:_MOST_FACTS])


def _data(document: Json) -> Json:
    return document.get("data") if isinstance(document, dict) else None


def _facts(row: Mapping[str, Json], around: Mapping[str, Json], prefix: str) -> tuple[AccountFact, ...]:
    currency = next((around[name] for name in _CURRENCIES if isinstance(around.get(name), str)), None)
    return tuple(
        AccountFact(
            name=prefix + redact(name, limit=60),
            value=redact(str(value), limit=100),
            unit=_unit(name, value, redact(str(currency), limit=12) if currency else None),
        )
        for name, value in list(row.items())[:_MOST_FACTS]
        if isinstance(value, (str, int, Decimal))
    )


def _unit(name: str, value: Json, currency: str | None) -> str | None:
    if isinstance(value, bool) or not (isinstance(value, (int, Decimal)) or _is_number(value)):
        return None
    if name.lower().endswith("_usd"):
        return "USD"
    return (currency or UNSPECIFIED) if _AMOUNT.search(name) else None


def _is_number(value: Json) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).lstrip("-").isdecimal()
