"""What `validate --format json` wrote, as annotations and as Markdown."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from reconciler.errors import UsageError
from reconciler.github.findings import findings_page, read_findings
from reconciler.github.workflow_commands import Annotation
from tests.unit.github.test_pages import said
from tests.unit.render.samples import HOSTILE


def row(message: str = "wrong; mend it", **values: Any) -> dict[str, Any]:
    """Return a problem as `validate` writes it."""
    return {"file": "keys/team.yaml", "line": 4, "column": 7, "message": message, **values}


def document(
    *rows: dict[str, Any], valid: bool = False, warnings: list[dict[str, Any]] | None = None
) -> bytes:
    """Return what `validate --format json` prints."""
    return json.dumps({"valid": valid, "problems": list(rows), "warnings": warnings or []}).encode()


def test_problems_become_annotations() -> None:
    """Each problem keeps its place and its words, and warnings are told apart."""
    found = read_findings(document(row(), warnings=[row("careful", line=1)]))

    assert not found.valid
    assert found.annotations == (
        Annotation(level="error", file="keys/team.yaml", line=4, column=7, message="wrong; mend it"),
        Annotation(level="warning", file="keys/team.yaml", line=1, column=7, message="careful"),
    )


def test_files_are_named_from_the_root_of_the_repository() -> None:
    """Where the program runs in a folder, GitHub still finds the files."""
    found = read_findings(document(row(), row(file="", line=0, column=0)), folder="infra/keys")

    assert {item.file for item in found.annotations} == {"infra/keys/keys/team.yaml", ""}


def test_valid_declarations() -> None:
    """No problem is good news, and says so."""
    found = read_findings(document(valid=True))

    assert found.valid
    assert findings_page(found, limit=1_000) == "Settings and declarations are valid.\n"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"valid": true}',
        b'{"valid": true, "problems": 7}',
        document({"file": "x"}),
        document(row(line="4")),
        b'{"valid": false, "problems": ["x"]}',
        b'{"valid": false, "problems": [], "warnings": 7}',
        document(row(file=7)),
    ],
)
def test_what_are_no_findings(data: bytes) -> None:
    """Another document is refused with the command that writes the right one."""
    with pytest.raises(UsageError, match="validate --format json"):
        read_findings(data)


def test_hostile_findings_stay_inert() -> None:
    """Neither the message nor the file of a problem is markup, a mention or a link."""
    found = read_findings(document(*(row(text, file=text or "x") for text in HOSTILE)))
    text = findings_page(found, limit=60_000)

    assert text.startswith("**17 problems in settings and declarations**")
    assert re.findall(r"[@#]\w|https?:|<|\]\(", said(text)) == []


def test_too_many_findings_are_counted() -> None:
    """What finds no room is counted, and the limit is kept."""
    found = read_findings(document(*(row("x" * 200, line=number + 1) for number in range(100))))
    text = findings_page(found, limit=5_000)
    shown = text.count("keys/team.yaml")

    assert len(text.encode()) <= 5_000
    assert f"- and {100 - shown} more\n" in text


def test_a_problem_without_a_line() -> None:
    """A problem of a whole file, and one of no file, are named as that."""
    found = read_findings(document(row(line=0, column=0), {"message": "wrong"}))
    text = findings_page(found, limit=5_000)

    assert "- `settings`: " in text
    assert "- `keys/team.yaml`: " in text


def test_warnings_leave_declarations_valid() -> None:
    """What should not stay so is named beside the good news."""
    found = read_findings(document(valid=True, warnings=[row("its day is over")]))
    text = findings_page(found, limit=5_000)

    assert found.valid
    assert text.startswith("Settings and declarations are valid.\n\n- warning: `keys/team.yaml:4:7`: ")
