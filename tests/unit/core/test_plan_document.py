"""The plan file and its digest: everything that is reviewed counts, nothing that only moves does."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.allowance import Allowance
from reconciler.core.model import Delivery, SafetyLimits, SourceMark
from reconciler.core.plan import Action, Funds, Operation, Plan, PlannedAccount, Reason, Scope, Undeclared
from reconciler.core.plan_document import (
    canonical,
    digest,
    fingerprint,
    plan_body,
    plan_document,
    safety_document,
    sha256,
)
from reconciler.core.spending import Basis, Outlook, Pace
from tests.unit.core.worlds import NOW, USD, action, plan_of, usd

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTION = action(
    before=usd(total=1),
    after=usd(total=2),
    deliver=(Delivery(sink="local", name="A"),),
    note="note",
    mark=SourceMark(file="keys.yaml", line=1, column=1),
    used_micro_usd=5,
    requests=2,
)
ACCOUNT = PlannedAccount(label="acc", provider="qcode", origin="https://api.example", namespace="team")
PLAN = replace(plan_of(ACTION), accounts=(ACCOUNT,))

OTHER_ACTION: dict[str, Any] = {
    "op": Operation.DELIVER,
    "account": "other",
    "name": "other",
    "incarnation": "other",
    "generation": 2,
    "attempt": 2,
    "remote_id": "2",
    "reason": Reason.CUSTODY,
    "note": "other",
    "before": usd(total=3),
    "after": usd(total=3),
    "deliver": (Delivery(sink="app", name="A"),),
    "protected": True,
}
OTHER_ACCOUNT: dict[str, Any] = {
    "label": "other",
    "provider": "other",
    "origin": "https://api.example:8443",
    "namespace": None,
}
OTHER_LIMITS: dict[str, Any] = {
    "max_creates": 21,
    "max_disables": None,
    "max_deletes": 1,
    "max_change_percent": 31,
    "max_increase_usd": USD,
    "require": ("total_usd",),
    "protected": ("acc/prod-*",),
}
OTHER_PLAN: dict[str, Any] = {
    "scope": Scope(keys=("a*",)),
    "settings_digest": "sha256:other",
    "declarations_digest": "sha256:other",
    "existing": 21,
    "allow": Allowance(disables=5, until=NOW.date(), reason="x"),
    "actions": (),
    "accounts": (),
}
BESIDE_THE_DIGEST = {"mark", "used_micro_usd", "requests", "outlook"}


def _others() -> Iterator[tuple[str, Plan]]:
    for name, value in OTHER_ACTION.items():
        yield f"action {name}", replace(PLAN, actions=(replace(ACTION, **{name: value}),))
    for name, other in OTHER_ACCOUNT.items():
        yield f"account {name}", replace(PLAN, accounts=(replace(ACCOUNT, **{name: other}),))
    for name, value in OTHER_LIMITS.items():
        yield f"safety {name}", replace(PLAN, limits=replace(PLAN.limits, **{name: value}))
    for name, value in OTHER_PLAN.items():
        yield f"plan {name}", replace(PLAN, **{name: value})
    yield "scope accounts", replace(PLAN, scope=Scope(accounts=("acc",)))
    yield "order of actions", replace(PLAN, actions=(replace(ACTION, name="b"), ACTION))
    yield (
        "delivery name",
        replace(PLAN, actions=(replace(ACTION, deliver=(Delivery(sink="local", name="B"),)),)),
    )
    takeover = Delivery(sink="local", name="A", takeover=True)
    yield "takeover", replace(PLAN, actions=(replace(ACTION, deliver=(takeover,)),))
    yield "one field less", replace(PLAN, actions=(replace(ACTION, before={}),))
    yield "no row", replace(PLAN, actions=(replace(ACTION, before=None),))


OTHERS = dict(_others())


@pytest.mark.parametrize("changed", OTHERS)
def test_everything_reviewed_is_in_the_digest(changed: str) -> None:
    """What is done and where it is done cannot be changed under an approved digest."""
    assert digest(OTHERS[changed]) != digest(PLAN)


def test_no_two_of_these_plans_share_a_digest() -> None:
    """Changes in different places do not cancel each other out."""
    assert len({digest(plan) for plan in OTHERS.values()}) == len(OTHERS)


def test_no_part_of_a_plan_was_forgotten_here() -> None:
    """A new field of an action, an account, a limit or a plan has to take a side: digest or beside it."""
    assert {field.name for field in fields(Action)} == OTHER_ACTION.keys() | BESIDE_THE_DIGEST
    assert {field.name for field in fields(PlannedAccount)} == OTHER_ACCOUNT.keys()
    assert {field.name for field in fields(SafetyLimits)} == OTHER_LIMITS.keys()
    assert {field.name for field in fields(Plan)} == OTHER_PLAN.keys() | {"limits", "meta"}


def test_what_only_moves_is_beside_the_digest() -> None:
    """Spend, the clock, the tool, moved lines and warnings leave an approval valid."""
    moved = replace(
        ACTION, mark=SourceMark(file="b.yaml", line=9, column=9), used_micro_usd=10**9, requests=99
    )
    meta = replace(
        PLAN.meta,
        generated_at=NOW + timedelta(days=1),
        tool="reconciler 9",
        unchanged=99,
        warnings=("w",),
        undeclared=(Undeclared(account="acc", incarnation="x", remote_id="7", enabled=True),),
        eta=timedelta(hours=1),
        reading=99,
    )
    assert digest(replace(PLAN, actions=(moved,), meta=meta)) == digest(PLAN)


def test_the_digest_of_a_known_plan() -> None:
    """A plan approved with one release can be applied with the next of the same format."""
    assert digest(PLAN) == "sha256:742673da13e0ff6094e5b5d0376dc2c0444e343f0d264e3be250d45285c41211"
    assert digest(PLAN) == sha256(plan_body(PLAN))


def test_fingerprints_follow_the_fields() -> None:
    """Equal fields have one fingerprint in any order, no row has none, and an empty row is not no row."""
    one = fingerprint({"group": "x", "limits.total_usd": USD})
    assert one == fingerprint({"limits.total_usd": USD, "group": "x"})
    assert one != fingerprint({"limits.total_usd": USD + 1, "group": "x"})
    assert fingerprint(None) is None
    assert fingerprint({}) == sha256({})
    document = plan_body(PLAN)["actions"][0]
    assert document["before_fp"] == fingerprint(ACTION.before)
    assert document["after_fp"] == fingerprint(ACTION.after)


def test_canonical_json_is_sorted_ascii_without_spaces() -> None:
    """The same data is the same bytes on every machine, whatever the names are written in."""
    text = canonical({"b": ["ключ", 1], "a": {"y": None, "x": True}, "é": "\u2028"})
    assert text == rb'{"a":{"x":true,"y":null},"b":["\u043a\u043b\u044e\u0447",1],"\u00e9":"\u2028"}'
    assert canonical({"a": 1, "b": 2}) == canonical({"b": 2, "a": 1})
    assert sha256({}) == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_the_plan_file_holds_body_digest_and_what_stands_beside_it() -> None:
    """A reader finds the digest, the body it covers, and the reviewer's facts in the order of the actions."""
    waiting = action(Operation.BLOCKED, Reason.CUSTODY, name="b")
    two = timedelta(days=2)
    pace = Pace(micro_usd_per_day=USD // 2, basis=Basis.LIFETIME, start=NOW - two, span=two)
    plan = replace(
        PLAN,
        actions=(replace(ACTION, outlook=Outlook(pace=pace, before=NOW, after=None)), waiting),
        meta=replace(
            PLAN.meta,
            eta=timedelta(seconds=90.7),
            reading=3,
            refused=("keys.yaml:1:1: no",),
            funds=(Funds(account="acc", balance_micro_usd=-USD, spendable_micro_usd=2 * USD, unbounded=3),),
            undeclared=(Undeclared(account="acc", incarnation="x", remote_id="7", enabled=True),),
        ),
    )
    document = json.loads(json.dumps(plan_document(plan)))
    assert document["format"] == "1.0"
    assert document["digest"] == digest(plan) == sha256(document["plan"])
    assert document["meta"] == {
        "generated_at": "2026-03-01T12:00:00+00:00",
        "tool": "test",
        "unchanged": 0,
        "undeclared": [{"account": "acc", "incarnation": "x", "remote_id": "7", "enabled": True}],
        "warnings": [],
        "eta_seconds": 90,
        "requests": 2,
        "reading_requests": 3,
        "exposure_usd": "1",
        "unbounded": 0,
        "daily_exposure_usd": "0",
        "funds": [{"account": "acc", "balance_usd": "-1", "spendable_usd": "2", "unbounded": 3}],
        "violations": [],
        "policy": ["keys.yaml:1:1: no"],
        "facts": [
            {
                "address": "acc/a",
                "used_usd": "0.000005",
                "old_cap_usd": "1",
                "new_cap_usd": "2",
                "increase_usd": "1",
                "cuts_off": False,
                "outlook": {
                    "usd_per_day": "0.5",
                    "source": "lifetime",
                    "start": "2026-02-27T12:00:00+00:00",
                    "span_seconds": 172800,
                    "used_up_before": "2026-03-01T12:00:00+00:00",
                    "used_up_after": None,
                },
                "requests": 2,
                "declared_at": {"file": "keys.yaml", "line": 1, "column": 1},
            },
            {
                "address": "acc/b",
                "used_usd": None,
                "old_cap_usd": None,
                "new_cap_usd": None,
                "increase_usd": "0",
                "cuts_off": False,
                "outlook": None,
                "requests": 0,
                "declared_at": None,
            },
        ],
    }


def test_a_plan_file_tells_what_it_breaks() -> None:
    """The limits that a plan breaks, and a cap that is lifted, are facts beside it."""
    lifted = action(before=usd(total=1), after={"limits.total_usd": "unlimited"})
    document = plan_document(plan_of(lifted, limits=SafetyLimits(max_increase_usd=0)))
    assert len(document["meta"]["violations"]) == 1
    assert document["meta"]["unbounded"] == 1
    assert document["meta"]["facts"][0]["increase_usd"] is None
    assert document["meta"]["facts"][0]["new_cap_usd"] == "unlimited"


def test_safety_limits_are_written_like_the_settings() -> None:
    """Money is a decimal string, and no limit is null."""
    limits = SafetyLimits(
        max_creates=None, max_increase_usd=1_500_000, require=("total_usd",), protected=("acc/prod-*",)
    )
    assert safety_document(limits) == {
        "max_creates": None,
        "max_disables": 3,
        "max_deletes": 0,
        "max_change_percent": 30,
        "max_increase_usd": "1.5",
        "require": ["total_usd"],
        "protected": ["acc/prod-*"],
    }
    assert safety_document(SafetyLimits())["max_increase_usd"] is None
