"""Everything that is made of a provider's list: plans, tables and declarations, written and read back."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from reconciler.core.calendar import Calendar, events_of
from reconciler.core.fields import MICRO
from reconciler.core.importing import draft
from reconciler.core.model import Delivery, DesiredState, ObservedState, Receipt, SafetyLimits
from reconciler.core.plan_document import digest, plan_document
from reconciler.core.status import StatusTable, Thresholds, status_rows
from reconciler.core.view import View
from reconciler.manifest.account_rules import rules_for
from reconciler.manifest.key_file_writer import DeclarationRules, add_declarations, empty_key_file
from reconciler.manifest.observed_file import read_observed
from reconciler.manifest.plan_file import read_plan
from reconciler.manifest.tree import parse
from reconciler.manifest.wire_keys import key_file
from reconciler.render import calendar, html, markdown, status, status_html
from reconciler.render import json as json_pages
from reconciler.render import text as text_pages
from tests.fuzz.inert import check_html, check_markdown, check_terminal
from tests.fuzz.scratch import scratch
from tests.unit.core.worlds import NOW, key, plan_for

if TYPE_CHECKING:
    from reconciler.core.model import DesiredAccount, Listing
    from reconciler.core.plan import Plan

_SETTINGS_DIGEST: Final = f"sha256:{'1' * 64}"
_DECLARATIONS_DIGEST: Final = f"sha256:{'2' * 64}"
_MOST_KEYS: Final = 60
_MARKDOWN_LIMIT: Final = 4_000
_DAILY: Final = "limits.daily_usd"
_AHEAD: Final = timedelta(days=365)
_LINE: Final = 75
"""Bytes of a line of a calendar file (RFC 5545, 3.1)."""


def follow(account: DesiredAccount, listing: Listing) -> None:
    """Make everything of a list that the program makes; all of it works, or is refused in words of ours."""
    if len(listing.keys) > _MOST_KEYS:
        return
    names = sorted({row.name for row in listing.keys if row.name and re.fullmatch(r"[a-z-]{1,20}", row.name)})
    spec = {_DAILY: 5 * MICRO} if _DAILY in account.capabilities.updatable else {}
    keys = tuple(key(name, spec, label=account.label) for name in ["client-a", *names[1::2]])
    desired = DesiredState(
        accounts={account.label: account},
        keys=tuple({item.name: item for item in keys}.values()),
        limits=SafetyLimits(),
        settings_digest=_SETTINGS_DIGEST,
        declarations_digest=_DECLARATIONS_DIGEST,
    )
    held = {
        Delivery(sink="local", name="CLIENT-A"): Receipt(
            origin=account.origin,
            address=f"{account.label}/client-a",
            remote_id="1",
            generation=1,
            attempt=1,
            delivered_at=NOW,
        )
    }
    observed = ObservedState(listings={account.label: listing}, receipts=held)
    if account.capabilities.mintable:
        plan = plan_for(desired, observed)
        check_plan(plan)
        _read_back(plan, desired, observed)
        _imported(account, listing)
    _tabled(account, desired, observed)


def check_plan(plan: Plan) -> None:
    """Show a plan in every format, and look at the pages."""
    check_markdown(markdown.render_plan(plan, limit=_MARKDOWN_LIMIT), limit=_MARKDOWN_LIMIT)
    check_terminal(text_pages.render_plan(plan, width=80, color=False))
    check_terminal(text_pages.render_plan(plan, width=40, color=True, ascii_only=True), colour=True)
    check_html(html.render_plan(plan))
    assert json.loads(json_pages.render_plan(plan))["digest"] == digest(plan)


def _read_back(plan: Plan, desired: DesiredState, observed: ObservedState) -> None:
    with scratch() as folder:
        file = Path(folder, "plan.json")
        file.write_text(json_pages.render_plan(plan), "utf-8")
        assert plan_document(read_plan(file)) == plan_document(plan), "a plan that is read as another one"
        file.write_text(json_pages.render_observed(plan, desired, observed), "utf-8")
        again = plan_for(desired, read_observed(file, desired).state)
        assert digest(again) == digest(plan), "evidence of another plan"


def _imported(account: DesiredAccount, listing: Listing) -> None:
    rules = DeclarationRules(rules_for(account, ()))
    found = draft(account, listing, rules, declared=set(), adopted=set(), taken=set())
    if not found.declarations:
        return
    own = account.capabilities.own
    text = add_declarations(
        empty_key_file(account.label),
        found.declarations,
        account=account.label,
        origin=account.origin,
        file="keys.yaml",
        own=own,
    )
    names = key_file(own).validate_python(parse(text, "keys.yaml"))["keys"]
    assert set(names) == {item.name for item in found.declarations}, "declarations that are read as others"


def _tabled(account: DesiredAccount, desired: DesiredState, observed: ObservedState) -> None:
    rows = status_rows(account, list(desired.keys), observed, now=NOW, thresholds=Thresholds())
    table = StatusTable(
        rows=tuple(rows), accounts=(account.label,), unread=(), notes=(), generated_at=NOW, tool="fuzz"
    )
    check_terminal(status.render_text(table, width=100, color=False))
    json.loads(status.render_json(table))
    check_terminal(status.render_prometheus(table))
    check_html(status_html.render_status(table))
    check_calendar(desired, observed)


def check_calendar(desired: DesiredState, observed: ObservedState) -> None:
    """Show what will happen in every format, and look at the pages."""
    events = events_of(View.of(desired, observed, now=NOW), until=NOW + _AHEAD)
    found = Calendar(events=events, start=NOW, end=NOW + _AHEAD, tool="fuzz")
    check_terminal(calendar.render_text(found, width=80, color=False))
    json.loads(calendar.render_json(found))
    check_markdown(calendar.render_markdown(found), limit=1 << 20)
    assert all(len(line) <= _LINE for line in calendar.render_ics(found).encode().split(b"\r\n"))
