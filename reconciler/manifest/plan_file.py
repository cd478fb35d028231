"""A saved plan, read back from a file that somebody may have changed."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from pydantic import ValidationError

from reconciler.core.allowance import Allowance
from reconciler.core.fields import from_document, money
from reconciler.core.model import Delivery, SafetyLimits, SourceMark
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
from reconciler.core.plan_document import FORMAT, digest, sha256
from reconciler.core.spending import Basis, Outlook, Pace
from reconciler.errors import StalePlanError
from reconciler.manifest.json_file import JsonFile
from reconciler.manifest.wire_plan import PLAN_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.manifest.wire_plan import (
        ActionRow,
        AllowRow,
        FactRow,
        FundsRow,
        MetaRow,
        OutlookRow,
        PlanBody,
        PlanFile,
    )

_REMEDY: Final = "make a new one with `reconciler plan -o`"


def read_plan(path: Path) -> Plan:
    """Return the plan that a file holds.

    What stands beside the digest (`meta`) comes back as it is written and proves nothing: whoever can
    write the file can change it without a trace.

    Args:
        path: of the file, at most 64 MiB.

    Raises:
        UsageError: when there is no readable plan of this format in the file.
        StalePlanError: when the plan is not the one that its digest was made of.
    """
    file = JsonFile(path=path, what="a plan", format=FORMAT, remedy=_REMEDY)
    document = file.read()
    try:
        wire = PLAN_FILE.validate_python(document)
        plan = _plan(wire)
    except (ValidationError, ValueError, OverflowError):
        # Pydantic's sentences are for programmers, and the file is written by a program.
        file.refuse_form()
    if not sha256(document["plan"]) == wire.digest == digest(plan):
        msg = f"{file.shown} was changed after its digest was made; {_REMEDY} and have it reviewed"
        raise StalePlanError(msg)
    return plan


def _plan(wire: PlanFile) -> Plan:
    body = wire.plan
    rows = zip(body.actions, wire.meta.facts, strict=True)
    return Plan(
        accounts=tuple(
            PlannedAccount(label=row.label, provider=row.provider, origin=row.origin, namespace=row.namespace)
            for row in body.accounts
        ),
        scope=Scope(accounts=tuple(body.scope.accounts), keys=tuple(body.scope.keys)),
        actions=tuple(_action(row, fact) for row, fact in rows),
        limits=_limits(body),
        settings_digest=body.settings_digest,
        declarations_digest=body.declarations_digest,
        existing=body.existing,
        allow=None if body.allow is None else _allowance(body.allow),
        meta=_meta(wire.meta),
    )


def _limits(body: PlanBody) -> SafetyLimits:
    row = body.safety
    increase = row.max_increase_usd
    return SafetyLimits(
        max_creates=row.max_creates,
        max_disables=row.max_disables,
        max_deletes=row.max_deletes,
        max_change_percent=row.max_change_percent,
        max_increase_usd=None if increase is None else money(increase),
        require=tuple(row.require),
        protected=tuple(row.protected),
    )


def _allowance(row: AllowRow) -> Allowance:
    increase = row.increase_usd
    return Allowance(
        creates=row.creates,
        disables=row.disables,
        deletes=row.deletes,
        change_percent=row.change_percent,
        increase_usd=None if increase is None else money(increase),
        until=date.fromisoformat(row.until),
        reason=row.reason,
    )


def _action(row: ActionRow, fact: FactRow) -> Action:
    place, used = fact.declared_at, fact.used_usd
    return Action(
        op=Operation(row.op),
        account=row.account,
        name=row.name,
        incarnation=row.incarnation,
        generation=row.generation,
        attempt=row.attempt,
        remote_id=row.remote_id,
        reason=Reason[row.reason.upper()],
        note=row.note,
        before=None if row.before is None else from_document(row.before),
        after=None if row.after is None else from_document(row.after),
        deliver=tuple(
            Delivery(sink=entry.sink, name=entry.name, takeover=entry.takeover) for entry in row.deliver
        ),
        protected=row.protected,
        requests=fact.requests,
        mark=None if place is None else SourceMark(file=place.file, line=place.line, column=place.column),
        used_micro_usd=None if used is None else money(used),
        outlook=None if fact.outlook is None else _outlook(fact.outlook),
    )


def _outlook(row: OutlookRow) -> Outlook:
    pace = Pace(
        micro_usd_per_day=money(row.usd_per_day),
        basis=Basis(row.source),
        start=datetime.fromisoformat(row.start),
        span=timedelta(seconds=row.span_seconds),
    )
    found = Outlook(pace=pace, before=_moment(row.used_up_before), after=_moment(row.used_up_after))
    # Raises where the end of the span is outside of the calendar, so that no page does.
    _ = found.now
    return found


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _funds(row: FundsRow) -> Funds:
    return Funds(
        account=row.account,
        balance_micro_usd=_change(row.balance_usd),
        spendable_micro_usd=money(row.spendable_usd),
        unbounded=row.unbounded,
    )


def _change(text: str) -> int:
    return -money(text[1:]) if text.startswith("-") else money(text)


def _meta(row: MetaRow) -> PlanMeta:
    return PlanMeta(
        generated_at=datetime.fromisoformat(row.generated_at),
        tool=row.tool,
        unchanged=row.unchanged,
        undeclared=tuple(
            Undeclared(
                account=item.account,
                incarnation=item.incarnation,
                remote_id=item.remote_id,
                enabled=item.enabled,
            )
            for item in row.undeclared
        ),
        warnings=tuple(row.warnings),
        eta=timedelta(seconds=row.eta_seconds),
        reading=row.reading_requests,
        refused=tuple(row.policy),
        funds=tuple(_funds(item) for item in row.funds),
    )
