"""What `validate` found, as text and as JSON; JUnit and SARIF have modules of their own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from reconciler.core.findings import Level
from reconciler.render.json import dump
from reconciler.render.text import render_lines
from reconciler.render.view import counted

if TYPE_CHECKING:
    from reconciler.core.findings import Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Validation:
    """Everything that a look at settings and key files found.

    Attributes:
        findings: problems and warnings, in the order of their places.
        keys: declared keys; 0 where they could not be read.
        files: key files with at least one key.
    """

    findings: tuple[Finding, ...]
    keys: int = 0
    files: int = 0

    @property
    def failures(self) -> tuple[Finding, ...]:
        """What makes the declarations invalid."""
        return tuple(item for item in self.findings if item.level is Level.FAIL)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What works and should not stay so."""
        return tuple(item for item in self.findings if item.level is not Level.FAIL)


def render_text(found: Validation) -> str:
    """Return one `file:line:column: message` a line, and how many there are."""
    lines = [_line(item) for item in found.findings]
    if found.failures:
        return render_lines(lines, f"{counted(len(found.failures), 'problem')}.")
    verb = "is" if found.keys == 1 else "are"
    return render_lines(lines, f"{counted(found.keys, 'key')} in {counted(found.files, 'file')} {verb} valid")


def render_json(found: Validation) -> str:
    """Return the findings as JSON; counts are there where everything could be read."""
    valid = not found.failures
    counts = {"keys": found.keys, "files": found.files} if valid else {}
    problems = [_document(item) for item in found.failures]
    warnings = [_document(item) for item in found.warnings]
    return dump({"valid": valid, "problems": problems, "warnings": warnings, **counts})


def _line(finding: Finding) -> str:
    warning = "" if finding.level is Level.FAIL else "warning: "
    return f"{finding.where}: {warning}{finding.what}"


def _document(finding: Finding) -> dict[str, Any]:
    place = {} if finding.mark is None else asdict(finding.mark)
    return {**place, "message": finding.what}
