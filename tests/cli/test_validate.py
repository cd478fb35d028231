"""`validate`: offline, every problem at once."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.project import Project


def test_needs_neither_network_nor_token(project: Project) -> None:
    """Valid declarations are counted, with no token set and no request sent."""
    del project.environment["SANDBOX_ONE_TOKEN"]

    done = project.run("validate")

    assert (done.code, done.stdout, done.stderr) == (0, "1 key in 1 file is valid\n", "")
    assert project.sandbox.operator.requests() == []


def test_json_for_programs(project: Project) -> None:
    """Problems come with file, line, column and message; success with counts."""
    good = json.loads(project.run("validate", "--format", "json").stdout)
    project.keys(client_a="daily_usd: 0", client_b="hourly_usd: 5")
    done = project.run("validate", "--format", "json")
    bad = json.loads(done.stdout)

    assert good == {"valid": True, "problems": [], "keys": 1, "files": 1}
    assert (done.code, bad["valid"]) == (3, False)
    assert [(item["file"], item["line"]) for item in bad["problems"]] == [
        ("keys/team.yaml", 4),
        ("keys/team.yaml", 5),
    ]


def test_a_value_is_never_repeated(project: Project) -> None:
    """A secret that was pasted into a key file appears in no message."""
    project.keys(client_a="daily_usd: cr_pasted_by_mistake_0000000000")

    done = project.run("validate")

    assert done.code == 3
    assert "pasted" not in done.stdout + done.stderr


def test_missing_settings_are_explained(project: Project) -> None:
    """Without a settings file the message says so, and `init` and `--config` are the ways out."""
    (project.root / "reconciler.yaml").unlink()

    done = project.run("validate")

    assert done.code == 3
    assert "reconciler.yaml" in done.stdout
