"""Plans and reports as JSON."""

from __future__ import annotations

import json

from reconciler.core.plan_document import digest, plan_document
from reconciler.core.report import report_document
from reconciler.render.json import render_plan, render_report
from tests.unit.render import samples


def test_plan_file_is_the_document_of_the_core() -> None:
    """Reading the file back gives the document, its digest included, whatever the names are."""
    for plan in (samples.rich_plan(), samples.hostile_plan()):
        document = json.loads(render_plan(plan))

        assert document == plan_document(plan)
        assert document["digest"] == digest(plan)


def test_report_file_is_the_document_of_the_core() -> None:
    """Reading the file back gives the document, whatever the messages are."""
    for report in (samples.rich_report(), samples.hostile_report()):
        assert json.loads(render_report(report)) == report_document(report)


def test_json_is_harmless_in_a_log() -> None:
    """JSON on stdout holds no control character and nothing that a runner takes for a command."""
    for written in (render_plan(samples.hostile_plan()), render_report(samples.hostile_report())):
        assert written.replace("\n", "").isprintable()
        assert written.isascii()
        assert "##[" not in written
        assert not any(line.lstrip().startswith("::") for line in written.splitlines())
