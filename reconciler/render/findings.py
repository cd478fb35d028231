"""What a look at everything found, one line each, in the order of looking."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.core.findings import Level
from reconciler.render.text import Page
from reconciler.render.view import TEXT_LIMIT, Tone, counted, foreign, own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.findings import Finding

_TONES: Final = {
    Level.OK: Tone.GOOD,
    Level.NOTE: Tone.QUIET,
    Level.WARN: Tone.WARN,
    Level.FAIL: Tone.DANGER,
}


def render_text(findings: Sequence[Finding], *, width: int, color: bool, ascii_only: bool = False) -> str:
    """Return the findings for people.

    Args:
        findings: in the order of looking.
        width: of the terminal, in columns.
        color: whether to use ANSI colours.
        ascii_only: for terminals whose encoding has no more.
    """
    page = Page(width=width, color=color, ascii_only=ascii_only)
    for finding in findings:
        prefix = (own(f"{finding.level:<6}", _TONES[finding.level]), foreign(finding.where), own(": "))
        page.line(prefix, (foreign(finding.what, limit=TEXT_LIMIT),))
    counts = Counter(finding.level for finding in findings)
    page.gap()
    failed, warned = counted(counts[Level.FAIL], "failure"), counted(counts[Level.WARN], "warning")
    page.line((own(f"Doctor: {failed}, {warned}, {counts[Level.OK]} passed."),))
    return page.text()


def render_json(findings: Sequence[Finding]) -> str:
    """Return the findings as JSON."""
    document = [
        {"level": finding.level, "where": finding.where, "what": finding.what} for finding in findings
    ]
    return json.dumps(document, indent=2, ensure_ascii=True).replace("##[", "#\\u0023[") + "\n"
