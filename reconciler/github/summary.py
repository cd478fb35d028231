"""The step summary: one page for everything that a run knows about itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.github.findings import findings_page
from reconciler.github.pages import heading, no_plan_line, restricted_notice
from reconciler.github.report_page import report_page
from reconciler.render.markdown import fit_plan

if TYPE_CHECKING:
    from reconciler.core.plan import Plan
    from reconciler.github.findings import Findings
    from reconciler.github.pages import Origin
    from reconciler.manifest.wire_report import ReportFile

MOST_OF_SUMMARY: Final = 1_048_576 - 4_096
"""Bytes: GitHub takes 1 MiB a step and shows nothing of a longer one (GitHub docs: workflow commands)."""

_LEAST: Final = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What a summary is made of; each may be missing."""

    plan: Plan | None = None
    report: ReportFile | None = None
    findings: Findings | None = None


def summary_page(parts: Parts, origin: Origin, *, stack: str, exit_code: int, limit: int) -> str:
    """Return the text to append; empty when there is nothing to say.

    Args:
        parts: what to show.
        origin: of the run; one that GitHub restricts shows no plan, and says so first.
        stack: of the settings.
        exit_code: of the command before; a failure without a plan or a report is named.
        limit: most bytes.
    """
    restricted = origin.context.restricted
    blocks: list[str] = []
    if restricted:
        blocks.append(
            restricted_notice(restricted, valid=parts.findings is not None and parts.findings.valid)
        )
    elif exit_code and parts.plan is None and parts.report is None:
        blocks.append(no_plan_line(exit_code))
    # A third for each, so that a long plan does not push out what failed.
    room = max(limit // 3, _LEAST)
    if parts.findings is not None:
        blocks.append(findings_page(parts.findings, limit=room))
    if parts.report is not None:
        blocks.append(report_page(parts.report, limit=room))
    if parts.plan is not None and not restricted:
        used = sum(len(block.encode()) for block in blocks)
        blocks.append(fit_plan(parts.plan, limit=max(limit - used - _LEAST, _LEAST)).text)
    if not blocks:
        return ""
    return "\n\n".join([heading("run", stack), *blocks, origin.line()]) + "\n\n"
