"""What a report says to the person who ran an apply."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Final

from reconciler.core.report import Status
from reconciler.errors import ExitCode
from reconciler.render.view import (
    TEXT_LIMIT,
    Detail,
    Group,
    Row,
    Tone,
    View,
    Weight,
    counted,
    duration_text,
    foreign,
    own,
)

if TYPE_CHECKING:
    from datetime import datetime

    from reconciler.core.report import Outcome, Report
    from reconciler.render.view import Line, Span

SYMBOLS: Final = {
    Status.DONE: ("✓", Tone.GOOD),
    Status.ALREADY: ("=", Tone.GOOD),
    Status.FAILED: ("✗", Tone.DANGER),
    Status.UNKNOWN: ("?", Tone.DANGER),
    Status.STALE: ("✗", Tone.DANGER),
    Status.REFUSED: ("✗", Tone.DANGER),
    Status.BLOCKED: ("!", Tone.DANGER),
    Status.CUSTODY: ("!", Tone.DANGER),
    Status.CREDENTIALS: ("✗", Tone.DANGER),
    Status.DEFERRED: ("»", Tone.WARN),
    Status.NOT_ATTEMPTED: ("·", Tone.WARN),
}

NEXT: Final = {
    "applied": "Nothing is left to do.",
    "blocked": "Blocked keys wait for a person; what to do stands beside each.",
    "deferred": "Nothing is wrong; run apply again to go on.",
    "failed": "Mend what stands beside each key, then run apply again.",
    "partial": "Mend what failed, then run apply again to go on.",
    "interrupted": "It stopped cleanly; run apply again to go on.",
    "stale": "The keys are not as the plan saw them; make a new plan and have it reviewed.",
    "refused": "A safety limit or a protection refused it; change the declarations or the limits.",
    "credentials": "A provider or a sink refused its credentials; renew them, then run apply again.",
    "custody": "A minted secret did not reach its sink; mend the sink, then run apply again.",
}
"""What to do after each verdict."""


def report_view(report: Report) -> View:
    """Return what a report says."""
    attempted = [item for item in report.outcomes if item.status is not Status.NOT_ATTEMPTED]
    left = [item for item in report.outcomes if item.status is Status.NOT_ATTEMPTED]
    groups = (
        Group(title="", tone=Tone.PLAIN, rows=tuple(_row(item) for item in attempted)),
        Group(title="Not attempted", tone=Tone.WARN, rows=tuple(_row(item) for item in left)),
    )
    return View(
        title=f"Apply, took {duration_text(report.finished_at - report.started_at)}",
        places=((own("plan "), foreign(report.digest)),),
        groups=tuple(group for group in groups if group.rows),
        notices=(),
        verdict=_verdict(report),
        stamp=f"{_instant(report.started_at)} to {_instant(report.finished_at)}",
    )


def _row(outcome: Outcome) -> Row:
    symbol, tone = SYMBOLS[outcome.status]
    return Row(
        symbol=symbol,
        verb=outcome.action.op.value,
        subject=foreign(outcome.action.address).text,
        tone=tone,
        red=tone is Tone.DANGER,
        marks=_marks(outcome, tone),
        details=tuple(_details(outcome, tone)),
    )


def _marks(outcome: Outcome, tone: Tone) -> tuple[Line, ...]:
    marks: list[Line] = [(own(outcome.status.value, tone),)]
    if remote_id := outcome.remote_id or outcome.action.remote_id:
        marks.append((own("id "), foreign(remote_id)))
    marks += [(own("secret in "), foreign(place, Tone.STRONG)) for place, _ in outcome.receipts]
    return tuple(marks)


def _details(outcome: Outcome, tone: Tone) -> list[Detail]:
    # A blocked key was not touched, so what to do is what the plan said.
    blocked = outcome.status is Status.BLOCKED
    facts = [("because", outcome.message or (outcome.action.note if blocked else ""), tone)]
    if outcome.retry_at is not None:
        facts.append(("again at", _instant(outcome.retry_at), Tone.STRONG))
    facts += [("warning", text, Tone.WARN) for text in outcome.warnings]
    return [
        Detail(label=label, value=(foreign(text, loud, limit=TEXT_LIMIT),), weight=Weight.VITAL, tone=loud)
        for label, text, loud in facts
        if text
    ]


def _verdict(report: Report) -> Span:
    word, code = report.verdict
    counts = [f"{count} {status.value}" for status in Status if (count := report.count(status))]
    left = len(report.unfinished)
    next_step = NEXT[word]
    times = [outcome.retry_at for outcome in report.unfinished if outcome.retry_at is not None]
    if times:
        next_step += f" The provider takes requests again at {_instant(min(times))}."
    tone = Tone.GOOD if code is ExitCode.OK else Tone.WARN if code is ExitCode.DEFERRED else Tone.DANGER
    done = ", ".join(counts) if counts else "nothing to do"
    rest = f" {counted(left, 'action')} left." if left else ""
    return own(f"Result: {word} (exit {int(code)}). {done[0].upper()}{done[1:]}.{rest} {next_step}", tone)


def _instant(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
