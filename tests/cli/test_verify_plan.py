"""`reconciler verify-plan`: anybody can derive a reviewed plan again, without a network and a credential."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from reconciler.manifest.schema import schema

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.cli.project import Project

SAVE = ("plan", "-o", "plan.json", "--save-observed", "observed.json")
VERIFY = ("verify-plan", "plan.json", "--observed", "observed.json")


def edit(project: Project, change: Callable[[dict[str, Any]], object]) -> None:
    """Change what was observed."""
    path = project.root / "observed.json"
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))


@pytest.fixture
def saved(project: Project) -> Project:
    """Return a project with one applied key, a second one declared since, and a saved plan for it."""
    assert project.run("apply", "--yes").code == 0
    project.sandbox.operator.create_key("one", name="of-somebody-else")
    small = "daily_usd: 10, total_usd: 100, concurrency: 5"
    project.keys(client_a="daily_usd: 11, total_usd: 100, concurrency: 5", client_b=small)
    assert project.run(*SAVE).code == 0
    return project


def test_a_plan_is_verified_without_network_and_credentials(saved: Project) -> None:
    """The sandbox is asked nothing, and no token is in the environment."""
    asked = len(saved.sandbox.operator.requests())
    del saved.environment["SANDBOX_ONE_TOKEN"]
    done = saved.run(*VERIFY)
    assert (done.code, done.stderr) == (0, "")
    assert "Verified: this plan follows from what was observed." in done.stdout
    assert json.loads((saved.root / "plan.json").read_text())["digest"] in done.stdout
    assert len(saved.sandbox.operator.requests()) == asked


def test_the_observed_state_is_safe_to_publish(saved: Project) -> None:
    """It has the form of its schema, and nothing of a key that somebody else owns."""
    text = (saved.root / "observed.json").read_text()
    jsonschema.Draft202012Validator(schema("observed")).validate(json.loads(text))
    assert "of-somebody-else" not in text
    assert [key["name"] for key in json.loads(text)["accounts"][0]["keys"]] == ["client-a"]


def test_what_differs_is_told(saved: Project) -> None:
    """A state in which the key is as declared already needs no update, and one without it needs a create."""

    def change(document: dict[str, Any]) -> None:
        document["accounts"][0]["keys"][0]["spec"]["limits.daily_usd"] = "11"

    edit(saved, change)
    done = saved.run(*VERIFY)
    assert done.code == 4
    assert "- update reseller/client-a is in the plan, and does not follow" in done.stdout
    assert "Not verified: 1 difference." in done.stdout
    edit(saved, lambda document: document["accounts"][0]["keys"][0]["spec"].update({"limits.daily_usd": "9"}))
    found = saved.run(*VERIFY, "--format", "json")
    assert found.code == 4
    assert json.loads(found.stdout)["differences"] == [
        {"change": "changed", "what": "update reseller/client-a", "fields": ["before", "before_fp"]}
    ]


def test_other_declarations_are_told_apart_from_a_wrong_plan(saved: Project) -> None:
    """The reader learns that the checkout is the wrong one."""
    saved.keys(client_a="daily_usd: 12, total_usd: 100, concurrency: 5")
    done = saved.run(*VERIFY)
    assert done.code == 4
    assert "observed.json was saved with other declarations; check out the commit" in done.stderr
