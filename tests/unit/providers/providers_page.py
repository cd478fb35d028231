"""The tables of the page on providers, from the data: `python -m tests.unit.providers.providers_page FILE`.

A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; a test fails when the page is outdated.
"""

from __future__ import annotations

import re
import sys
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import ENABLED, FIELDS, TOTAL_USD, value_text
from reconciler.core.model import Listing
from reconciler.core.plan import Action, Operation, Reason
from reconciler.core.request_costs import CostSheet
from reconciler.providers._newapi_dialects import DIALECTS, ListField, NewApiDialect
from reconciler.providers.registry import PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from reconciler.core.fields import Value
    from reconciler.core.model import Capabilities


def render(page: str) -> str:
    """Return the page with every table written anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        written = f"{begin}{table()}{end}"
        page = pattern.sub(lambda _, written=written: written, page)  # type: ignore[misc]  # a default argument
    return page


def capability_table() -> str:
    """Return what each provider can do, one column for each."""
    columns = [entry.capabilities for entry in PROVIDERS.values()]
    rows = [
        [f"`{name}`", *(_field(can, name) for can in columns)]
        for name in FIELDS
        if any(name in can.fields for can in columns)
    ]
    rows += [
        [f"`{name}`", *(_field(can, name) for can in columns)]
        for can in columns
        for name in (field.name for field in can.own)
    ]
    rows += [[title, *(tell(can) for can in columns)] for title, tell in _TRAITS.items()]
    return _table(["", *(f"`{name}`" for name in PROVIDERS)], rows)


def address_table() -> str:
    """Return where each provider is, and which options its accounts have."""
    rows = [
        [
            f"`{name}`",
            f"`{entry.default_base_url}`" if entry.default_base_url else "to be set",
            ", ".join(f"`{option}`" for option in entry.options) or "none",
            "yes" if entry.key_check else "no",
        ]
        for name, entry in PROVIDERS.items()
    ]
    return _table(["provider", "`base_url`", "options", "keys can be verified"], rows)


def option_table() -> str:
    """Return what each option is for."""
    texts: dict[str, str] = {}
    for entry in PROVIDERS.values():
        texts.update(entry.options)
    return _table(["option", "meaning"], [[f"`{name}`", text] for name, text in texts.items()])


def own_table() -> str:
    """Return what each field is for that only one provider has."""
    rows = [
        [f"`{field.name}`", field.kind.value, f"`{field.clear}`" if field.clear else "", field.about]
        for entry in PROVIDERS.values()
        for field in entry.capabilities.own
    ]
    return _table(["field", "value", "lifted by", "meaning"], rows)


def dialect_table() -> str:
    """Return how the servers of the New API family differ; what is assumed has a question mark."""
    names = [
        item.name for item in fields(NewApiDialect) if item.name not in {"name", "base_url", "documented"}
    ]
    rows = [[f"`{name}`", *(_trait(dialect, name) for dialect in DIALECTS.values())] for name in names]
    return _table(["", *(f"`{name}`" for name in DIALECTS)], rows)


def _field(can: Capabilities, name: str) -> str:
    if name not in can.fields:
        return "–"  # noqa: RUF001  # a dash for what is not there
    if name in can.updatable or (name == ENABLED and can.toggles):
        return "set, clear" if name in can.clearable else "set"
    return "shown"


def _floor(can: Capabilities) -> str:
    return ", ".join(
        f"{name.rpartition('.')[2]} {value_text(name, can.floor[name])}" for name in sorted(can.floor)
    )


def _limits(can: Capabilities) -> str:
    limits = can.rate_limits
    told = {
        "a minute": limits.requests_per_minute,
        "a day": limits.requests_per_day,
        "creates an hour": limits.creates_per_hour,
    }
    return ", ".join(f"{number} {unit}" for unit, number in told.items() if number is not None)


def _price(*asked: tuple[Operation, Reason, dict[str, Value]]) -> Callable[[Capabilities], str]:
    """Return the sentence that says what some actions cost on an account with few keys."""

    def tell(can: Capabilities) -> str:
        if not can.mintable:
            return ""
        prices = CostSheet(can=can, listing=Listing(keys=()), now=datetime(2026, 1, 1, tzinfo=UTC))
        actions = [
            Action(op=op, account="a", name="a", incarnation="a", remote_id=None, reason=reason, after=after)
            for op, reason, after in asked
        ]
        return ", ".join(str(action.requests) for action in prices.priced(actions))

    return tell


def _yes(able: object) -> str:
    return "yes" if able else "no"


def _trait(dialect: NewApiDialect, name: str) -> str:
    value = getattr(dialect, name)
    if name == "title":
        return str(value)
    if name == "auth_scheme":
        text = f"`{value}`" if value else "bare token"
    elif isinstance(value, ListField):
        form = {",": "commas", "\n": "lines"}[value.separator]
        text = f"`{value.name}`, {form}" + (f", and `{value.array}`" if value.array else "")
    elif isinstance(value, bool):
        text = _yes(value)
    elif isinstance(value, tuple):
        text = ", ".join(f"`{item}`" for item in value) or "none"
    else:
        text = "none" if value is None else f"`{value:g}`" if isinstance(value, float) else f"`{value}`"
    return text if name in dialect.documented else f"{text} ?"


def _table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    titles = list(head)
    lines = [titles, ["---"] * len(titles), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


_TRAITS: Final[Mapping[str, Callable[[Capabilities], str]]] = {
    "creates keys": lambda can: _yes(can.mintable),
    "a create is born at": _floor,
    "a lost answer to a create": lambda can: (
        ("replayed" if can.idempotent_create else "looked up in the list") if can.mintable else ""
    ),
    "secret in the answer to a create": lambda can: _yes(can.create_returns_secret),
    "secret can be read again": lambda can: _yes(can.reveals),
    "on and off": lambda can: _yes(can.toggles),
    "delete (`state: absent`)": lambda can: _yes(can.deletes),
    "rename (`renamed_from`)": lambda can: _yes(can.renames),
    "longest name": lambda can: f"{can.name_limit} {can.name_unit}",
    "smallest step of an amount": lambda can: f"{value_text('limits.total_usd', can.money_quantum)} USD",
    "rate limits": _limits,
    "requests of a birth": _price((Operation.CREATE, Reason.NEW, {TOTAL_USD: 1})),
    "requests of a change, of on or off": _price(
        (Operation.UPDATE, Reason.DRIFT, {TOTAL_USD: 1}),
        (Operation.DISABLE, Reason.TURNED_OFF, {ENABLED: False}),
    ),
}

TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "addresses": address_table,
    "options": option_table,
    "capabilities": capability_table,
    "own": own_table,
    "dialects": dialect_table,
}


def main(path: Path) -> None:
    """Write the tables of a page anew."""
    path.write_text(render(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
