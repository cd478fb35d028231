"""What `validate --format json` found, read back for annotations and summaries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

from reconciler.core.strict_json import BadJsonError, parse
from reconciler.errors import UsageError
from reconciler.github.workflow_commands import LEVELS, Annotation
from reconciler.render.markdown import code
from reconciler.render.view import TEXT_LIMIT, counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_REMEDY: Final = "write it with: reconciler validate --format json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """The result of a validation.

    Attributes:
        valid: whether nothing was wrong; warnings leave it at that.
        annotations: every problem and warning with its place.
    """

    valid: bool
    annotations: tuple[Annotation, ...]


def read_findings(data: bytes, *, folder: str = "") -> Findings:
    """Return the findings in a document.

    Args:
        data: as `validate --format json` writes it.
        folder: where it ran, below the root of the repository; files are shown from that root.

    Raises:
        UsageError: when it is no such document.
    """
    try:
        document: Any = parse(data)
        lists = {"error": document["problems"], "warning": document.get("warnings", [])}
        rows = [_annotation(row, level, folder) for level, found in lists.items() for row in found]
        valid = document["valid"] is True and not document["problems"]
    except (BadJsonError, KeyError, TypeError, AttributeError):
        msg = f"the findings are not readable; {_REMEDY}"
        raise UsageError(msg) from None
    return Findings(valid=valid, annotations=tuple(sorted(rows)))


def _annotation(row: Mapping[str, Any], level: str, folder: str) -> Annotation:
    file, line, column = row.get("file", ""), row.get("line", 0), row.get("column", 0)
    if not (isinstance(file, str) and isinstance(line, int) and isinstance(column, int)):
        msg = "no finding"
        raise TypeError(msg)
    path = PurePosixPath(folder) / file if folder and file else PurePosixPath(file)
    return Annotation(
        level=level,
        file=str(path) if file else "",
        line=max(line, 0),
        column=max(column, 0),
        message=str(row["message"]),
    )


def findings_page(findings: Findings, *, limit: int) -> str:
    """Return the findings as Markdown; those that find no room are counted.

    Args:
        findings: what was found.
        limit: most bytes.
    """
    problems = sum(item.level == LEVELS[0] for item in findings.annotations)
    wrong = f"**{counted(problems, 'problem')} in settings and declarations**\n"
    title = "Settings and declarations are valid.\n" if findings.valid else wrong
    if not findings.annotations:
        return title
    return f"{title}\n{_within(findings.annotations, limit - len(title) - 1)}"


def _within(annotations: Sequence[Annotation], limit: int) -> str:
    text = ""
    for number, item in enumerate(annotations):
        kind = "" if item.level == LEVELS[0] else f"{item.level}: "
        line = f"- {kind}{code(_place(item))}: {code(item.message, limit=TEXT_LIMIT)}\n"
        rest = f"- and {len(annotations) - number} more\n"
        if len((text + line + rest).encode()) > limit:
            return text + rest
        text += line
    return text


def _place(item: Annotation) -> str:
    return f"{item.file}:{item.line}:{item.column}" if item.line else item.file or "settings"
