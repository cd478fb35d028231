"""`schema`: what editors and other programs get."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from jsonschema import Draft202012Validator

if TYPE_CHECKING:
    from tests.cli.project import Project


@pytest.mark.parametrize("name", ["settings", "keys", "plan", "report"])
def test_each_schema_is_one(project: Project, name: str) -> None:
    """Each name prints a JSON Schema that is valid itself."""
    done = project.run("schema", name)

    assert done.code == 0
    Draft202012Validator.check_schema(json.loads(done.stdout))


def test_what_is_written_fits_its_schema(project: Project) -> None:
    """A saved plan and a report are as their schemas say."""
    plan = project.plan_file()
    report = json.loads(project.run("apply", "plan.json", "--format", "json").stdout)

    for name, document in (("plan", plan), ("report", report)):
        Draft202012Validator(json.loads(project.run("schema", name).stdout)).validate(document)
