"""What a plan says to its reviewer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.core.allowance import RAISED, allowance_document
from reconciler.core.fields import UNLIMITED, Direction, Kind, kind_of, money_text, value_text
from reconciler.core.plan import Operation
from reconciler.core.plan_document import digest
from reconciler.core.safety import protection, violations
from reconciler.render.view import (
    TEXT_LIMIT,
    Detail,
    Group,
    Notice,
    Row,
    Span,
    Tone,
    View,
    Weight,
    counted,
    duration_text,
    foreign,
    joined,
    own,
)

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.allowance import Allowance
    from reconciler.core.fields import FieldChange, Value
    from reconciler.core.model import Delivery
    from reconciler.core.plan import Action, Funds, Plan, PlannedAccount, Scope, Undeclared
    from reconciler.core.spending import Outlook
    from reconciler.render.view import Line

SYMBOLS: Final = {
    Operation.CREATE: ("+", Tone.GOOD),
    Operation.UPDATE: ("~", Tone.CHANGE),
    Operation.ENABLE: ("↑", Tone.GOOD),
    Operation.DISABLE: ("↓", Tone.DANGER),
    Operation.DELIVER: ("»", Tone.CHANGE),
    Operation.ROTATE: ("↻", Tone.CHANGE),
    Operation.RETIRE: ("↓", Tone.DANGER),
    Operation.DELETE: ("-", Tone.DANGER),
    Operation.ADOPT: ("=", Tone.CHANGE),
    Operation.BLOCKED: ("!", Tone.DANGER),
}

_RED: Final = frozenset({Operation.DISABLE, Operation.RETIRE, Operation.DELETE, Operation.BLOCKED})
_ALWAYS_COUNTED: Final = (Operation.CREATE, Operation.UPDATE, Operation.DISABLE)
_COUNTED: Final = (
    Operation.CREATE,
    Operation.ROTATE,
    Operation.UPDATE,
    Operation.ENABLE,
    Operation.ADOPT,
    Operation.DELIVER,
    Operation.DISABLE,
    Operation.RETIRE,
    Operation.DELETE,
)


def plan_view(plan: Plan) -> View:
    """Return what a plan says; one without work says little more than that."""
    refused = (*plan.meta.refused, *violations(plan))
    blocked = tuple(_row(action) for action in plan.blocked)
    groups = [Group(title="", tone=Tone.PLAIN, rows=tuple(_row(action) for action in plan.work))]
    if blocked:
        title = f"Blocked: {counted(len(blocked), 'key waits', 'keys wait')} for a person"
        groups.append(Group(title=title, tone=Tone.DANGER, rows=blocked))
    return View(
        title=f"Plan for {counted(len(plan.accounts), 'account')}" if plan.actions else "",
        places=_places(plan),
        groups=tuple(group for group in groups if group.rows),
        notices=_notices(plan),
        verdict=_verdict(plan, refused=bool(refused)),
        footer=_footer(plan) if plan.work else (),
        hint=_hint(plan.scope, refused=bool(refused)) if plan.work else (),
        digest=digest(plan) if plan.work else "",
        stamp=f"{plan.meta.generated_at.isoformat(timespec='seconds')} by {plan.meta.tool}",
    )


def _places(plan: Plan) -> tuple[Line, ...]:
    places = [_place(account) for account in plan.accounts] if plan.actions else []
    parts = [("accounts", plan.scope.accounts), ("keys", plan.scope.keys)]
    for word, names in parts:
        if names:
            places.append((own(f"only {word} "), *joined([foreign(name) for name in names])))
    return tuple(places)


def _place(account: PlannedAccount) -> Line:
    place = (foreign(account.label, Tone.STRONG), own(": "), foreign(account.provider), own(" at "))
    names = (own(", names "), foreign(f"{account.namespace}/…")) if account.namespace else ()
    return (*place, foreign(account.origin), *names)


def _row(action: Action) -> Row:
    symbol, tone = SYMBOLS[action.op]
    return Row(
        symbol=symbol,
        verb=action.op.value,
        subject=foreign(action.address).text,
        tone=tone,
        red=action.op in _RED or action.cuts_off or protection(action) is not None,
        marks=tuple(_marks(action)),
        details=(*_alerts(action), *_changes(action), *_vital(action), *_context(action)),
    )


def _marks(action: Action) -> list[Line]:
    marks: list[Line] = []
    direction = action.direction
    if direction is Direction.WIDENS and action.op is not Operation.CREATE:
        marks.append((own("widens", Tone.WARN),))
    if direction is Direction.NARROWS and action.op is Operation.UPDATE:
        marks.append((own("narrows", Tone.QUIET),))
    if action.protected:
        marks.append((own("protected", Tone.STRONG),))
    return marks


def _alerts(action: Action) -> list[Detail]:
    alerts = []
    if refused := protection(action):
        alerts.append(
            _vital_detail("refused", (foreign(refused, Tone.DANGER, limit=TEXT_LIMIT),), Tone.DANGER)
        )
    if action.cuts_off:
        text = "the new lifetime cap is below what the key has spent"
        alerts.append(_vital_detail("cuts the key off", (own(text, Tone.DANGER),), Tone.DANGER))
    if action.increase_micro_usd is None:
        text = "the lifetime cap is lifted" if action.before else "the key is minted without a lifetime cap"
        alerts.append(_vital_detail("unbounded", (own(text, Tone.WARN),), Tone.WARN))
    return alerts


def _changes(action: Action) -> list[Detail]:
    values: dict[str, Line]
    if action.before is None:
        values = {name: (_value(name, value),) for name, value in sorted((action.after or {}).items())}
    else:
        values = {change.name: _change(change) for change in action.changes}
    return [
        Detail(label=foreign(name).text, value=value, weight=Weight.CHANGE) for name, value in values.items()
    ]


def _value(name: str, value: Value | None) -> Span:
    return foreign(value_text(name, value), limit=TEXT_LIMIT)


def _change(change: FieldChange) -> Line:
    is_set = kind_of(change.name) is Kind.NAMES
    if is_set and isinstance(change.before, tuple) and isinstance(change.after, tuple):
        added = [foreign(f"+{name}", Tone.WARN) for name in sorted({*change.after} - {*change.before})]
        removed = [foreign(f"-{name}") for name in sorted({*change.before} - {*change.after})]
        return (*joined(added + removed), own(f"; {len(change.after)} in all"))
    return (_value(change.name, change.before), own(" → "), _value(change.name, change.after))


def _vital(action: Action) -> list[Detail]:
    details = [_vital_detail("secret to", _delivery(delivery)) for delivery in action.deliver]
    if action.note:
        tone = Tone.DANGER if action.op is Operation.BLOCKED else Tone.PLAIN
        label = "what to do" if action.op is Operation.BLOCKED else "note"
        details.append(_vital_detail(label, (foreign(action.note, tone, limit=TEXT_LIMIT),), tone))
    return details


def _vital_detail(label: str, value: Line, tone: Tone = Tone.PLAIN) -> Detail:
    return Detail(label=label, value=value, weight=Weight.VITAL, tone=tone)


def _delivery(delivery: Delivery) -> Line:
    entry = foreign(f"{delivery.sink}/{delivery.name}", Tone.STRONG)
    if not delivery.takeover:
        return (entry,)
    return (entry, own(", replacing what somebody else wrote there", Tone.WARN))


def _context(action: Action) -> list[Detail]:
    facts = [("because", (own(action.reason.value),)), ("remote key", _remote(action))]
    if money := _money(action):
        facts.append(("money", (own(money, Tone.DANGER if action.cuts_off else Tone.PLAIN),)))
    if action.outlook:
        facts.append(("pace", (own(_pace(action, action.outlook)),)))
    if mark := action.mark:
        facts.append(("declared at", (foreign(f"{mark.file}:{mark.line}", limit=TEXT_LIMIT),)))
    return [Detail(label=label, value=value, weight=Weight.CONTEXT) for label, value in facts]


def _remote(action: Action) -> Line:
    name = foreign(action.incarnation)
    return (name, own(", id "), foreign(action.remote_id)) if action.remote_id else (name, own(", no id yet"))


def _money(action: Action) -> str:
    """Return the spend so far, the lifetime cap, old and new, and what the action adds to the exposure."""
    old, new, used = action.cap_before, action.cap_after, action.used_micro_usd
    parts = [] if used is None else [f"used {money_text(used)} USD"]
    if old is not None and new is not None and old != new:
        parts.append(f"lifetime cap {_cap(old)} → {_cap(new)}")
    elif (cap := old if new is None else new) is not None:
        parts.append(f"lifetime cap {_cap(cap)}")
    change = action.increase_micro_usd
    if change:
        parts.append(f"exposure {_signed(change)} USD")
    elif change is None:
        parts.append("exposure without a bound")
    return ", ".join(parts)


def _pace(action: Action, outlook: Outlook) -> str:
    """Return how fast the key spends, and until when its cap lasts before and after the action."""
    if action.cap_before is None and action.cap_after is None:
        return outlook.pace.text
    before, after = (_until(moment, outlook) for moment in (outlook.before, outlook.after))
    lasts = f"the cap lasts {before}" if before == after else f"the cap lasts {after} instead of {before}"
    return f"{outlook.pace.text}: {lasts}"


def _until(moment: datetime | None, outlook: Outlook) -> str:
    if moment is None:
        return "for years"
    return "no longer" if moment <= outlook.now else f"until {moment:%Y-%m-%d}"


def _signed(micro_usd: int) -> str:
    return f"{'+' if micro_usd > 0 else ''}{money_text(micro_usd)}"


def _cap(value: Value) -> str:
    return f"{money_text(value)} USD" if isinstance(value, int) else UNLIMITED


def _notices(plan: Plan) -> tuple[Notice, ...]:
    undeclared = tuple(_undeclared(item) for item in plan.meta.undeclared)
    warnings = tuple((foreign(text, limit=TEXT_LIMIT),) for text in plan.meta.warnings)
    violated, policy = (
        tuple((foreign(text, Tone.DANGER, limit=TEXT_LIMIT),) for text in texts)
        for texts in (violations(plan), plan.meta.refused)
    )
    allowed = () if plan.allow is None else _allowed(plan.allow)
    notices = (
        Notice(title="Safety limits raised for a while", tone=Tone.WARN, items=allowed),
        Notice(title="Governed keys that no file declares", tone=Tone.WARN, items=undeclared),
        Notice(title="Warnings", tone=Tone.WARN, items=warnings),
        Notice(title="Refused by the safety limits", tone=Tone.DANGER, items=violated),
        Notice(title="Refused by the policy", tone=Tone.DANGER, items=policy),
    )
    return tuple(notice for notice in notices if notice.items)


def _allowed(allow: Allowance) -> tuple[Line, ...]:
    raised = allowance_document(allow)
    amounts = [f"{field} {raised[name]}" for name, field in RAISED.items() if name in raised]
    until = own(f"{', '.join(amounts)}, to the end of {allow.until.isoformat()} (UTC)", Tone.STRONG)
    return ((until, own(", because: "), foreign(allow.reason, limit=TEXT_LIMIT)),)


def _undeclared(item: Undeclared) -> Line:
    name = foreign(f"{item.account}/{item.incarnation}")
    state = own(", enabled" if item.enabled else ", disabled")
    return (name, own(", id "), foreign(item.remote_id), state)


def _verdict(plan: Plan, *, refused: bool) -> Span:
    unchanged, waiting = plan.meta.unchanged, len(plan.blocked)
    as_declared = f"{counted(unchanged, 'key is', 'keys are')} as declared." if unchanged else ""
    if not plan.actions:
        nothing = "No key is declared." if not plan.scope.keys else "No declared key is in this scope."
        return own(f"No changes. {as_declared or nothing}", Tone.GOOD)
    if not plan.work:
        text = f"Nothing can be applied: {counted(waiting, 'key is', 'keys are')} blocked. {as_declared}"
        return own(text.rstrip(), Tone.DANGER)
    found = Counter(action.op for action in plan.work)
    parts = [f"{found[op]} to {op.value}" for op in _COUNTED if found[op] or op in _ALWAYS_COUNTED]
    parts += [f"{waiting} blocked"] if waiting else []
    tone = Tone.DANGER if refused else Tone.STRONG
    return own(f"Plan: {', '.join(parts)}; {unchanged} unchanged.", tone)


def _footer(plan: Plan) -> tuple[Detail, ...]:
    requests, eta, reading = sum(action.requests for action in plan.work), plan.meta.eta, plan.meta.reading
    waiting = f"about {duration_text(eta)} under the rate limits" if eta else "no waiting for rate limits"
    facts = (
        ("Exposure", (_exposure(plan),)),
        *(("Balance", _balance(funds)) for funds in plan.meta.funds),
        ("Requests", (own(f"at most {requests} after {reading} to read everything again, {waiting}"),)),
    )
    return tuple(Detail(label=label, value=value, weight=Weight.VITAL) for label, value in facts)


def _exposure(plan: Plan) -> Span:
    total, unbounded = plan.exposure_micro_usd, len(plan.unbounded)
    change = f"{_signed(total)} USD"
    daily = plan.daily_exposure_micro_usd
    a_day = f", {_signed(daily)} USD a day in daily caps" if daily else ""
    if unbounded:
        rest = f"; the others change by {change}" if total else ""
        return own(f"unbounded: {counted(unbounded, 'key')} without a lifetime cap{rest}{a_day}", Tone.WARN)
    return own(f"{change if total else 'no change'} in lifetime caps{a_day}")


def _balance(funds: Funds) -> Line:
    held = f" holds {money_text(funds.balance_micro_usd)} USD"
    keys = f"its keys can still spend {money_text(funds.spendable_micro_usd)} USD by their lifetime caps"
    more = f", and {counted(funds.unbounded, 'key has', 'keys have')} none" if funds.unbounded else ""
    words = own(f"{held}; {keys}{more}", Tone.WARN if funds.short else Tone.PLAIN)
    return (foreign(funds.account), words)


def _hint(scope: Scope, *, refused: bool) -> Line:
    if refused:
        return (own("An apply refuses this plan as it stands.", Tone.DANGER),)
    if scope.accounts or scope.keys:
        start, file = "To apply exactly this, save it with -o plan.json, then: ", " plan.json"
    else:
        start, file = "To apply exactly this: ", ""
    command = f"reconciler apply{file} --expect-digest DIGEST"
    return (own(start), Span(text=command, tone=Tone.STRONG, code=True))
