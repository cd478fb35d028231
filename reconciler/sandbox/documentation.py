"""The tables of the sandbox page, written out of the code: `python -m reconciler.sandbox.documentation FILE`.

A table stands between `<!-- begin NAME -->` and `<!-- end NAME -->`; a test fails when the page is outdated.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.sandbox import operator
from reconciler.sandbox.accounts import NEWAPI_ACCOUNTS, PARTNER_ACCOUNTS, READONLY_ACCOUNTS
from reconciler.sandbox.faults import ACTIONS
from reconciler.sandbox.newapi_dialects import DIALECTS
from reconciler.sandbox.qcode_readonly_switches import ReadOnlySwitches
from reconciler.sandbox.qcode_switches import QcodeSwitches
from reconciler.sandbox.switches import describe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from reconciler.sandbox.limits import Budget


def render(page: str) -> str:
    """Return the page with every table written anew."""
    for name, table in TABLES.items():
        begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
        pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
        written = f"{begin}{table()}{end}"
        page = pattern.sub(lambda _, written=written: written, page)  # type: ignore[misc]  # a default argument
    return page


def _switches(values: object) -> str:
    rows = [
        f"| `{info.name}` | {_value(info.default)} | {info.allowed} | {info.basis} | {info.doc} |"
        for info in describe(values)
    ]
    return _table("| switch | default | allowed | basis | decides |", rows)


def _family_switches() -> str:
    columns = [
        describe(dialect.switches, defaults=dialect.switches, documented=dialect.documented)
        for dialect in DIALECTS.values()
    ]
    rows = []
    for infos in zip(*columns, strict=True):
        values = " | ".join(_value(info.value) + ("?" if info.basis == "assumed" else "") for info in infos)
        first = infos[0]
        rows.append(f"| `{first.name}` | {values} | {first.allowed} | {first.doc} |")
    return _table(f"| switch | {' | '.join(DIALECTS)} | allowed | decides |", rows)


def _dialects() -> str:
    rows = []
    for dialect in DIALECTS.values():
        budgets = " | ".join(_budget(budget) for budget in dialect.budgets.values())
        rows.append(f"| `{dialect.name}` | {dialect.title} | `/{dialect.name}` | {budgets} |")
    return _table(
        "| vendor | what it is | path | global, per client | critical, per client | search, per user |", rows
    )


def _budget(budget: Budget) -> str:
    return "none" if budget.requests is None else f"{budget.requests} in {budget.seconds} s"


def _accounts() -> str:
    partner = [
        f"| `{account.label}` | `{account.token}` | {account.region} | {account.tier} | {account.currency} |"
        for account in PARTNER_ACCOUNTS
    ]
    return _table("| account | token | region | tier | currency |", partner)


def _readonly_accounts() -> str:
    rows = [f"| `{account.label}` | `{account.token}` | `{account.reads}` |" for account in READONLY_ACCOUNTS]
    return _table("| account | token | shows the keys of |", rows)


def _family_accounts() -> str:
    rows = [
        f"| `{account.label}` | `{account.token}` | `{account.vendor}` | {account.user_id} |"
        for account in NEWAPI_ACCOUNTS
    ]
    return _table("| account | token | vendor | user id |", rows)


def _faults() -> str:
    return _table("| action | effect |", [f"| `{action}` | {effect} |" for action, effect in ACTIONS.items()])


def _operator() -> str:
    lines = (operator.__doc__ or "").splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith("|"))


def _table(head: str, rows: Iterable[str]) -> str:
    rule = "|---" * (head.count("|") - 1) + "|"
    return "".join(f"{line}\n" for line in (head, rule, *rows))


def _value(value: object) -> str:
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


TABLES: dict[str, Callable[[], str]] = {
    "accounts": _accounts,
    "readonly accounts": _readonly_accounts,
    "family accounts": _family_accounts,
    "dialects": _dialects,
    "switches qcode-partner": lambda: _switches(QcodeSwitches()),
    "switches qcode-readonly": lambda: _switches(ReadOnlySwitches()),
    "switches family": _family_switches,
    "faults": _faults,
    "operator": _operator,
}


def main(path: str) -> None:
    """Rewrite the tables of a page in place."""
    page = Path(path)
    page.write_text(render(page.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
