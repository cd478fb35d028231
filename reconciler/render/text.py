"""Plans and reports for a terminal, in the manner of `terraform plan`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from reconciler.render.plan_view import plan_view
from reconciler.render.report_view import report_view
from reconciler.render.view import Span, Tone, counted, foreign, own

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rich.text import Text

    from reconciler.core.plan import Plan
    from reconciler.core.report import Report
    from reconciler.errors import Problem
    from reconciler.render.view import Detail, Group, Line, Notice, Row, View

MIN_WIDTH: Final = 40
_STYLES: Final = {
    Tone.QUIET: "dim",
    Tone.STRONG: "bold",
    Tone.GOOD: "green",
    Tone.CHANGE: "yellow",
    Tone.WARN: "bold yellow",
    Tone.DANGER: "bold red",
}
_ASCII: Final = str.maketrans(
    {"→": "->", "↑": "^", "↓": "v", "↻": "@", "»": ">", "·": ".", "…": "...", "✓": "*", "✗": "x"}
)
_SUBJECT: Final = 13
_DETAIL: Final = 6
_BODY: Final = 20
_COMMAND: Final = re.compile(r"^((?:\x1b\[[\d;]*m| )*)::", re.MULTILINE)


def render_plan(plan: Plan, *, width: int, color: bool, ascii_only: bool = False) -> str:
    """Return a plan for people; its last line is the digest, never folded so that it can be copied.

    Args:
        plan: what to show.
        width: of the terminal, in columns; less than 40 counts as 40.
        color: whether to use ANSI colours; without them the text holds no control character but newline.
        ascii_only: for terminals whose encoding has no arrows; other text is escaped, not lost.
    """
    view = plan_view(plan)
    page = Page(width=width, color=color, ascii_only=ascii_only)
    page.head(view)
    page.body(view)
    page.line((view.verdict,))
    for item in view.footer:
        page.line((own(f"{item.label}: "),), item.value)
    page.line(view.hint)
    page.whole((own("Digest: "), own(view.digest, Tone.STRONG)) if view.digest else ())
    return page.text()


def render_report(report: Report, *, width: int, color: bool, ascii_only: bool = False) -> str:
    """Return a report for people; its last line is the verdict and what to do next.

    Args:
        report: what to show.
        width: of the terminal, in columns; less than 40 counts as 40.
        color: whether to use ANSI colours; without them the text holds no control character but newline.
        ascii_only: for terminals whose encoding has no arrows; other text is escaped, not lost.
    """
    view = report_view(report)
    page = Page(width=width, color=color, ascii_only=ascii_only)
    page.head(view)
    page.body(view)
    page.line((view.verdict,))
    return page.text()


def render_problems(problems: Iterable[Problem]) -> str:
    """Return the problems of settings and declarations, one `file:line:column: message` a line."""
    lines = [str(problem) for problem in problems]
    return render_lines(lines, f"{counted(len(lines), 'problem')}.")


def render_lines(lines: Iterable[str], verdict: str) -> str:
    """Return lines that may hold foreign text, each on a line of its own, and a verdict of this program."""
    clean = [foreign(line, limit=1_000).text for line in lines]
    return _harmless("\n".join([*clean, verdict])) + "\n"


class Page:
    """Lines of one width; every word of foreign text in them is data, never markup."""

    def __init__(self, *, width: int, color: bool, ascii_only: bool) -> None:
        self._width = max(width, MIN_WIDTH)
        self._color = color
        self._ascii = ascii_only
        self._lines: list[str] = []

    def text(self) -> str:
        """Return the page; it ends with exactly one newline."""
        return _harmless("\n".join(self._lines).strip("\n")) + "\n"

    def head(self, view: View) -> None:
        """Add what this is and where it applies."""
        if view.title:
            self.line((own(view.title, Tone.STRONG),))
        for place in view.places:
            self.line((own("  "),), place)
        self.gap()

    def body(self, view: View) -> None:
        """Add every row and every notice."""
        for group in view.groups:
            self._group(group)
        for notice in view.notices:
            self._notice(notice)

    def gap(self) -> None:
        """Add an empty line, never two."""
        if self._lines and self._lines[-1]:
            self._lines.append("")

    def whole(self, line: Line) -> None:
        """Add a line that is not folded whatever its width."""
        if line:
            self._lines.append(self._paint(self._spans(line)))

    def line(self, prefix: Line, body: Line = ()) -> None:
        """Add a line; what does not fit goes on below the start of the body."""
        first, rest = self._spans(prefix), self._spans(body)
        if not first and not rest:
            return
        used = _cells(first)
        if used + _cells(rest) <= self._width:
            self._lines.append(self._paint([*first, *rest]).rstrip())
        elif not rest or used > self._width - _BODY:
            self._lines += self._fold(first, 0)
            self._lines += self._fold(rest, min(used, _DETAIL + 2)) if rest else []
        else:
            folded = self._fold(rest, used)
            self._lines += [self._paint(first) + folded[0][used:], *folded[1:]]

    def _group(self, group: Group) -> None:
        if group.title:
            self.gap()
            self.line((own(group.title, group.tone),))
        for row in group.rows:
            self._row(row)
        self.gap()

    def _row(self, row: Row) -> None:
        if row.details:
            self.gap()
        head = (own(f"  {row.symbol} ", row.tone), own(f"{row.verb:<{_SUBJECT - 4}}", row.tone))
        marks = [span for mark in row.marks for span in (own("  "), *mark)]
        self.line(head, (Span(text=_quoted(row.subject), tone=Tone.STRONG, code=True), *marks))
        column = max((cell_width(detail.label) for detail in row.details), default=0)
        for detail in row.details:
            self._detail(detail, column)
        if row.details:
            self.gap()

    def _detail(self, detail: Detail, column: int) -> None:
        padding = " " * (column - cell_width(detail.label) + 2)
        self.line((own(" " * _DETAIL), own(detail.label, detail.tone), own(padding)), detail.value)

    def _notice(self, notice: Notice) -> None:
        self.gap()
        self.line((own(f"{notice.title}:", notice.tone),))
        for item in notice.items:
            self.line((own("  - "),), item)
        self.gap()

    def _spans(self, line: Line) -> Sequence[Span]:
        return [Span(text=_ascii(span.text), tone=span.tone) for span in line] if self._ascii else line

    def _paint(self, spans: Iterable[Span]) -> str:
        return "".join(_styled(span) if self._color else span.text for span in spans)

    def _fold(self, spans: Sequence[Span], indent: int) -> list[str]:
        # Rich is loaded for what it alone can do: most plans in CI have neither colours nor long lines.
        from rich.console import Console  # noqa: PLC0415
        from rich.text import Text  # noqa: PLC0415

        # It neither prints nor looks at the real terminal here.
        console = Console(width=self._width, color_system=None)
        text = Text.assemble(*((span.text, span.tone.value) for span in spans))
        lines = text.wrap(console, self._width - indent, overflow="fold")
        return [" " * indent + self._paint(_unstyled(line)).rstrip() for line in lines]


def _styled(span: Span) -> str:
    from rich.color import ColorSystem  # noqa: PLC0415
    from rich.style import Style  # noqa: PLC0415

    style = _STYLES.get(span.tone)
    return Style.parse(style).render(span.text, color_system=ColorSystem.STANDARD) if style else span.text


def cell_width(text: str) -> int:
    """Return the columns that a text takes; only what is beyond ASCII needs a table."""
    if text.isascii():
        return len(text)
    from rich.cells import cell_len  # noqa: PLC0415

    return cell_len(text)


def _unstyled(line: Text) -> Iterator[Span]:
    """Return the spans that a folded line is made of."""
    end = 0
    for span in line.spans:
        yield own(line.plain[end : span.start])
        yield own(line.plain[span.start : span.end], Tone(str(span.style)))
        end = span.end
    yield own(line.plain[end:])


def _cells(spans: Iterable[Span]) -> int:
    return sum(cell_width(span.text) for span in spans)


def _quoted(name: str) -> str:
    """Return a name in quotes when its spaces could be taken for the end of it."""
    return f'"{name}"' if " " in name else name


def _ascii(text: str) -> str:
    return text.translate(_ASCII).encode("ascii", "backslashreplace").decode("ascii")


def _harmless(text: str) -> str:
    """Return text in which no line starts with what the log of a GitHub runner takes for a command."""
    return _COMMAND.sub(r"\1: :", text)
