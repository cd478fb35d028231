"""What `validate` found as JUnit XML, which most CI systems show beside test results."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from reconciler.core.findings import Level
from reconciler.render.view import TEXT_LIMIT, foreign

if TYPE_CHECKING:
    from reconciler.core.findings import Finding
    from reconciler.render.validation import Validation


def render_junit(found: Validation) -> str:
    """Return one test case for each finding; without failures there is one more, which passed.

    There is no standard; this is what the Ant task wrote, and what GitLab and Jenkins document to read.
    """
    cases = [_case(item) for item in found.findings]
    if not found.failures:
        cases.append(ET.Element("testcase", name=f"{found.keys} keys are valid", classname="validate"))
    counts = {"tests": str(len(cases)), "failures": str(len(found.failures)), "errors": "0"}
    suites = ET.Element("testsuites", counts)
    suite = ET.SubElement(suites, "testsuite", {"name": "reconciler validate", **counts})
    suite.extend(cases)
    ET.indent(suites)
    text = ET.tostring(suites, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _case(finding: Finding) -> ET.Element:
    place = _clean(finding.where)
    case = ET.Element("testcase", name=place, classname="validate")
    if finding.mark is not None:
        case.set("file", _clean(finding.mark.file))
        case.set("line", str(finding.mark.line))
    what = _clean(finding.what)
    if finding.level is Level.FAIL:
        failure = ET.SubElement(case, "failure", message=what, type=finding.rule)
        failure.text = f"{place}: {what}"
    else:
        ET.SubElement(case, "system-out").text = f"{place}: warning: {what}"
    return case


def _clean(text: str) -> str:
    return foreign(text, limit=TEXT_LIMIT).text
