"""Plans and reports as GitHub-flavoured Markdown, for comments and step summaries."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.render.view import NAME_LIMIT, Tone, Weight, counted, foreign

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from reconciler.core.plan import Plan
    from reconciler.core.report import Report
    from reconciler.render.view import Detail, Line, Notice, Row, Span, View

LIMIT: Final = 60_000
"""Bytes. A comment on GitHub takes 65,536 characters; the rest is for whoever posts it."""

_BACKTICKS: Final = re.compile(r"`+")
_LOUD: Final = frozenset({Tone.STRONG, Tone.WARN, Tone.DANGER})
_ALERTS: Final = frozenset({"cuts the key off", "refused"})
_FEW: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cut:
    """What is left out so that a page fits; the fields are in the order in which they are given up."""

    context: bool = False
    others: bool = False
    items: int | None = None
    why: bool = False
    names: bool = False
    red: int | None = None


_CUTS: Final = (
    _Cut(),
    _Cut(context=True),
    _Cut(context=True, others=True),
    _Cut(context=True, others=True, items=_FEW),
    _Cut(context=True, others=True, items=_FEW, why=True),
    _Cut(context=True, others=True, items=_FEW, why=True, names=True),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """A page that keeps to its limit.

    Attributes:
        text: as Markdown.
        cut: something is left out, and its top says what.
        missing: rows to look at first of which not even the name found room.
    """

    text: str
    cut: bool = False
    missing: int = 0


def render_plan(plan: Plan, *, limit: int = LIMIT) -> str:
    """Return a plan as Markdown; see `fit_plan`."""
    return fit_plan(plan, limit=limit).text


def render_report(report: Report, *, limit: int = LIMIT) -> str:
    """Return a report as Markdown; what had to be left out to fit is counted at its top.

    Args:
        report: what to show.
        limit: most bytes in UTF-8; from about 3,000 on it is kept whatever the report holds.
    """
    return _fit(report_view(report), limit).text


def fit_plan(plan: Plan, *, limit: int = LIMIT) -> Fitted:
    """Return a plan as Markdown; what had to be left out to fit is counted at its top.

    Given up first are the reasons of rows that cut nobody off, then their fields, then these rows, then
    all but ten lines of every list, then the reasons of the red rows, then all of them but their names.

    Args:
        plan: what to show.
        limit: most bytes in UTF-8, and so most characters in any way of counting; from about 3,000 on it
            is kept whatever the plan holds.
    """
    return _fit(plan_view(plan), limit)


def fit_view(view: View, *, limit: int = LIMIT) -> Fitted:
    """Return anything that is told like a plan as Markdown, cut in the same order; see `fit_plan`."""
    return _fit(view, limit)


def code(text: str, *, limit: int = NAME_LIMIT) -> str:
    """Return foreign text as a code span, where it is neither markup nor a mention nor a link.

    Args:
        text: as it came.
        limit: longest result, in characters without the fence.
    """
    return _code(foreign(text, limit=limit).text)


def _fit(view: View, limit: int) -> Fitted:
    for cut in _CUTS:
        text = _page(view, cut)
        if _size(text) <= limit:
            return Fitted(text=text, cut=cut != _CUTS[0])
    red = sum(row.red for row in view.rows)
    most = max(red, _FEW)
    count = bisect_right(range(most + 1), limit, key=lambda left: _size(_page(view, _last(left)))) - 1
    kept = max(count, 0)
    return Fitted(text=_page(view, _last(kept)), cut=True, missing=max(red - kept, 0))


def _size(text: str) -> int:
    return len(text.encode())


def _last(red: int) -> _Cut:
    """Return the cut that leaves the names of some red rows; the lists beside them shrink with it."""
    return _Cut(context=True, others=True, items=min(red, _FEW), why=True, names=True, red=red)


def _page(view: View, cut: _Cut) -> str:
    red = [row for row in view.rows if row.red]
    others = [row for row in view.rows if not row.red]
    loud = [notice for notice in view.notices if notice.tone is Tone.DANGER]
    quiet = [notice for notice in view.notices if notice.tone is not Tone.DANGER]
    rest = [] if cut.others else others
    blocks = [
        f"**{view.verdict.text}**",
        *_omissions(view, red, others, cut),
        *_list(view.places, cut.items),
        *(block for notice in loud for block in _notice(notice, cut)),
        *_first(red[: cut.red], cut),
        *_table("Everything else" if red else "", rest, _short if cut.context else _brief),
        *([] if cut.context else _fold(rest)),
        *(block for notice in quiet for block in _notice(notice, cut)),
        *_footer(view, cut),
    ]
    return "\n\n".join(blocks) + "\n"


def _first(red: list[Row], cut: _Cut) -> list[str]:
    title = "Look at these first"
    if not cut.names:
        return _table(title, red, _brief if cut.why else _all_details)
    named: dict[str, list[str]] = {}
    for row in red:
        named.setdefault(" ".join([_verb(row), *_alerts(row)]), []).append(_code(row.subject))
    lines = [f"- {verb}: {', '.join(keys)}" for verb, keys in named.items()]
    return [f"### {title}", "\n".join(lines)] if lines else []


def _alerts(row: Row) -> list[str]:
    """Return what else is to be known of a row whose name alone is left; all of it words of this program."""
    said = [_line(mark) for mark in row.marks if not any(span.code for span in mark)]
    alerts = [item.label for item in row.details if item.tone is Tone.DANGER and item.label in _ALERTS]
    return [f"({text})" for text in [*said, *alerts]]


def _omissions(view: View, red: list[Row], others: list[Row], cut: _Cut) -> list[str]:
    """Return what the cut leaves out, in counts, so that nobody takes a part for the whole."""
    said = []
    if cut.others and others:
        verbs = Counter(row.verb for row in others)
        kinds = ", ".join(f"{count} {verb}" for verb, count in verbs.items())
        said.append(f"{counted(len(others), 'other row')} ({kinds})")
    elif cut.context and others:
        said.append(f"the details of {counted(len(others), 'other row')}")
    if cut.why and red:
        said.append(f"the {'details' if cut.names else 'reasons'} of the rows to look at first")
    if cut.red is not None and (missing := len(red) - cut.red) > 0:
        said.append(f"**{missing} of {len(red)} rows to look at first**")
    lists = [("on where it applies", view.places)]
    lists += [(f"under “{notice.title}”", notice.items) for notice in view.notices]
    for where, items in lists:
        if cut.items is not None and (missing := len(items) - cut.items) > 0:
            said.append(f"{missing} of {len(items)} lines {where}")
    for label, count in Counter(detail.label for detail in view.footer).items():
        if cut.items is not None and (missing := count - max(cut.items, 1)) > 0:
            said.append(f"{missing} of {count} lines “{label}”")
    if not said:
        return []
    return [f"**Cut to fit.** Not shown here: {'; '.join(said)}. Read the whole before you act on it."]


def _notice(notice: Notice, cut: _Cut) -> list[str]:
    return [f"### {notice.title} ({len(notice.items)})", *_list(notice.items, cut.items)]


def _list(items: Sequence[Line], most: int | None) -> list[str]:
    lines = [f"- {_line(item)}" for item in items[:most]]
    return ["\n".join(lines)] if lines else []


def _table(title: str, rows: Sequence[Row], cell: Callable[[Row], str]) -> list[str]:
    if not rows:
        return []
    lines = [f"| {_verb(row)} | {_cell(_key(row))} | {_cell(cell(row))} |" for row in rows]
    table = "\n".join(["| Action | Key | What |", "|---|---|---|", *lines])
    return [f"### {title}", table] if title else [table]


def _verb(row: Row) -> str:
    return f"`{row.symbol}` **{row.verb}**" if row.red else f"`{row.symbol}` {row.verb}"


def _key(row: Row) -> str:
    return "<br>".join([_code(row.subject), *(_line(mark) for mark in row.marks)])


def _all_details(row: Row) -> str:
    return "<br>".join(_detail(detail) for detail in row.details)


def _brief(row: Row) -> str:
    return "<br>".join(_detail(detail) for detail in row.details if detail.weight is not Weight.CONTEXT)


def _short(row: Row) -> str:
    """Return the details of a row with its fields only counted."""
    vital = [_detail(detail) for detail in row.details if detail.weight is Weight.VITAL]
    fields = sum(detail.weight is Weight.CHANGE for detail in row.details)
    return "<br>".join([*vital, counted(fields, "field")] if fields else vital)


def _fold(rows: list[Row]) -> list[str]:
    """Return the context of the rows whose table shows none, folded away."""
    lines = []
    for row in rows:
        facts = [_detail(detail) for detail in row.details if detail.weight is Weight.CONTEXT]
        lines += [f"- {_code(row.subject)}: {'; '.join(facts)}"] if facts else []
    return ["<details><summary>Why and where</summary>", "\n".join(lines), "</details>"] if lines else []


def _footer(view: View, cut: _Cut) -> list[str]:
    shown: Counter[str] = Counter()
    lines = []
    for detail in view.footer:
        shown[detail.label] += 1
        # There is one balance for each account; of every other label there is one line.
        if cut.items is None or shown[detail.label] <= max(cut.items, 1):
            lines.append(_detail(detail))
    lines += [_line(view.hint)] if view.hint else []
    lines += [f"Digest: {_code(view.digest)}"] if view.digest else []
    return ["---", "<br>\n".join(lines)] if lines else []


def _detail(detail: Detail) -> str:
    label = _code(detail.label) if detail.weight is Weight.CHANGE else f"{detail.label}:"
    loud = f"**{label}**" if detail.tone in _LOUD else label
    return f"{loud} {_line(detail.value)}"


def _line(line: Line) -> str:
    return "".join(_span(span) for span in line).strip()


def _span(span: Span) -> str:
    return _code(span.text) if span.code else span.text


def _code(text: str) -> str:
    """Return text in a code span, where nothing in it can be markup, a mention or a link (CommonMark 6.1)."""
    longest = max((len(run) for run in _BACKTICKS.findall(text)), default=0)
    fence = "`" * (longest + 1)
    # One space at each end is taken away again, so a backtick or a space next to the fence stays.
    room = " " if text[0] in "` " or text[-1] in "` " else ""
    return f"{fence}{room}{text}{room}{fence}"


def _cell(text: str) -> str:
    """Return text for a table cell, where a pipe ends the cell even inside a code span (GFM 4.10)."""
    return text.replace("|", "\\|")
