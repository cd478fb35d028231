"""What `validate` found as SARIF, which code hosts show at the lines of a pull request."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from reconciler.core.findings import Level
from reconciler.render.json import dump
from reconciler.render.view import TEXT_LIMIT, foreign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from reconciler.core.findings import Finding
    from reconciler.core.model import SourceMark
    from reconciler.render.validation import Validation

SCHEMA: Final = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS: Final = {Level.FAIL: "error", Level.WARN: "warning", Level.NOTE: "note", Level.OK: "none"}


def render_sarif(found: Validation, *, rules: Mapping[str, str], version: str) -> str:
    """Return a log of one run (SARIF 2.1.0, OASIS standard).

    Args:
        found: what to show.
        rules: one sentence for each rule that a finding can name.
        version: of this program.
    """
    ids = list(rules)
    driver = {
        "name": "reconciler",
        "version": version,
        "rules": [{"id": name, "shortDescription": {"text": text}} for name, text in rules.items()],
    }
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "results": [_result(item, ids) for item in found.findings],
    }
    return dump({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def _result(finding: Finding, ids: list[str]) -> dict[str, Any]:
    return {
        "ruleId": finding.rule,
        "ruleIndex": ids.index(finding.rule),
        "level": _LEVELS[finding.level],
        "message": {"text": foreign(finding.what, limit=TEXT_LIMIT).text},
        "locations": [] if finding.mark is None else [{"physicalLocation": _place(finding.mark)}],
    }


def _place(mark: SourceMark) -> dict[str, Any]:
    path = Path(mark.file)
    uri = path.as_uri() if path.is_absolute() else quote(path.as_posix())
    place: dict[str, Any] = {"artifactLocation": {"uri": uri}}
    if mark.line:
        place["region"] = {"startLine": mark.line, "startColumn": max(mark.column, 1)}
    return place
