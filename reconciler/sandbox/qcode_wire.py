"""The QCode partner API's JSON: request bodies checked as FastAPI would, key rows as the vendor shows them.

Source: https://docs.qcode.cc/en/docs/reference/partner-api; whatever it leaves open follows the switches.
"""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

from reconciler.sandbox.qcode_call import RefusedError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.qcode_switches import QcodeSwitches

LIMIT_FIELDS = {
    "daily_cost_limit_usd": "daily_usd",
    "total_cost_limit_usd": "total_usd",
    "concurrency_limit": "concurrency",
}
USD_FIELDS = ("daily_cost_limit_usd", "total_cost_limit_usd")
CREATE_FIELDS = ("description", *LIMIT_FIELDS)
REQUIRED = {"limits": USD_FIELDS, "nothing": (), "everything": CREATE_FIELDS}
CREATE_DEFAULTS = {"description": "", "daily_usd": 10.0, "total_usd": 100.0, "concurrency": 5}
TRUNCATED_LENGTH = 24
LARGEST_INTEGER = 2**53
# Spellings of one field: snake_usd, snake, camel.
SPELLINGS = {
    "daily_usd": ("daily_cost_limit_usd", "daily_cost_limit", "dailyCostLimit"),
    "total_usd": ("total_cost_limit_usd", "total_cost_limit", "totalCostLimit"),
    "concurrency": ("concurrency_limit", "concurrency_limit", "concurrencyLimit"),
    "spent_today_usd": ("current_daily_cost_usd", "current_daily_cost", "currentDailyCost"),
    "spent_usd": ("total_cost_usd", "total_cost", "totalCost"),
    "created_at": ("created_at", "created_at", "createdAt"),
    "updated_at": ("updated_at", "updated_at", "updatedAt"),
    "is_active": ("is_active", "is_active", "isActive"),
    "key_id": ("key_id", "key_id", "keyId"),
    "page_size": ("page_size", "page_size", "pageSize"),
    "total_pages": ("total_pages", "total_pages", "totalPages"),
    "cost": ("cost_usd", "cost", "cost"),
}
STYLES = ("snake_usd", "snake", "camel")

View = Literal["list", "detail"]


def parse_create(raw: bytes, content_type: str, switches: QcodeSwitches) -> dict[str, Any]:
    """Return the columns that a create asks for, defaults filled in.

    Raises:
        RefusedError: 422, the body is not JSON or a field is missing or invalid.
    """
    body = _json_object(raw, content_type, switches)
    faults: list[tuple[str, str, object]] = [
        (name, "Field required", None) for name in REQUIRED[switches.create_requires] if name not in body
    ]
    faults += _field_faults(body, CREATE_FIELDS, switches, nulls_allowed=False)
    if faults:
        raise _invalid(faults, switches)
    return CREATE_DEFAULTS | _columns(body, CREATE_FIELDS, switches)


def parse_patch(raw: bytes, content_type: str, switches: QcodeSwitches) -> dict[str, Any]:
    """Return the columns that a PATCH changes.

    Raises:
        RefusedError: 422, the body is not JSON or a field is invalid.
    """
    known = CREATE_FIELDS if switches.patch_description == "applied" else tuple(LIMIT_FIELDS)
    body = _json_object(raw, content_type, switches)
    faults = _field_faults(body, known, switches, nulls_allowed=switches.patch_null == "ignored")
    if faults:
        raise _invalid(faults, switches)
    return _columns({name: value for name, value in body.items() if value is not None}, known, switches)


def key_object(row: KeyRow, switches: QcodeSwitches, view: View) -> dict[str, Any]:
    """Return a key as a list or detail row shows it; never its secret."""
    name = _speller(switches)
    shown: dict[str, Any] = {name(switches.id_field): row.id, "name": row.name}
    if switches.list_description if view == "list" else switches.detail_description:
        cut = TRUNCATED_LENGTH if switches.description_form == "truncated" else None
        shown["description"] = row.description[:cut]
    shown |= _enabled(row, switches)
    if switches.list_limits if view == "list" else switches.detail_limits:
        limits = {
            name("daily_usd"): money(row.daily_usd, switches),
            name("total_usd"): money(row.total_usd, switches),
            name("concurrency"): _count(row.concurrency, switches),
        }
        shown |= {"limits": limits} if switches.limits_nested else limits
    shown[name("spent_today_usd")] = money(row.spent_today_usd, switches)
    shown[name("spent_usd")] = money(row.spent_usd, switches)
    if switches.timestamps:
        shown[name("created_at")] = _time(row.created_at, switches)
        shown[name("updated_at")] = _time(row.updated_at, switches)
    if switches.extra_fields:
        shown |= {"tags": [], "permissions": ["claude"], "expires_at": None, "weekly_opus_cost_limit": 0}
    return shown


def list_data(rows: list[KeyRow], switches: QcodeSwitches, query: Mapping[str, str]) -> object:
    """Return `data` of a listing: shape, paging and totals as the switches say."""
    name = _speller(switches)
    ordered = rows[::-1] if switches.list_order == "newest" else rows
    page, shown = _page(ordered, switches, query)
    objects = [key_object(row, switches, "list") for row in shown]
    if switches.list_shape == "bare":
        return objects
    field_name = "entries" if switches.list_shape == "unknown" else switches.list_shape
    data: dict[str, object] = {field_name: objects}
    if page is not None and switches.list_page_info:
        number, size, pages = page
        data["pagination"] = {
            "page": number,
            name("page_size"): size,
            "total": len(rows),
            name("total_pages"): pages,
        }
    if switches.list_total != "absent":
        data["total"] = len(rows) + (switches.list_total == "too_high")
    return data


def money(amount: float | None, switches: QcodeSwitches) -> object:
    """Return an amount as the vendor writes it."""
    if amount is None or switches.numbers == "number":
        return amount
    exact = Decimal(repr(amount))
    if switches.numbers == "exponent":
        return f"{exact.normalize():E}"
    return f"{exact:.2f}" if exact == round(exact, 2) else f"{exact:f}"


def cost_field(switches: QcodeSwitches) -> str:
    """Return the name of a cost in the usage series."""
    return _speller(switches)("cost")


def _page(
    rows: list[KeyRow], switches: QcodeSwitches, query: Mapping[str, str]
) -> tuple[tuple[int, int, int] | None, list[KeyRow]]:
    if switches.list_paging == "none":
        return None, rows
    if switches.list_paging == "offset":
        most = _whole(query.get("limit", ""), switches.list_page_size)
        skipped = _whole(query.get("offset", ""), 0)
        return None, rows[skipped : skipped + most]
    size = _whole(query.get("page_size", query.get("pageSize", "")), switches.list_page_size)
    if size not in {10, 20, 50, 100}:
        size = switches.list_page_size
    pages = max(1, math.ceil(len(rows) / size))
    number = max(1, _whole(query.get("page", ""), 1))
    if switches.list_paging == "clamped":
        number = min(number, pages)
    return (number, size, pages), rows[(number - 1) * size : number * size]


def _whole(text: str, otherwise: int) -> int:
    return int(text) if text.isascii() and text.isdigit() else otherwise


def _speller(switches: QcodeSwitches) -> Callable[[str], str]:
    column = STYLES.index(switches.field_names)
    return lambda field_name: SPELLINGS[field_name][column] if field_name in SPELLINGS else field_name


def _enabled(row: KeyRow, switches: QcodeSwitches) -> dict[str, object]:
    if switches.enabled_field == "status":
        return {"status": "active" if row.enabled else "disabled"}
    shown = row.enabled if switches.booleans == "boolean" else int(row.enabled)
    return {_speller(switches)(switches.enabled_field): shown}


def _count(value: int | None, switches: QcodeSwitches) -> object:
    return str(value) if value is not None and switches.concurrency_as == "string" else value


def _time(moment: float, switches: QcodeSwitches) -> object:
    if switches.timestamp_form == "epoch":
        return int(moment)
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _json_object(raw: bytes, content_type: str, switches: QcodeSwitches) -> dict[str, Any]:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise _invalid([("", "Content-Type must be application/json", None)], switches)
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise _invalid([("", "JSON decode error", None)], switches) from None
    if not isinstance(body, dict):
        raise _invalid([("", "Input should be a valid dictionary", None)], switches)
    return body


def _field_faults(
    body: Mapping[str, Any], known: tuple[str, ...], switches: QcodeSwitches, *, nulls_allowed: bool
) -> list[tuple[str, str, object]]:
    faults: list[tuple[str, str, object]] = []
    for name, value in body.items():
        if name not in known:
            message = "Extra inputs are not permitted" if switches.unknown_fields == "rejected" else ""
        elif value is None and nulls_allowed:
            message = ""
        else:
            message = _value_fault(name, value, switches)
        if message:
            faults.append((name, message, value))
    return faults


def _value_fault(name: str, value: object, switches: QcodeSwitches) -> str:
    if name == "description":
        if not isinstance(value, str):
            return "Input should be a valid string"
        too_long = len(value) > switches.description_max
        return f"String should have at most {switches.description_max} characters" if too_long else ""
    if name == "concurrency_limit":
        fine = isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= LARGEST_INTEGER
        return "" if fine else "Input should be an integer greater than or equal to 1"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "Input should be a valid number"
    try:
        fine = math.isfinite(value) and value > 0
    except OverflowError:
        fine = False
    return "" if fine else "Input should be a finite number greater than 0"


def _columns(body: Mapping[str, Any], known: tuple[str, ...], switches: QcodeSwitches) -> dict[str, Any]:
    columns: dict[str, Any] = {}
    for name, value in body.items():
        if name in known:
            columns[LIMIT_FIELDS.get(name, name)] = _kept(value, switches) if name in USD_FIELDS else value
    return columns


def _kept(amount: float, switches: QcodeSwitches) -> float:
    return round(float(amount), 2) if switches.amounts_kept == "cents" else float(amount)


def _invalid(faults: list[tuple[str, str, object]], switches: QcodeSwitches) -> RefusedError:
    if switches.error_detail == "string":
        return RefusedError(422, "; ".join(f"{name or 'body'}: {message}" for name, message, _ in faults))
    return RefusedError(
        422,
        [
            {
                "type": "value_error",
                "loc": ["body", name] if name else ["body"],
                "msg": message,
                "input": _echo(value),
            }
            for name, message, value in faults
        ],
    )


def _echo(value: object) -> object:
    return repr(value) if isinstance(value, float) and not math.isfinite(value) else value
