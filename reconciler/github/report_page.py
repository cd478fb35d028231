"""The report of an apply, read back from its file and shown as Markdown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from reconciler.core.report import Status
from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import UsageError
from reconciler.manifest.wire_report import REPORT_FILE
from reconciler.render.markdown import fit_view
from reconciler.render.report_view import NEXT, SYMBOLS
from reconciler.render.view import TEXT_LIMIT, Detail, Group, Row, Tone, View, Weight, foreign, own

if TYPE_CHECKING:
    from reconciler.manifest.wire_report import OutcomeRow, ReportFile

_GOOD: Final = frozenset({Status.DONE, Status.ALREADY})


def read_report(data: bytes) -> ReportFile:
    """Return the report in a file that `apply --report` wrote.

    Raises:
        UsageError: when it is none.
    """
    try:
        document: Any = parse(data)
        return REPORT_FILE.validate_python(document)
    except (BadJsonError, ValidationError, ValueError):
        msg = "the file is no report; write one with: reconciler apply --report"
        raise UsageError(msg) from None


def report_page(report: ReportFile, *, limit: int) -> str:
    """Return a report as Markdown; what is left out to fit is counted at its top.

    Args:
        report: from its file.
        limit: most bytes.
    """
    counts = Counter(Status[row.status.upper()] for row in report.actions)
    said = ", ".join(f"{counts[status]} {status.value}" for status in Status if counts[status])
    ended = f"Apply: {report.outcome} (exit {report.exit_code})"
    view = View(
        title="",
        places=((own("plan "), foreign(report.digest)),),
        groups=(Group(title="", tone=Tone.PLAIN, rows=tuple(_row(row) for row in report.actions)),),
        notices=(),
        verdict=own(f"{_plain(ended)}. {said or 'Nothing to do'}. {NEXT.get(report.outcome, '')}".rstrip()),
    )
    return fit_view(view, limit=limit).text


def _row(row: OutcomeRow) -> Row:
    status = Status[row.status.upper()]
    symbol, tone = SYMBOLS[status]
    texts = [("because", row.message), *(("warning", text) for text in row.warnings)]
    return Row(
        symbol=symbol,
        verb=row.op,
        subject=foreign(row.address).text,
        tone=tone,
        red=status not in _GOOD and tone is Tone.DANGER,
        marks=((own(status.value, tone),),),
        details=tuple(
            Detail(label=label, value=(foreign(text, limit=TEXT_LIMIT),), weight=Weight.VITAL)
            for label, text in texts
            if text
        ),
    )


def _plain(text: str) -> str:
    """Return words of a file that stand outside code, with nothing but letters, digits and blanks."""
    return "".join(char for char in text if char.isalnum() or char in " ():")
