"""A table of keys in which everything occurs that a page of them has to show."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.calendar import Event, Kind
from reconciler.core.spending import Basis, Pace
from reconciler.core.status import Custody, Share, Standing, StatusRow, StatusTable, Unread
from reconciler.errors import ExitCode
from tests.unit.render.samples import HOSTILE, USD

if TYPE_CHECKING:
    from reconciler.core.fields import Value

NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def pace(usd_a_day: float, *, days: int = 7, basis: Basis = Basis.SINCE) -> Pace:
    """Return a rate that was measured over some days."""
    span = timedelta(days=days)
    return Pace(micro_usd_per_day=round(usd_a_day * USD), basis=basis, start=NOW - span, span=span)


def event(days: float, kind: Kind, subject: str, what: str, **values: Any) -> Event:
    """Return an event so many days from now."""
    return Event(at=NOW + timedelta(days=days), kind=kind, subject=subject, what=what, **values)


def row(name: str, *, account: str = "reseller", used: float | None = None, **values: Any) -> StatusRow:
    """Return a declared key in custody that is on; `daily`, `monthly` and `total` are caps in USD."""
    caps: dict[str, Value] = {
        f"limits.{window}_usd": cap * USD if isinstance(cap, int) else cap
        for window in ("daily", "monthly", "total")
        if (cap := values.pop(window, None)) is not None
    }
    caps |= {f"limits.{name}": value for name, value in values.pop("more", {}).items()}
    filled: dict[str, Any] = {
        "provider": "qcode-partner" if account == "reseller" else "new-api",
        "standing": Standing.DECLARED,
        "remote_id": str(1000 + len(name)),
        "enabled": True,
        "custody": Custody.HELD,
        "total": None if used is None else round(used * USD),
        "caps": dict(sorted(caps.items())),
    }
    return StatusRow(account=account, name=name, **(filled | values))


def busy_table() -> StatusTable:
    """Return two accounts and one that could not be read."""
    rows = (
        row(
            "billing-nightly",
            used=412.5,
            total=1000,
            daily=50,
            today=18_250_000,
            more={"concurrency": 5},
            owner="billing",
            pace=pace(14.25),
            used_up=NOW + timedelta(days=41),
        ),
        row(
            "client-a",
            used=91.4,
            total=100,
            daily=10,
            today=9_600_000,
            more={"concurrency": 10},
            owner="team-a",
            pace=pace(6.1),
            used_up=NOW + timedelta(days=1),
            share=Share(cap="limits.daily_usd", used=9_600_000, most=10 * USD),
            due=(event(9, Kind.ROTATION, "reseller/client-a", "run `reconciler rotate --due`"),),
            warnings=(
                "96 % of daily_usd is used",
                "its lifetime cap is used up by 2026-03-02, at 6.1 USD a day since 2026-02-22",
            ),
        ),
        row(
            "client-b",
            used=100,
            total=100,
            daily=5,
            owner="team-b",
            more={"concurrency": 2},
            pace=pace(0),
            used_up=NOW,
            warnings=("nothing is left of its lifetime cap",),
        ),
        row("client-c", enabled=False, used=3.2, total=50, daily=5, owner="team-b", more={"concurrency": 2}),
        row(
            "client-c~2",
            standing=Standing.BESIDE,
            custody=None,
            used=0.000_4,
            total=50,
            daily=5,
            due=(event(0.8, Kind.RETIREMENT, "reseller/client-c", "client-c~2, which was replaced"),),
        ),
        StatusRow(
            account="reseller",
            name="client-d",
            provider="qcode-partner",
            standing=Standing.MISSING,
            owner="team-a",
            warnings=("declared and not at the provider: run `reconciler plan`",),
        ),
        row(
            "agents-eu",
            account="wallet",
            used=1250.75,
            total="unlimited",
            owner="platform",
            expires="never",
            pace=pace(31.2, days=40, basis=Basis.LIFETIME),
            more={"total_units": "unlimited"},
        ),
        row(
            "agents-us",
            account="wallet",
            used=12_450.2,
            total=20_000,
            owner="platform",
            expires="2026-03-10T12:00:00Z",
            days_left=9,
            pace=pace(118),
            used_up=NOW + timedelta(days=63),
            custody=Custody.NOT_HELD,
            warnings=("it expires in 9 days", "its secret is not in every sink: run `reconciler plan`"),
        ),
        row(
            "old-import",
            account="wallet",
            standing=Standing.UNDECLARED,
            custody=None,
            used=0,
            total=5,
            expires="2026-02-01T00:00:00Z",
            days_left=-29,
            warnings=("it has expired",),
        ),
    )
    return StatusTable(
        rows=rows,
        accounts=("reseller", "wallet"),
        unread=(
            Unread(account="backup", message="the token is refused; set it again", code=ExitCode.CREDENTIALS),
        ),
        notes=("wallet: 2 keys are marked as expired or used up and are neither any more",),
        generated_at=NOW,
        tool="reconciler 0.1.0",
    )


def hostile_table() -> StatusTable:
    """Return keys, owners, messages and notes of somebody who would like to be more than a name."""
    rows = tuple(
        row(text, account="reseller", remote_id=str(number), owner=text, used=1, total=2, warnings=(text,))
        for number, text in enumerate(HOSTILE)
    )
    return StatusTable(
        rows=rows,
        accounts=("reseller",),
        unread=tuple(Unread(account=text, message=text, code=ExitCode.ERROR) for text in HOSTILE),
        notes=HOSTILE,
        generated_at=NOW,
        tool="reconciler 0.1.0",
    )


def empty_table() -> StatusTable:
    """Return a table without a key."""
    return StatusTable(
        rows=(), accounts=("reseller",), unread=(), notes=(), generated_at=NOW, tool="reconciler 0.1.0"
    )
