"""Plans and reports that show everything a renderer has to deal with."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

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
    in_order,
)
from reconciler.core.plan_document import digest
from reconciler.core.report import Outcome, Report, Status
from reconciler.core.sanitize import sanitize
from reconciler.core.spending import Basis, Outlook, Pace

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.core.fields import Spec
    from reconciler.errors import ExitCode

NOW: Final = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
USD: Final = 1_000_000

HOSTILE: Final = (
    "\x1b[31mred\x1b[0m",
    "\x1b]8;;https://evil.example\x07click\x1b]8;;\x07",
    "\u202egnp.exe\u2066",
    "::stop-commands::x",
    "x\n::set-env name=A::b",
    "##[error]boom",
    "a|b\\|c\\",
    "`` ` ```code",
    "<script>alert(1)</script>",
    "</code></details><img src=x onerror=alert(1)>",
    "![img](https://evil.example/x.png) [link](javascript:alert(1))",
    "@everyone #123 https://evil.example",
    "[bold red]markup[/] :boom:",
    "&lt;b&gt; \"quoted\" 'single'",
    "zero\u200bwidth\u00ad",
    "   ",
    "",
)
"""Names and messages of somebody who would like to be more than a name."""


def action(op: Operation, name: str, reason: Reason = Reason.NEW, **values: object) -> Action:
    """Return an action with everything that is not given filled in."""
    filled: dict[str, object] = {
        "account": "reseller",
        "incarnation": f"team-a/{name}",
        "remote_id": None if op is Operation.CREATE else str(100 + len(name)),
        "mark": SourceMark(file="keys/team.yaml", line=10 + len(name), column=3),
        "requests": 0 if op is Operation.BLOCKED else 4,
    }
    return Action(op=op, name=name, reason=reason, **(filled | values))  # type: ignore[arg-type]  # a test's fill-in


def limits(**values: int | str) -> Spec:
    """Return a spec of limits; whole numbers of a money field are USD."""
    return {
        f"limits.{name}": value * USD if name.endswith("usd") and isinstance(value, int) else value
        for name, value in values.items()
    }


CREATE = action(
    Operation.CREATE,
    "client-a",
    after={"enabled": True, **limits(daily_usd=10, total_usd=100, concurrency=5)},
    deliver=(
        Delivery(sink="app", name="CLIENT_A_KEY"),
        Delivery(sink="local", name="CLIENT_A", takeover=True),
    ),
)
UNBOUNDED = action(
    Operation.CREATE,
    "free",
    after={"enabled": True, **limits(total_usd="unlimited")},
    deliver=(Delivery(sink="local", name="FREE"),),
)
NARROWED = action(
    Operation.UPDATE,
    "client-b",
    Reason.DRIFT,
    before=limits(daily_usd=10, total_usd=100),
    after=limits(daily_usd=5, total_usd=80),
    used_micro_usd=12_500_000,
    outlook=Outlook(
        pace=Pace(
            micro_usd_per_day=1_250_000,
            basis=Basis.SINCE,
            start=NOW - timedelta(days=7),
            span=timedelta(days=7),
        ),
        before=NOW + timedelta(days=70),
        after=NOW + timedelta(days=54),
    ),
)
WIDENED = action(
    Operation.UPDATE,
    "client-c",
    Reason.DRIFT,
    before={"models": ("gpt-4", "gpt-5"), "expires": "2026-06-01T00:00:00Z", **limits(total_usd=100)},
    after={"models": ("claude-5", "gpt-5"), "expires": "never", **limits(total_usd=250)},
    used_micro_usd=99_990_000,
)
CUT_OFF = action(
    Operation.UPDATE,
    "spender",
    Reason.DRIFT,
    before=limits(total_usd=100),
    after=limits(total_usd=50),
    used_micro_usd=70 * USD,
    protected=True,
)
ENABLED = action(
    Operation.ENABLE, "back", Reason.TURNED_ON, before={"enabled": False}, after={"enabled": True}
)
DISABLED = action(
    Operation.DISABLE,
    "leaver",
    Reason.TURNED_OFF,
    before={"enabled": True},
    after={"enabled": False},
    used_micro_usd=3 * USD,
)
DELIVERED = action(
    Operation.DELIVER,
    "half-born",
    Reason.UNBORN,
    note="replayed or revealed; failing that it is disabled and the next attempt is minted",
    before=limits(daily_usd=1),
    after=limits(daily_usd=10),
    deliver=(Delivery(sink="app", name="HALF_BORN"),),
)
ROTATED = action(
    Operation.ROTATE,
    "roller",
    Reason.GENERATION,
    incarnation="team-a/roller~2",
    generation=2,
    remote_id=None,
    after=limits(daily_usd=10, total_usd=100),
    deliver=(Delivery(sink="app", name="ROLLER"),),
)
RETIRED = action(
    Operation.RETIRE, "old-roller", Reason.OVERLAP_OVER, before={"enabled": True}, after={"enabled": False}
)
DELETED = action(
    Operation.DELETE, "gone", Reason.ABSENT, before={"enabled": True}, mark=None, used_micro_usd=0
)
ADOPTED = action(Operation.ADOPT, "adoptee", Reason.RENAMED, remote_id="77")
BLOCKED = action(
    Operation.BLOCKED,
    "in-use",
    Reason.CUSTODY,
    note="somebody may be using it and qcode-partner shows no secret twice; raise `generation` to rotate it, "
    "`adopt` its id to manage limits only, or drop `deliver`",
    used_micro_usd=41 * USD,
)

EVERY_KIND: Final = (
    CREATE,
    UNBOUNDED,
    NARROWED,
    WIDENED,
    CUT_OFF,
    ENABLED,
    DISABLED,
    DELIVERED,
    ROTATED,
    RETIRED,
    DELETED,
    ADOPTED,
    BLOCKED,
)


def plan(actions: Iterable[Action] = (), *, scope: Scope | None = None, **meta: object) -> Plan:
    """Return a plan for one account; `meta` replaces what stands beside it."""
    beside = PlanMeta(
        generated_at=NOW,
        tool="reconciler 0.1.0",
        unchanged=3,
        undeclared=(),
        warnings=(),
        eta=timedelta(0),
        reading=2,
    )
    return Plan(
        accounts=(
            PlannedAccount(
                label="reseller",
                provider="qcode-partner",
                origin="https://api.r.qcode.cc",
                namespace="team-a",
            ),
        ),
        scope=scope or Scope(),
        actions=in_order(list(actions)),
        limits=SafetyLimits(max_deletes=None),
        settings_digest="sha256:5e77",
        declarations_digest="sha256:dec1",
        existing=5,
        meta=replace(beside, **meta),  # type: ignore[arg-type]  # the caller names fields of PlanMeta
    )


def allowed_plan() -> Plan:
    """Return a plan whose safety limits were raised for a while, with a reason that would like to be more."""
    allow = Allowance(
        disables=5, increase_usd=5_500 * USD, until=date(2026, 12, 1), reason="team b moves; see @ops **now**"
    )
    raised = SafetyLimits(max_deletes=None, max_disables=5, max_increase_usd=5_500 * USD)
    return replace(plan(four_disables()), limits=raised, allow=allow)


def rich_plan() -> Plan:
    """Return a plan with every operation, a violation, a warning and undeclared keys."""
    return plan(
        EVERY_KIND,
        eta=timedelta(hours=1, minutes=2, seconds=0.4),
        undeclared=(
            Undeclared(account="reseller", incarnation="team-a/stray", remote_id="9", enabled=True),
            Undeclared(account="reseller", incarnation="team-a/old", remote_id="8", enabled=False),
        ),
        warnings=("reseller/free declares no limits.daily_usd: it stays at the floor of 1",),
        funds=(
            Funds(
                account="reseller",
                balance_micro_usd=120 * USD,
                spendable_micro_usd=347_500_000,
                unbounded=1,
            ),
        ),
        refused=("keys/team.yaml:20:7: reseller/free: `owner` is missing, and `policy.require` asks for it",),
    )


def modest_plan() -> Plan:
    """Return a plan that is allowed as it stands."""
    return plan((CREATE, NARROWED, WIDENED))


def four_disables() -> list[Action]:
    """Return one more disable than a plan may hold by default."""
    return [replace(DISABLED, name=f"leaver-{number}", remote_id=str(number)) for number in range(4)]


def hostile_plan() -> Plan:
    """Return a plan in which every text that can be foreign is hostile."""
    actions = [
        replace(
            DISABLED if number % 2 else NARROWED,
            name=text,
            incarnation=text,
            remote_id=text,
            note=text,
            mark=SourceMark(file=text, line=1, column=1),
            deliver=(Delivery(sink=text, name=text),),
            before={"group": "x", f"qcode.{text}": text, "models": (text,)},
            after={"group": text, f"qcode.{text}": f"{text}!", "models": ("m", text)},
            protected=True,
        )
        for number, text in enumerate(HOSTILE)
    ]
    return replace(
        plan(
            actions,
            undeclared=tuple(
                Undeclared(account="reseller", incarnation=text, remote_id=text, enabled=True)
                for text in HOSTILE
            ),
            warnings=HOSTILE,
            refused=HOSTILE,
            funds=tuple(
                Funds(account=text, balance_micro_usd=0, spendable_micro_usd=0, unbounded=0)
                for text in HOSTILE
            ),
        ),
        accounts=tuple(
            PlannedAccount(label=text, provider=text, origin=text, namespace=text) for text in HOSTILE
        ),
        scope=Scope(accounts=HOSTILE, keys=HOSTILE),
    )


def receipt() -> Receipt:
    """Return the receipt of `client-a`."""
    return Receipt(
        origin="https://api.r.qcode.cc",
        address="reseller/client-a",
        remote_id="201",
        generation=1,
        attempt=1,
        delivered_at=NOW,
    )


def outcome(item: Action, status: Status, message: str = "", **values: object) -> Outcome:
    """Return how an action ended."""
    return Outcome(action=item, status=status, message=message, **values)  # type: ignore[arg-type]  # see `action`


def report(outcomes: Iterable[Outcome] = (), *, interrupted: ExitCode | None = None) -> Report:
    """Return the report of an apply that took eleven and a half seconds."""
    return Report(
        digest=digest(modest_plan()),
        outcomes=tuple(outcomes),
        started_at=NOW,
        finished_at=NOW + timedelta(seconds=11.5),
        interrupted=interrupted,
    )


def applied_report() -> Report:
    """Return the report of an apply in which all went well."""
    return report(
        (
            outcome(NARROWED, Status.ALREADY),
            outcome(WIDENED, Status.DONE, warnings=("the provider rounds limits to cents",)),
            outcome(
                CREATE,
                Status.DONE,
                remote_id="201",
                receipts=(("app/CLIENT_A_KEY", receipt()), ("local/CLIENT_A", receipt())),
            ),
        )
    )


def rich_report() -> Report:
    """Return a report with every status."""
    return report(
        (
            outcome(CREATE, Status.DONE, remote_id="201", receipts=(("app/CLIENT_A_KEY", receipt()),)),
            outcome(ENABLED, Status.ALREADY),
            outcome(NARROWED, Status.FAILED, "limits.daily_usd did not take: 10 is still there; apply again"),
            outcome(DISABLED, Status.UNKNOWN, "no answer within 30 s; the next run looks before it acts"),
            outcome(WIDENED, Status.STALE, "limits.total_usd is 90 now; make a new plan"),
            outcome(CUT_OFF, Status.REFUSED, "it is protected; remove `protected` first"),
            outcome(BLOCKED, Status.BLOCKED),
            outcome(
                ROTATED, Status.CUSTODY, "app does not confirm ROLLER; the key is disabled", remote_id="202"
            ),
            outcome(DELIVERED, Status.CREDENTIALS, "app refused its token; renew it"),
            outcome(
                UNBOUNDED,
                Status.DEFERRED,
                "5 keys an hour may be created",
                retry_at=NOW + timedelta(hours=1),
            ),
            outcome(RETIRED, Status.NOT_ATTEMPTED),
            outcome(DELETED, Status.NOT_ATTEMPTED),
        )
    )


def hostile_report() -> Report:
    """Return a report in which every text that can be foreign is hostile."""
    statuses = tuple(Status)
    return replace(
        report(
            outcome(
                replace(DISABLED, name=text),
                statuses[number % len(statuses)],
                text,
                remote_id=text,
                receipts=((text, receipt()),),
                warnings=(text,),
            )
            for number, text in enumerate(HOSTILE)
        ),
        digest=HOSTILE[0],
    )


def shown(text: str) -> str:
    """Return how the address of a key of that name is shown in every format."""
    return sanitize(f"reseller/{text}")
