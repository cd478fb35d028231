"""Plans and reports with something in every field."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Final

from reconciler.core.allowance import Allowance
from reconciler.core.model import Delivery, Receipt, SafetyLimits, SourceMark
from reconciler.core.plan import (
    Action,
    Funds,
    Operation,
    Plan,
    PlanMeta,
    PlannedAccount,
    Reason,
    Scope,
    Undeclared,
)
from reconciler.core.report import Outcome, Report, Status
from reconciler.core.spending import Basis, Outlook, Pace

NOW: Final = datetime(2026, 3, 1, 12, 0, 5, 123456, tzinfo=UTC)
USD: Final = 1_000_000
DIGEST: Final = "sha256:" + "0" * 64

ACTIONS: Final = (
    Action(
        op=Operation.CREATE,
        account="main",
        name="a",
        incarnation="team/a~2.3",
        generation=2,
        attempt=3,
        remote_id=None,
        reason=Reason.NEW,
        after={
            "enabled": True,
            "limits.daily_usd": 2_500_000,
            "limits.total_usd": "unlimited",
            "limits.concurrency": 5,
            "models": ("a", "b"),
            "expires": "2027-01-01T00:00:00Z",
            "group": "vip",
            "partner.note": 3,
        },
        deliver=(Delivery(sink="local", name="A", takeover=True),),
        requests=4,
        mark=SourceMark(file="keys/a.yaml", line=3, column=5),
    ),
    Action(
        op=Operation.UPDATE,
        account="main",
        name="b",
        incarnation="team/b",
        remote_id="17",
        reason=Reason.DRIFT,
        note="look",
        before={"limits.total_usd": 100 * USD, "allow_ips": "any"},
        after={"limits.total_usd": 5 * USD, "allow_ips": ("10.0.0.1",)},
        protected=True,
        requests=2,
        used_micro_usd=7_250_000,
        outlook=Outlook(
            pace=Pace(
                micro_usd_per_day=1_500_000,
                basis=Basis.SINCE,
                start=NOW - timedelta(days=7),
                span=timedelta(days=7),
            ),
            before=NOW + timedelta(days=60),
            after=None,
        ),
    ),
)
PLAN: Final = Plan(
    accounts=(
        PlannedAccount(label="main", provider="partner", origin="https://api.example", namespace="team"),
    ),
    scope=Scope(accounts=("main",), keys=("a*",)),
    actions=ACTIONS,
    limits=SafetyLimits(max_creates=None, max_increase_usd=12_500_000, require=("total_usd",)),
    settings_digest=DIGEST,
    declarations_digest=DIGEST,
    existing=12,
    allow=Allowance(
        creates=40,
        disables=5,
        deletes=1,
        change_percent=60,
        increase_usd=5_500_000,
        until=date(2026, 12, 1),
        reason="three new teams",
    ),
    meta=PlanMeta(
        generated_at=NOW,
        tool="reconciler 0.1.0",
        unchanged=3,
        undeclared=(Undeclared(account="main", incarnation="team/x", remote_id="9", enabled=True),),
        warnings=("slow",),
        refused=("keys/a.yaml:3:5: main/a: no owner",),
        funds=(
            Funds(account="main", balance_micro_usd=-USD, spendable_micro_usd=2 * USD, unbounded=1),
            Funds(account="other", balance_micro_usd=USD, spendable_micro_usd=0, unbounded=0),
        ),
        eta=timedelta(minutes=5),
        reading=3,
    ),
)
REPORT: Final = Report(
    digest=DIGEST,
    outcomes=(
        Outcome(
            action=ACTIONS[0],
            status=Status.DONE,
            remote_id="18",
            receipts=(
                (
                    "local/A",
                    Receipt(
                        origin="https://api.example",
                        address="main/a",
                        remote_id="18",
                        generation=2,
                        attempt=3,
                        delivered_at=NOW,
                    ),
                ),
            ),
            warnings=("hm",),
        ),
        Outcome(
            action=ACTIONS[1], status=Status.DEFERRED, message="later", retry_at=NOW.replace(microsecond=0)
        ),
    ),
    started_at=NOW,
    finished_at=NOW,
)
