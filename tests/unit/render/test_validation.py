"""What `validate` found, told by four renderers from one list of findings."""

from __future__ import annotations

import json
from typing import Any, Final
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from reconciler.core.findings import Finding, Level, in_file
from reconciler.errors import Problem
from reconciler.render.junit import render_junit
from reconciler.render.sarif import render_sarif
from reconciler.render.validation import Validation, render_json, render_text
from tests.unit.render.samples import HOSTILE

PROBLEM: Final = in_file(
    Problem(file="keys/tëam b.yaml", line=4, column=7, message="`daily_usd` cannot be 0; write `unlimited`"),
    "invalid",
)
WARNING: Final = in_file(
    Problem(file="reconciler.yaml", line=9, column=1, message="`allow` ended; remove it"),
    "allow-ended",
    Level.WARN,
)
WHOLE_FILE: Final = in_file(Problem(file="/etc/x.yaml", line=0, column=0, message="not readable"), "invalid")
RULES: Final = {"invalid": "Files must be valid", "allow-ended": "Remove what is over"}
BAD: Final = Validation(findings=(PROBLEM, WARNING, WHOLE_FILE))
GOOD: Final = Validation(findings=(WARNING,), keys=3, files=1)

_TEXT: Final = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "minLength": 1}},
}
_LOCATION: Final = {
    "type": "object",
    "required": ["physicalLocation"],
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "additionalProperties": False,
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "required": ["uri"],
                    "properties": {"uri": {"pattern": "^[A-Za-z0-9._~/:%-]+$"}},
                },
                "region": {
                    "type": "object",
                    "required": ["startLine"],
                    "properties": {
                        "startLine": {"type": "integer", "minimum": 1},
                        "startColumn": {"type": "integer", "minimum": 1},
                    },
                },
            },
        }
    },
}
SARIF: Final = {
    "type": "object",
    "required": ["version", "runs"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "additionalProperties": False,
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name", "rules"],
                                "properties": {
                                    "rules": {
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "required": ["id"],
                                            "properties": {"shortDescription": _TEXT},
                                        },
                                    }
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex", "level"],
                            "additionalProperties": False,
                            "properties": {
                                "message": _TEXT,
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "locations": {"type": "array", "items": _LOCATION},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What SARIF 2.1.0 §3.13, §3.14, §3.19 and §3.27 demand of the objects that are written here."""


def junit(found: Validation) -> ET.Element:
    """Return the report as a parser reads it."""
    return ET.fromstring(render_junit(found))  # noqa: S314  # our own words, a moment ago


def sarif(found: Validation) -> dict[str, Any]:
    """Return the log as data, checked against what the standard demands."""
    document: dict[str, Any] = json.loads(render_sarif(found, rules=RULES, version="0.1.0"))
    jsonschema.Draft202012Validator(SARIF).validate(document)
    return document


def test_text_has_a_line_for_each() -> None:
    """As editors and CI logs read it; warnings say that they are none of the problems."""
    assert render_text(BAD) == (
        "keys/tëam b.yaml:4:7: `daily_usd` cannot be 0; write `unlimited`\n"
        "reconciler.yaml:9:1: warning: `allow` ended; remove it\n"
        "/etc/x.yaml: not readable\n"
        "2 problems.\n"
    )
    assert render_text(GOOD) == (
        "reconciler.yaml:9:1: warning: `allow` ended; remove it\n3 keys in 1 file are valid\n"
    )


def test_json_tells_warnings_from_problems() -> None:
    """Counts are there when all could be read."""
    bad, good = json.loads(render_json(BAD)), json.loads(render_json(GOOD))
    assert (bad["valid"], len(bad["problems"]), len(bad["warnings"])) == (False, 2, 1)
    assert bad["problems"][0]["file"] == "keys/tëam b.yaml"
    assert (good["valid"], good["keys"], good["files"], good["problems"]) == (True, 3, 1, [])


def test_junit_counts_what_failed() -> None:
    """A warning is a case that passed, and a run without failures has at least one case."""
    bad, good = (junit(found) for found in (BAD, GOOD))
    assert (bad.get("tests"), bad.get("failures")) == ("3", "2")
    assert [case.get("line") for case in bad.iter("testcase")] == ["4", "9", "0"]
    failure = next(bad.iter("failure"))
    assert (failure.get("type"), failure.get("message")) == ("invalid", PROBLEM.what)
    assert (good.get("tests"), good.get("failures")) == ("2", "0")
    assert [case.get("name") for case in good.iter("testcase")][-1] == "3 keys are valid"


def test_sarif_has_the_form_of_the_standard() -> None:
    """Rules are found by their index, paths are URIs, and a file without a line has no region."""
    run = sarif(BAD)["runs"][0]
    assert [item["level"] for item in run["results"]] == ["error", "warning", "error"]
    rules = run["tool"]["driver"]["rules"]
    assert all(rules[item["ruleIndex"]]["id"] == item["ruleId"] for item in run["results"])
    places = [item["locations"][0]["physicalLocation"] for item in run["results"]]
    assert [place["artifactLocation"]["uri"] for place in places] == [
        "keys/t%C3%ABam%20b.yaml",
        "reconciler.yaml",
        "file:///etc/x.yaml",
    ]
    assert places[0]["region"] == {"startLine": 4, "startColumn": 7}
    assert "region" not in places[2]
    assert sarif(Validation(findings=()))["runs"][0]["results"] == []


@pytest.mark.parametrize("text", HOSTILE)
def test_foreign_words_stay_words(text: str) -> None:
    """No control character, workflow command or markup of a file's name gets through."""
    finding = in_file(Problem(file=f"k{text}", line=1, column=1, message=f"bad {text}"), "invalid")
    found = Validation(findings=(finding,))
    pages = [render_text(found), render_json(found), render_junit(found)]
    pages.append(render_sarif(found, rules=RULES, version="0.1.0"))
    for page in pages:
        assert not any(ord(character) < 32 and character != "\n" for character in page)
        assert not any(line.lstrip().startswith("::") for line in page.splitlines())
        assert "##[" not in page
    assert len(list(junit(found).iter("testcase"))) == 1
    assert len(sarif(found)["runs"][0]["results"]) == 1


def test_a_finding_without_a_place_has_none() -> None:
    """An account is no file."""
    found = Validation(findings=(Finding(level=Level.FAIL, where="acc", what="no", rule="invalid"),))
    assert sarif(found)["runs"][0]["results"][0]["locations"] == []
    assert "file" not in next(junit(found).iter("testcase")).attrib
