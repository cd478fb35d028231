"""The table of keys as one HTML file for whoever answers for them: no script, no request, any width."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import NEVER, TOTAL_USD, UNLIMITED
from reconciler.core.spending import Basis
from reconciler.core.status import DAILY, MONTHLY, Custody, Standing
from reconciler.render import status_view as view
from reconciler.render.calendar import TITLES
from reconciler.render.html import HEAD
from reconciler.render.status_style import CSS
from reconciler.render.view import TEXT_LIMIT, counted, foreign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from reconciler.core.fields import Value
    from reconciler.core.status import StatusRow, StatusTable

_COLUMNS: Final = (
    "Key",
    "Lifetime",
    "Month",
    "Today",
    "Other caps",
    "Pace",
    "Cap lasts",
    "Ends",
    "Secret",
    "Due",
)
_UNIT: Final = (
    "Amounts are upstream USD, in which providers count the caps of keys; "
    "they are not the currency in which an account pays."
)
_CENT: Final = 10_000
_FULL: Final = 100
_HIGH: Final = 80
_SOON_DAYS: Final = 14
_AHEAD_DAYS: Final = 90
_COMMAND: Final = re.compile("`([^`]*)`")
_DAY: Final = re.compile(r"\b(\d{4}-\d\d-\d\d)\b")


@dataclass(frozen=True, slots=True)
class _Coming:
    """Something with a day, for the list of what comes next."""

    at: datetime
    what: str
    row: StatusRow


def render_status(table: StatusTable) -> str:
    """Return the table as a self-contained HTML page."""
    now = table.generated_at
    groups = groupby(table.rows, key=lambda row: (row.account, row.provider))
    stamp = f"{now:%Y-%m-%d %H:%M} UTC by {_safe(table.tool)}"
    parts = [
        HEAD.format(title="API keys", css=CSS),
        "<body>",
        f"<header><h1>API keys</h1><p>as of {stamp}</p></header>",
        *_tiles(table),
        '<div class="lists">',
        *_attention(table),
        *_coming(table),
        "</div>",
        *(line for (label, kind), rows in groups for line in _account(label, kind, list(rows), now)),
        *([] if table.rows else ["<p>No key is declared or seen.</p>"]),
        *_list("Notes", "quiet", [_safe(text) for text in table.notes]),
        f"<footer><p>{_UNIT}</p></footer>",
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _tiles(table: StatusTable) -> Iterator[str]:
    rows = table.rows
    warnings = sum(len(row.warnings) for row in rows)
    spent = [row.total for row in rows if row.total is not None]
    daily = [row.pace.micro_usd_per_day for row in rows if row.pace]
    tiles = [
        (str(len(rows)), "key" if len(rows) == 1 else "keys", ""),
        (str(sum(row.enabled is True for row in rows)), "on", ""),
        (str(warnings), "warning" if warnings == 1 else "warnings", "warn" if warnings else ""),
        (str(sum(len(row.due) for row in rows)), "due in 90 days", ""),
    ]
    tiles += [(_usd(sum(spent)), "USD spent in all", "")] if spent else []
    tiles += [(_usd(sum(daily)), "USD a day", "")] if daily else []
    yield '<ul class="tiles">'
    for number, label, tone in tiles:
        yield f'<li><b class="{tone}">{number}</b> <span>{label}</span></li>'
    yield "</ul>"


def _attention(table: StatusTable) -> list[str]:
    items = [f"<b>{_safe(item.account)}</b> was not read: {_sentence(item.message)}" for item in table.unread]
    items += [f"{_link(row)} {_sentence(text)}" for row in table.warned for text in row.warnings]
    return _list("Needs attention", "warn", items)


def _coming(table: StatusTable) -> list[str]:
    now = table.generated_at
    found = [_Coming(event.at, TITLES[event.kind], row) for row in table.rows for event in row.due]
    found += [
        _Coming(row.used_up, "cap used up", row) for row in table.rows if row.used_up and row.used_up > now
    ]
    found += [
        _Coming(datetime.fromisoformat(row.expires).astimezone(UTC), "expires", row)
        for row in table.rows
        if row.expires and row.days_left is not None and 0 <= row.days_left <= _AHEAD_DAYS
    ]
    found.sort(key=lambda item: (item.at, item.row.address, item.what))
    items = [
        f"<time>{item.at:%Y-%m-%d}</time> <i>{view.distance(item.at, now)}</i> "
        f"<span>{item.what}</span> {_link(item.row)}"
        for item in found
    ]
    return _list("Coming up", "coming", items)


def _list(title: str, tone: str, items: Iterable[str]) -> list[str]:
    lines = [f"<li>{item}</li>" for item in items]
    return [f'<section class="list {tone}"><h2>{title}</h2><ul>', *lines, "</ul></section>"] if lines else []


def _account(label: str, provider: str, rows: list[StatusRow], now: datetime) -> Iterator[str]:
    cells = [_cells(row, now) for row in rows]
    shown = [number for number in range(len(_COLUMNS)) if any(line[number] for line in cells)]
    heads = "".join(
        f'<th scope="col" class="c{number}" data-head="{_COLUMNS[number]}"></th>' for number in shown
    )
    yield '<section class="account">'
    yield f"<h2>{_safe(label)} <small>{_safe(provider)}, {counted(len(rows), 'key')}</small></h2>"
    yield f"<table><thead><tr>{heads}</tr></thead><tbody>"
    for row, line in zip(rows, cells, strict=True):
        tone = ' class="off"' if row.enabled is False else ' class="warned"' if row.warnings else ""
        yield f'<tr id="{_anchor(row)}"{tone}>{"".join(_cell(number, line[number]) for number in shown)}</tr>'
    yield "</tbody></table></section>"


def _cell(number: int, text: str) -> str:
    about = f'class="c{number}{"" if text else " empty"}" data-head="{_COLUMNS[number]}"'
    return f'<th scope="row" {about}>{text}</th>' if number == 0 else f"<td {about}>{text}</td>"


def _cells(row: StatusRow, now: datetime) -> tuple[str, ...]:
    """Return what each column says; an empty text is nothing to say."""
    return (
        _key(row),
        _use(row.total, row.caps.get(TOTAL_USD)),
        _use(row.month, row.caps.get(MONTHLY)),
        _use(row.today, row.caps.get(DAILY)),
        _others(row),
        _pace(row),
        _lasts(row, now),
        _ends(row),
        _secret(row),
        "".join(
            f"<div><time>{event.at:%Y-%m-%d}</time> <small>{TITLES[event.kind]}</small></div>"
            for event in row.due
        ),
    )


def _key(row: StatusRow) -> str:
    tone = " danger" if row.standing is Standing.MISSING else ""
    badges = [(view.MARKS[row.standing], tone)] if row.standing in view.MARKS else []
    badges += [("off", "")] if row.enabled is False else []
    marks = "".join(f' <span class="badge{tone}">{badge}</span>' for badge, tone in badges)
    owner = f"<small>{_safe(row.owner)}</small>" if row.owner else ""
    return f"<code>{_safe(row.name)}</code>{marks}{owner}"


def _use(used: int | None, cap: Value | None) -> str:
    """Return a spend with its share of a cap, as a bar where there are both."""
    if used is None and cap is None:
        return ""
    limit = "no cap" if cap == UNLIMITED else _usd(cap) if isinstance(cap, int) else ""
    amount = "" if used is None else f"<b>{_usd(used)}</b>"
    of = f"<small>{'of ' if isinstance(cap, int) else ''}{limit}</small>" if limit else ""
    if used is None:
        word = "cap " if isinstance(cap, int) else ""
        return f'<div class="use"><small class="alone">{word}{limit}</small></div>'
    if not isinstance(cap, int):
        return f'<div class="use">{amount} {of}</div>'
    percent = used * _FULL // cap if cap else _FULL
    tone = "danger" if percent >= _FULL else "warn" if percent >= _HIGH else "good"
    bar = f'<div class="bar {tone}"><i style="width:{min(percent, _FULL)}%"></i></div>'
    return f'<div class="use">{amount} {of} <em class="{tone}">{percent}%</em></div>{bar}'


def _others(row: StatusRow) -> str:
    shown = [view.cap(name, row) for name in row.caps if name not in {TOTAL_USD, DAILY, MONTHLY}]
    return "".join(f"<div>{_safe(text).replace('_', ' ')}</div>" for text in shown)


def _pace(row: StatusRow) -> str:
    if row.pace is None:
        return ""
    found = row.pace
    source = (
        f"since <time>{found.start:%Y-%m-%d}</time>"
        if found.basis is Basis.SINCE
        else f"over {found.span.days} days"
    )
    return f"<b>{_usd(found.micro_usd_per_day)}</b> <small>a day {source}</small>"


def _lasts(row: StatusRow, now: datetime) -> str:
    if row.used_up is None:
        return ""
    if row.used_up <= now:
        return '<span class="danger">used up</span>'
    return _day(f"{row.used_up:%Y-%m-%d}", (row.used_up.date() - now.date()).days)


def _ends(row: StatusRow) -> str:
    if row.expires is None:
        return ""
    if row.expires == NEVER or row.days_left is None:
        return f"<small>{NEVER}</small>"
    return _day(row.expires[:10], row.days_left)


def _day(day: str, days: int) -> str:
    tone = "danger" if days < 0 else "warn" if days <= _SOON_DAYS else ""
    left = f"{days} d" if days >= 0 else f"{-days} d ago"
    return f'<time class="{tone}">{day}</time> <small>{left}</small>'


def _secret(row: StatusRow) -> str:
    if row.custody is None:
        return ""
    texts = {
        Custody.HELD: ("held", "good"),
        Custody.NOT_HELD: ("not held", "danger"),
        Custody.NONE: ("none", ""),
    }
    text, tone = texts[row.custody]
    return f'<span class="{tone}">{text}</span>'


def _link(row: StatusRow) -> str:
    return f'<a href="#{_anchor(row)}"><code>{_safe(row.address)}</code></a>'


def _anchor(row: StatusRow) -> str:
    """Return an id that says nothing foreign and is the row's own."""
    about = "/".join((row.address, row.standing, row.remote_id or ""))
    return f"k{hashlib.sha256(about.encode()).hexdigest()[:16]}"


def _usd(micro_usd: int) -> str:
    """Return an amount with cents and thousands, so that a column of them lines up."""
    if 0 < micro_usd < _CENT:
        return view.money(micro_usd)
    return f"{round(micro_usd / _CENT) / 100:,.2f}"


def _sentence(text: str) -> str:
    """Return a sentence in which what stands between backticks is data or a command."""
    return _DAY.sub(r"<time>\1</time>", _COMMAND.sub(r"<code>\1</code>", _safe(text)))


def _safe(text: str) -> str:
    return escape(foreign(text, limit=TEXT_LIMIT).text)
