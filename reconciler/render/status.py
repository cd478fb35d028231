"""The table of keys as text, as JSON and in the exposition format of Prometheus."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.fields import NEVER, UNLIMITED, Kind, kind_of, money_text, to_document
from reconciler.core.sanitize import sanitize
from reconciler.core.status import LIMITS, Custody, Standing
from reconciler.render import status_view
from reconciler.render.text import MIN_WIDTH, Page, cell_width
from reconciler.render.view import TEXT_LIMIT, Tone, foreign, own

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from reconciler.core.status import StatusRow, StatusTable
    from reconciler.render.view import Span

FORMAT: Final = "1.0"
_GAP: Final = 2


def render_text(table: StatusTable, *, width: int, color: bool, ascii_only: bool = False) -> str:
    """Return the table for people: one line a key where that fits, else one block a key.

    Args:
        table: what to show.
        width: of the terminal, in columns; less than 40 counts as 40.
        color: whether to use ANSI colours.
        ascii_only: for terminals whose encoding has no more.
    """
    page = Page(width=width, color=color, ascii_only=ascii_only)
    names, now = status_view.heads(table), table.generated_at
    cells = [
        [foreign(text, limit=TEXT_LIMIT) for text in status_view.cells(row, names, now)] for row in table.rows
    ]
    heads = [own(head.upper(), Tone.QUIET) for head in names]
    columns = [max(cell_width(cell.text) for cell in column) for column in zip(heads, *cells, strict=True)]
    if sum(columns) + _GAP * (len(columns) - 1) <= max(width, MIN_WIDTH):
        for line in ([heads] if cells else []) + cells:
            page.line(tuple(_padded(line, columns)))
    else:
        for line in cells:
            _block(page, names, line)
    page.gap()
    _notices(page, table)
    page.line((own(status_view.verdict(table), Tone.WARN if table.warned or table.unread else Tone.STRONG),))
    return page.text()


def render_json(table: StatusTable) -> str:
    """Return the table as JSON; amounts are decimal texts in USD."""
    document = {
        "format": FORMAT,
        "generated_at": table.generated_at.isoformat(),
        "tool": table.tool,
        "keys": [_document(row) for row in table.rows],
        "unread": [{"account": item.account, "message": item.message} for item in table.unread],
        "notes": list(table.notes),
    }
    # Two things ASCII JSON still lets through: DEL, and what a GitHub runner takes for a command.
    text = json.dumps(document, indent=2, ensure_ascii=True)
    return text.replace("\x7f", "\\u007f").replace("##[", "#\\u0023[") + "\n"


def render_prometheus(table: StatusTable) -> str:
    """Return the table as metrics (prometheus.io/docs/instrumenting/exposition_formats, text 0.0.4)."""
    families: dict[str, list[str]] = {name: [] for name in _FAMILIES}
    for label in table.accounts:
        families["reconciler_account_up"].append(f"{_labels({'account': label})} 1")
    for unread in table.unread:
        families["reconciler_account_up"].append(f"{_labels({'account': unread.account})} 0")
    for row in table.rows:
        for name, more, value in _samples(row):
            families[name].append(f"{_labels({**_identity(row), **more})} {value}")
    generated = f"{table.generated_at.timestamp():.0f}"
    families["reconciler_status_timestamp_seconds"].append(f" {generated}")
    lines: list[str] = []
    for name, samples in families.items():
        if samples:
            lines += [f"# HELP {name} {_FAMILIES[name]}", f"# TYPE {name} gauge"]
            lines += [f"{name}{sample}" for sample in samples]
    return "\n".join(lines) + "\n"


def _padded(line: Sequence[Span], columns: Sequence[int]) -> Iterator[Span]:
    for number, (cell, width) in enumerate(zip(line, columns, strict=True)):
        yield cell
        if number < len(columns) - 1:
            yield own(" " * (width - cell_width(cell.text) + _GAP))


def _block(page: Page, names: Sequence[str], line: Sequence[Span]) -> None:
    page.gap()
    page.line((line[0],))
    for head, cell in zip(names[1:], line[1:], strict=True):
        if cell.text != status_view.UNKNOWN:
            page.line((own(f"  {head:<8}"),), (cell,))


def _notices(page: Page, table: StatusTable) -> None:
    lists = (
        (
            "Warnings",
            Tone.WARN,
            [f"{row.address}: {text}" for row in table.warned for text in row.warnings],
        ),
        ("Due", Tone.STRONG, status_view.due_lines(table)),
        ("Not read", Tone.DANGER, [f"{item.account}: {item.message}" for item in table.unread]),
        ("Notes", Tone.QUIET, table.notes),
    )
    for title, tone, items in lists:
        if items:
            page.gap()
            page.line((own(f"{title}:", tone),))
            for item in items:
                page.line((own("  - "),), (foreign(item, limit=TEXT_LIMIT),))
            page.gap()


def _document(row: StatusRow) -> dict[str, Any]:
    return {
        "address": row.address,
        "account": row.account,
        "name": row.name,
        "provider": row.provider,
        "standing": row.standing,
        "remote_id": row.remote_id,
        "enabled": row.enabled,
        "used_usd": {
            "today": _amount(row.today),
            "month": _amount(row.month),
            "total": _amount(row.total),
        },
        "caps": to_document(row.caps),
        "percent": None if row.share is None else {"cap": row.share.cap, "value": row.share.percent},
        "expires": row.expires,
        "days_left": row.days_left,
        "custody": row.custody,
        "owner": row.owner,
        "pace": None
        if row.pace is None
        else {
            "usd_per_day": money_text(row.pace.micro_usd_per_day),
            "source": row.pace.basis.value,
            "start": row.pace.start.isoformat(),
        },
        "used_up": None if row.used_up is None else row.used_up.isoformat(),
        "due": [
            {"kind": event.kind.value, "at": event.at.isoformat(), "what": event.what} for event in row.due
        ],
        "warnings": list(row.warnings),
    }


def _amount(amount: int | None) -> str | None:
    return None if amount is None else money_text(amount)


_FAMILIES: Final = {
    "reconciler_key_declared": "Whether a file declares the key.",
    "reconciler_key_enabled": "Whether the key is on at the provider.",
    "reconciler_key_used_usd": "What the key has spent in a window: day, month or total.",
    "reconciler_key_limit": "A limit of the key, in the unit that its name ends with; +Inf is none.",
    "reconciler_key_used_ratio": "Share of the cap that is used most.",
    "reconciler_key_pace_usd_per_day": "How fast the key spends, since a moment or over its lifetime.",
    "reconciler_key_used_up_timestamp_seconds": "When the lifetime cap is used up at that pace.",
    "reconciler_key_expires_timestamp_seconds": "When the key ends; +Inf is never.",
    "reconciler_key_in_custody": "Whether every sink holds the key's secret.",
    "reconciler_key_warnings": "Warnings of the status table about the key.",
    "reconciler_account_up": "Whether the account could be read.",
    "reconciler_status_timestamp_seconds": "When all of this was read.",
}


def _identity(row: StatusRow) -> dict[str, str]:
    return {
        "account": row.account,
        "key": row.name,
        "provider": row.provider,
        "id": row.remote_id or "",
        "standing": row.standing,
    }


def _samples(row: StatusRow) -> Iterator[tuple[str, Mapping[str, str], str]]:
    """Yield metric, further labels and value; what nobody shows is no sample, and never a zero."""
    declared = row.standing in {Standing.DECLARED, Standing.MISSING}
    yield "reconciler_key_declared", {}, _number(declared)
    if row.enabled is not None:
        yield "reconciler_key_enabled", {}, _number(row.enabled)
    for window, amount in (("day", row.today), ("month", row.month), ("total", row.total)):
        if amount is not None:
            yield "reconciler_key_used_usd", {"window": window}, money_text(amount)
    for name, value in row.caps.items():
        yield "reconciler_key_limit", {"limit": name.removeprefix(LIMITS)}, _limit(name, value)
    if row.share is not None:
        ratio = row.share.used / row.share.most if row.share.most else 1
        yield "reconciler_key_used_ratio", {"limit": row.share.cap.removeprefix(LIMITS)}, f"{ratio:.4f}"
    if row.pace is not None:
        pace = money_text(row.pace.micro_usd_per_day)
        yield "reconciler_key_pace_usd_per_day", {"source": row.pace.basis}, pace
    if row.used_up is not None:
        yield "reconciler_key_used_up_timestamp_seconds", {}, f"{row.used_up.timestamp():.0f}"
    if row.expires is not None:
        yield "reconciler_key_expires_timestamp_seconds", {}, _moment(row.expires)
    if row.custody not in {None, Custody.NONE}:
        yield "reconciler_key_in_custody", {}, _number(row.custody is Custody.HELD)
    yield "reconciler_key_warnings", {}, str(len(row.warnings))


def _number(value: object) -> str:
    return "1" if value else "0"


def _limit(name: str, value: object) -> str:
    if value == UNLIMITED or not isinstance(value, int):
        return "+Inf"
    return money_text(value) if kind_of(name) is Kind.MONEY else str(value)


def _moment(expires: str) -> str:
    return "+Inf" if expires == NEVER else f"{datetime.fromisoformat(expires).timestamp():.0f}"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    # Foreign names lose control characters first, so that of the three escapes a newline never comes up.
    return sanitize(value).replace("\\", "\\\\").replace('"', '\\"')
