"""Plans and reports as one HTML file: no script, no request, light and dark, wide and narrow."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.render.view import Span, Tone, Weight

if TYPE_CHECKING:
    from collections.abc import Iterable

    from reconciler.core.plan import Plan
    from reconciler.core.report import Report
    from reconciler.render.view import Detail, Line, Notice, Row, View

_CSS: Final = """
:root { color-scheme: light dark;
  --text: #1f2328; --quiet: #59636e; --page: #fff; --box: #f6f8fa; --line: #d1d9e0;
  --good: #1a7f37; --change: #9a6700; --warn: #9a6700; --danger: #cf222e; }
@media (prefers-color-scheme: dark) { :root {
  --text: #f0f6fc; --quiet: #9198a1; --page: #0d1117; --box: #151b23; --line: #3d444d;
  --good: #3fb950; --change: #d29922; --warn: #d29922; --danger: #f85149; } }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; font: 1rem/1.5 system-ui, sans-serif;
  color: var(--text); background: var(--page); overflow-wrap: anywhere; }
h1 { font-size: 1.25rem; } h2 { font-size: 1rem; margin: 1.5rem 0 .5rem; }
article { margin: .5rem 0; padding: .5rem .75rem; background: var(--box); border: 1px solid var(--line);
  border-left: .3rem solid currentColor; border-radius: .3rem; }
article > * { color: var(--text); font-weight: 400; }
article h3 { margin: 0; font-size: 1rem; }
article h3 b { margin-right: .5rem; white-space: nowrap; }
article h3 small { margin-left: .5rem; font-size: inherit; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; margin: .25rem 0 0; }
dt { color: var(--quiet); } dd { margin: 0; }
@media (max-width: 36rem) { dl { grid-template-columns: 1fr; } dd { margin-left: 1rem; } }
code { font: .9em ui-monospace, monospace; unicode-bidi: isolate; white-space: pre-wrap; }
footer { margin-top: 1.5rem; border-top: 1px solid var(--line); color: var(--quiet); }
.quiet { color: var(--quiet); } .strong { font-weight: 600; } .good { color: var(--good); }
.change { color: var(--change); } .warn { color: var(--warn); font-weight: 600; }
.danger { color: var(--danger); font-weight: 600; }
""".strip()

HEAD: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="referrer" content="no-referrer">
<title>{title}</title>
<style>
{css}
</style>
</head>"""


def render_plan(plan: Plan) -> str:
    """Return a plan as a self-contained HTML page."""
    return _page(plan_view(plan))


def render_report(report: Report) -> str:
    """Return a report as a self-contained HTML page."""
    return _page(report_view(report))


def _page(view: View) -> str:
    red = [row for row in view.rows if row.red]
    others = [row for row in view.rows if not row.red]
    loud = [notice for notice in view.notices if notice.tone is Tone.DANGER]
    quiet = [notice for notice in view.notices if notice.tone is not Tone.DANGER]
    parts = [
        HEAD.format(title=escape(view.title or view.verdict.text), css=_CSS),
        "<body>",
        f'<h1 class="{view.verdict.tone}">{escape(view.verdict.text)}</h1>',
        *_list(view.places),
        *(part for notice in loud for part in _notice(notice)),
        *_rows("Look at these first", red),
        *_rows("Everything else" if red else "Changes", others),
        *(part for notice in quiet for part in _notice(notice)),
        *_footer(view),
        "</body>",
        "</html>",
    ]
    return "\n".join(parts) + "\n"


def _list(items: Iterable[Line]) -> list[str]:
    lines = [f"<li>{_line(item)}</li>" for item in items]
    return ["<ul>", *lines, "</ul>"] if lines else []


def _notice(notice: Notice) -> list[str]:
    return [f'<h2 class="{notice.tone}">{escape(notice.title)}</h2>', *_list(notice.items)]


def _rows(title: str, rows: Iterable[Row]) -> list[str]:
    lines = [line for row in rows for line in _row(row)]
    return [f"<h2>{title}</h2>", *lines] if lines else []


def _row(row: Row) -> list[str]:
    marks = "".join(f"<small>{_line(mark)}</small>" for mark in row.marks)
    verb = f'<b class="{row.tone}">{escape(row.symbol)} {escape(row.verb)}</b>'
    return [
        f'<article class="{row.tone}">',
        f"<h3>{verb}{_span(Span(text=row.subject, tone=Tone.STRONG, code=True))}{marks}</h3>",
        *_details(row.details),
        "</article>",
    ]


def _details(details: Iterable[Detail]) -> list[str]:
    lines = [f"{_label(detail)}<dd>{_line(detail.value)}</dd>" for detail in details]
    return ["<dl>", *lines, "</dl>"] if lines else []


def _label(detail: Detail) -> str:
    label = Span(text=detail.label, tone=detail.tone, code=detail.weight is Weight.CHANGE)
    return f"<dt>{_span(label)}</dt>"


def _footer(view: View) -> list[str]:
    lines = _details(view.footer)
    lines += [f"<p>{_line(view.hint)}</p>"] if view.hint else []
    lines += [f"<p>Digest: <code>{escape(view.digest)}</code></p>"] if view.digest else []
    lines += [f"<p>{escape(view.stamp)}</p>"] if view.stamp else []
    return ["<footer>", *lines, "</footer>"] if lines else []


def _line(line: Line) -> str:
    return "".join(_span(span) for span in line)


def _span(span: Span) -> str:
    tag = "code" if span.code else "span"
    if span.tone is Tone.PLAIN:
        return f"<code>{escape(span.text)}</code>" if span.code else escape(span.text)
    return f'<{tag} class="{span.tone}">{escape(span.text)}</{tag}>'
