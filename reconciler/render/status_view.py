"""What the table of keys says, decided once for text and page; foreign text in it is not yet sanitised."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.core.fields import NEVER, money_text, value_text
from reconciler.core.spending import Basis, pace_text
from reconciler.core.status import LIMITS, Custody, Standing
from reconciler.render.calendar import TITLES
from reconciler.render.view import counted

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from reconciler.core.calendar import Event
    from reconciler.core.status import StatusRow, StatusTable

UNKNOWN: Final = "-"
ON: Final = {True: "yes", False: "no", None: "?"}
MARKS: Final = {
    Standing.MISSING: "missing",
    Standing.BESIDE: "beside the declared one",
    Standing.UNDECLARED: "undeclared",
    Standing.READ_ONLY: "read only",
}


def heads(table: StatusTable) -> tuple[str, ...]:
    """Return the columns; those of the pace are there where somebody shows one."""
    paced = ("pace", "lasts") if any(row.pace for row in table.rows) else ()
    return ("key", "on", "today", "total", "caps", "used", *paced, "expires", "custody")


def cells(row: StatusRow, columns: Iterable[str], now: datetime) -> tuple[str, ...]:
    """Return what some columns say of a key.

    Args:
        row: the key.
        columns: as `heads` names them.
        now: the moment of looking.
    """
    mark = f" ({MARKS[row.standing]})" if row.standing in MARKS else ""
    texts = {
        "key": f"{row.address}{mark}",
        "on": UNKNOWN if row.standing is Standing.MISSING else ON[row.enabled],
        "today": money(row.today),
        "total": money(row.total),
        "caps": ", ".join(cap(name, row) for name in row.caps) or UNKNOWN,
        "used": f"{row.share.percent} % {short(row.share.cap)}" if row.share else UNKNOWN,
        "pace": pace(row),
        "lasts": lasts(row, now),
        "expires": expiry(row),
        "custody": custody(row),
    }
    return tuple(texts[name] for name in columns)


def verdict(table: StatusTable) -> str:
    """Return the one sentence to read when reading no other."""
    counts = Counter(row.standing for row in table.rows)
    parts = [
        counted(len(table.rows), "key"),
        *(f"{counts[word]} {word}" for word in (Standing.MISSING, Standing.UNDECLARED) if counts[word]),
        counted(sum(len(row.warnings) for row in table.rows), "warning"),
    ]
    if table.unread:
        parts.append(f"{counted(len(table.unread), 'account')} not read")
    return f"Status: {', '.join(parts)}."


def due_lines(table: StatusTable) -> list[str]:
    """Return what happens next, in the order of time."""
    events = sorted((event for row in table.rows for event in row.due), key=lambda event: event.at)
    return [f"{due_text(event, table.generated_at)} {event.subject}: {event.what}" for event in events]


def due_text(event: Event, now: datetime) -> str:
    """Return the day of an event, how far away it is, and what happens."""
    return f"{event.at:%Y-%m-%d} ({distance(event.at, now)}) {TITLES[event.kind]}"


def distance(moment: datetime, now: datetime) -> str:
    """Return how many days something is away."""
    days = (moment.date() - now.date()).days
    return f"{days} d" if days > 0 else f"{-days} d ago" if days else "today"


def short(name: str) -> str:
    """Return the name of a limit as a table has room for it."""
    return name.removeprefix(LIMITS).removesuffix("_usd")


def cap(name: str, row: StatusRow) -> str:
    """Return one limit with its name."""
    return f"{short(name)} {value_text(name, row.caps[name])}"


def money(amount: int | None) -> str:
    """Return an amount in USD."""
    return UNKNOWN if amount is None else money_text(amount)


def pace(row: StatusRow) -> str:
    """Return how fast a key spends, and what that was read from."""
    found = row.pace
    if found is None:
        return UNKNOWN
    start = f"since {found.start:%Y-%m-%d}" if found.basis is Basis.SINCE else f"over {found.span.days} d"
    return f"{pace_text(found.micro_usd_per_day)} a day {start}"


def lasts(row: StatusRow, now: datetime) -> str:
    """Return until when the lifetime cap lasts."""
    if row.used_up is None:
        return UNKNOWN
    return f"{row.used_up:%Y-%m-%d} ({distance(row.used_up, now)})" if row.used_up > now else "used up"


def expiry(row: StatusRow) -> str:
    """Return the day of the end, with the days left."""
    if row.expires is None or row.expires == NEVER:
        return row.expires or UNKNOWN
    return f"{row.expires[:10]} ({row.days_left} d)"


def custody(row: StatusRow) -> str:
    """Return whether the secret is held, where it has to be."""
    return UNKNOWN if row.custody in {None, Custody.NONE} else str(row.custody)
