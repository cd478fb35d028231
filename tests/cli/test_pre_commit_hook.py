"""The hook that this repository offers to pre-commit: its entry runs, and it looks at the right files."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from tests.cli.project import ROOT

if TYPE_CHECKING:
    from tests.cli.project import Finished, Project


@pytest.fixture
def hook() -> dict[str, Any]:
    """Return the one hook."""
    hooks = YAML(typ="safe").load(ROOT / ".pre-commit-hooks.yaml")
    assert [item["id"] for item in hooks] == ["reconciler-validate"]
    return dict(hooks[0])


def run(project: Project, hook: dict[str, Any]) -> Finished:
    """Run the hook's entry as pre-commit does: split like a shell, in the repository, with no file names."""
    assert hook["language"] == "python"
    assert hook["pass_filenames"] is False
    program, *arguments = shlex.split(hook["entry"])
    assert program == "reconciler"
    return project.run(*arguments)


def test_the_entry_passes_and_fails_with_the_declarations(project: Project, hook: dict[str, Any]) -> None:
    """A commit of a bad key file is stopped, with the place."""
    assert run(project, hook).code == 0
    project.keys(client_a="daily_usd: 0")
    done = run(project, hook)
    assert done.code == 3
    assert "keys/team.yaml:4:" in done.stdout


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("reconciler.yaml", True),
        ("prod/reconciler.yml", True),
        ("keys/team.yaml", True),
        ("prod/keys/a/b.yaml", True),
        ("monkeys/a.yaml", False),
        ("keys/readme.md", False),
        ("docs/other.yaml", False),
    ],
)
def test_it_runs_when_a_manifest_file_changes(hook: dict[str, Any], name: str, *, meant: bool) -> None:
    """And stays out of the way of every other commit."""
    assert bool(re.search(hook["files"], name)) is meant
