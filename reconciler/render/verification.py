"""What came of asking with the delivered keys, and of looking at everything: one line each."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from reconciler.core.verification import Verdict
from reconciler.render.text import Page
from reconciler.render.view import TEXT_LIMIT, Tone, counted, foreign, own

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.verification import Verified

_TONES: Final = {
    Verdict.GOOD: Tone.GOOD,
    Verdict.DIFFERS: Tone.WARN,
    Verdict.WRONG: Tone.DANGER,
    Verdict.UNKNOWN: Tone.QUIET,
}


def render_text(results: Sequence[Verified], *, width: int, color: bool, ascii_only: bool = False) -> str:
    """Return one line for each entry, and how many came to what.

    Args:
        results: in the order of asking.
        width: of the terminal, in columns.
        color: whether to use ANSI colours.
        ascii_only: for terminals whose encoding has no more.
    """
    page = Page(width=width, color=color, ascii_only=ascii_only)
    for item in results:
        verdict = item.judged.verdict
        body = [foreign(f"{item.address} in {item.sink}/{item.entry}", limit=TEXT_LIMIT)]
        if item.judged.why:
            body += [own(": "), foreign(item.judged.why, limit=TEXT_LIMIT)]
        page.line((own(f"{verdict:<8}", _TONES[verdict]),), tuple(body))
    page.gap()
    counts = Counter(item.judged.verdict for item in results)
    parts = [f"{counts[verdict]} {verdict}" for verdict in Verdict if counts[verdict]]
    page.line((own(f"Verified {counted(len(results), 'entry', 'entries')}: {', '.join(parts) or 'none'}."),))
    return page.text()
