"""The plan as JSON data, and the digest that a reviewer approves."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.allowance import allowance_document
from reconciler.core.fields import TOTAL_USD, money_text, to_document, value_text
from reconciler.core.safety import protections, violations

if TYPE_CHECKING:
    from reconciler.core.fields import Spec, Value
    from reconciler.core.model import Delivery, SafetyLimits
    from reconciler.core.plan import Action, Plan, PlanMeta
    from reconciler.core.spending import Outlook

FORMAT: Final = "1.0"


def canonical(document: object) -> bytes:
    """Return the one byte string for some JSON data: sorted keys, no spaces, ASCII (after RFC 8785)."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sha256(document: object) -> str:
    """Return `sha256:` and the hex digest of the canonical form of some JSON data."""
    return f"sha256:{hashlib.sha256(canonical(document)).hexdigest()}"


def digest(plan: Plan) -> str:
    """Return the digest over what is done and where; spend, time and tool version are outside it."""
    return sha256(plan_body(plan))


def fingerprint(spec: Spec | None) -> str | None:
    """Return the digest of some managed fields; None where there is no row."""
    return None if spec is None else sha256(to_document(spec))


def plan_document(plan: Plan) -> dict[str, Any]:
    """Return the whole plan file as JSON data (schemas/plan.v1.json)."""
    return {"format": FORMAT, "digest": digest(plan), "plan": plan_body(plan), "meta": _meta(plan)}


def plan_body(plan: Plan) -> dict[str, Any]:
    """Return the part of a plan file that the digest covers."""
    return {
        "accounts": [
            {
                "label": account.label,
                "provider": account.provider,
                "origin": account.origin,
                "namespace": account.namespace,
            }
            for account in plan.accounts
        ],
        "scope": {"accounts": list(plan.scope.accounts), "keys": list(plan.scope.keys)},
        "settings_digest": plan.settings_digest,
        "declarations_digest": plan.declarations_digest,
        "safety": safety_document(plan.limits),
        # Left out where nothing is allowed, so that a plan without it keeps its digest.
        **({"allow": allowance_document(plan.allow)} if plan.allow else {}),
        "existing": plan.existing,
        "actions": [action_document(action) for action in plan.actions],
    }


def safety_document(limits: SafetyLimits) -> dict[str, Any]:
    """Return safety limits as JSON data, money as a decimal string."""
    increase = limits.max_increase_usd
    return {
        "max_creates": limits.max_creates,
        "max_disables": limits.max_disables,
        "max_deletes": limits.max_deletes,
        "max_change_percent": limits.max_change_percent,
        "max_increase_usd": None if increase is None else money_text(increase),
        "require": list(limits.require),
        "protected": list(limits.protected),
    }


def action_document(action: Action) -> dict[str, Any]:
    """Return one action as JSON data (schemas/plan.v1.json)."""
    return {
        "op": action.op.value,
        "address": action.address,
        "account": action.account,
        "name": action.name,
        "incarnation": action.incarnation,
        "generation": action.generation,
        "attempt": action.attempt,
        "remote_id": action.remote_id,
        "reason": action.reason.name.lower(),
        "note": action.note,
        "direction": action.direction.value,
        "before": None if action.before is None else to_document(action.before),
        "before_fp": fingerprint(action.before),
        "after": None if action.after is None else to_document(action.after),
        "after_fp": fingerprint(action.after),
        "deliver": [_delivery(delivery) for delivery in action.deliver],
        "protected": action.protected,
    }


def _delivery(delivery: Delivery) -> dict[str, Any]:
    return {"sink": delivery.sink, "name": delivery.name, "takeover": delivery.takeover}


def _meta(plan: Plan) -> dict[str, Any]:
    meta: PlanMeta = plan.meta
    return {
        "generated_at": meta.generated_at.isoformat(),
        "tool": meta.tool,
        "unchanged": meta.unchanged,
        "undeclared": [
            {
                "account": item.account,
                "incarnation": item.incarnation,
                "remote_id": item.remote_id,
                "enabled": item.enabled,
            }
            for item in meta.undeclared
        ],
        "warnings": list(meta.warnings),
        "eta_seconds": int(meta.eta.total_seconds()),
        "requests": sum(action.requests for action in plan.actions),
        "reading_requests": meta.reading,
        "exposure_usd": money_text(plan.exposure_micro_usd),
        "unbounded": len(plan.unbounded),
        "daily_exposure_usd": money_text(plan.daily_exposure_micro_usd),
        "funds": [
            {
                "account": item.account,
                "balance_usd": money_text(item.balance_micro_usd),
                "spendable_usd": money_text(item.spendable_micro_usd),
                "unbounded": item.unbounded,
            }
            for item in meta.funds
        ],
        "violations": [*violations(plan), *protections(plan)],
        "policy": list(meta.refused),
        "facts": [_facts(action) for action in plan.actions],
    }


def _cap(value: Value | None) -> str | None:
    return value_text(TOTAL_USD, value) if value is not None else None


def _outlook(outlook: Outlook) -> dict[str, Any]:
    pace = outlook.pace
    return {
        "usd_per_day": money_text(pace.micro_usd_per_day),
        "source": pace.basis.value,
        "start": pace.start.isoformat(),
        "span_seconds": int(pace.span.total_seconds()),
        "used_up_before": None if outlook.before is None else outlook.before.isoformat(),
        "used_up_after": None if outlook.after is None else outlook.after.isoformat(),
    }


def _facts(action: Action) -> dict[str, Any]:
    """Return what stands beside one action, in the order of the actions."""
    increase, used, mark = action.increase_micro_usd, action.used_micro_usd, action.mark
    return {
        "address": action.address,
        "used_usd": None if used is None else money_text(used),
        "old_cap_usd": _cap(action.cap_before),
        "new_cap_usd": _cap(action.cap_after),
        "increase_usd": None if increase is None else money_text(increase),
        "cuts_off": action.cuts_off,
        "outlook": None if action.outlook is None else _outlook(action.outlook),
        "requests": action.requests,
        "declared_at": None
        if mark is None
        else {"file": mark.file, "line": mark.line, "column": mark.column},
    }
