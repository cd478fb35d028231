"""Plans and reports as JSON: the documents of the core, indented, the same bytes for the same values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from reconciler.core.observed_document import observed_document
from reconciler.core.plan_document import plan_document
from reconciler.core.report import report_document

if TYPE_CHECKING:
    from reconciler.core.model import DesiredState, ObservedState
    from reconciler.core.plan import Plan
    from reconciler.core.report import Report


def render_plan(plan: Plan) -> str:
    """Return the plan file (docs/plan-format.md)."""
    return dump(plan_document(plan))


def render_observed(plan: Plan, desired: DesiredState, observed: ObservedState) -> str:
    """Return the file of what a plan rests on (docs/plan-format.md)."""
    return dump(observed_document(plan, desired, observed))


def render_report(report: Report) -> str:
    """Return the report file (docs/plan-format.md)."""
    return dump(report_document(report))


def dump(document: object) -> str:
    """Return JSON data as text that is inert in every log."""
    text = json.dumps(document, indent=2, ensure_ascii=True)
    # Two things ASCII JSON still lets through: DEL, and what the log of a GitHub runner takes for a command.
    return text.replace("\x7f", "\\u007f").replace("##[", "#\\u0023[") + "\n"
