"""How servers of the New API family list and search tokens."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.newapi_call import Call
    from reconciler.sandbox.newapi_switches import NewApiSwitches

SIZE_PARAMS = {"all": ("page_size", "ps", "size"), "size": ("size",), "none": ()}
SORTABLE = frozenset({"remain_quota", "used_quota"})
MOST_WILDCARDS = 2
FEWEST_LITERALS = 2


def page_of(rows: Sequence[KeyRow], call: Call, show: Callable[[KeyRow], dict[str, Any]]) -> object:
    """Return `data` of a list: one page, newest first unless the dialect sorts.

    Args:
        rows: every row that the caller may see, oldest first.
        call: the request.
        show: makes the object of one row.
    """
    switches = call.switches
    ordered = list(reversed(rows))
    order = call.query.get("order", "")
    if switches.list_sorts and order in SORTABLE:
        ordered.sort(key=lambda row: -int(row.extra[order]))
    size = _page_size(call.query, switches)
    number = max(switches.page_base, _number(call.query.get("p", ""), switches.page_base))
    begin = (number - switches.page_base) * size
    items: list[dict[str, Any]] | None = [show(row) for row in ordered[begin : begin + size]]
    if not items and switches.page_past_end == "null":
        items = None
    if switches.page_shape == "array":
        return items
    total = len(ordered) + (switches.list_total == "too_high")
    return {"page": number, "page_size": size, "total": total, "items": items}


def found(rows: Sequence[KeyRow], call: Call, keys: Mapping[str, str]) -> list[KeyRow]:
    """Return the rows that a search finds, in the order of `rows`.

    Raises:
        RefusedError: 200 with success false; the pattern is one that the server does not run.
    """
    keyword, token = call.query.get("keyword", ""), call.query.get("token", "").removeprefix("sk-")
    if call.switches.search == "prefix":
        return [row for row in rows if row.name.startswith(keyword)]
    if call.switches.search == "contains":
        return [row for row in rows if keyword in row.name and token in keys[row.id]]
    by_name, by_key = _pattern(keyword, call), _pattern(token, call)
    return [row for row in rows if by_name.fullmatch(row.name) and by_key.fullmatch(keys[row.id])]


def _pattern(text: str, call: Call) -> re.Pattern[str]:
    """Return what a term matches: everything when empty, itself, or a pattern with `%`."""
    if not text:
        return re.compile(".*", re.DOTALL)
    literals = len(text) - text.count("%")
    wild = "%" in text
    if wild and (text.count("%") > MOST_WILDCARDS or "%%" in text or literals < FEWEST_LITERALS):
        call.refuse("bad_search")
    return re.compile(".*".join(re.escape(part) for part in text.split("%")), re.DOTALL)


def _page_size(query: Mapping[str, str], switches: NewApiSwitches) -> int:
    for name in SIZE_PARAMS[switches.page_size_params]:
        size = _number(query.get(name, ""), 0)
        if size > 0:
            return min(size, switches.page_size_max)
    return switches.page_size_default


def _number(text: str, otherwise: int) -> int:
    return int(text) if re.fullmatch(r"-?[0-9]{1,9}", text) else otherwise
