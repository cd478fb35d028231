"""In what two plans differ that should have been one, for people."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from reconciler.core.plan_comparison import Change, differences
from reconciler.core.plan_document import digest
from reconciler.render.json import dump
from reconciler.render.text import Page
from reconciler.render.view import TEXT_LIMIT, Tone, counted, foreign, own

if TYPE_CHECKING:
    from reconciler.core.plan import Plan

_SYMBOLS: Final = {
    Change.ADDED: ("+", Tone.WARN, "follows, and is not in the plan"),
    Change.MISSING: ("-", Tone.DANGER, "is in the plan, and does not follow"),
    Change.CHANGED: ("~", Tone.WARN, "differs"),
}


def render_text(reviewed: Plan, derived: Plan, *, width: int, color: bool, ascii_only: bool = False) -> str:
    """Return whether a reviewed plan is the one that was derived again, and what differs where it is not.

    Args:
        reviewed: the saved plan.
        derived: what follows from what it rests on.
        width: of the terminal, in columns.
        color: whether to use ANSI colours.
        ascii_only: for terminals whose encoding has no more.
    """
    page = Page(width=width, color=color, ascii_only=ascii_only)
    found = differences(reviewed, derived)
    for item in found:
        symbol, tone, words = _SYMBOLS[item.change]
        fields = f": {', '.join(item.fields)}" if item.fields else ""
        page.line(
            (own(f"{symbol} ", tone),), (foreign(item.what, limit=TEXT_LIMIT), own(f" {words}{fields}"))
        )
    page.gap()
    if found:
        total = counted(len(found), "difference")
        page.line((own(f"Not verified: {total}. Do not apply this plan; make a new one.", Tone.DANGER),))
        page.whole((own("Derived: "), own(digest(derived), Tone.STRONG)))
    else:
        page.line((own("Verified: this plan follows from what was observed.", Tone.GOOD),))
    page.whole((own("Digest: "), own(digest(reviewed), Tone.STRONG)))
    return page.text()


def render_json(reviewed: Plan, derived: Plan) -> str:
    """Return the same as JSON."""
    found = differences(reviewed, derived)
    return dump(
        {
            "verified": not found,
            "digest": digest(reviewed),
            "derived_digest": digest(derived),
            "differences": [asdict(item) for item in found],
        }
    )
