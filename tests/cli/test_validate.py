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

    assert good == {"valid": True, "problems": [], "warnings": [], "keys": 1, "files": 1}
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


def test_formats_for_ci_keep_the_exit_codes(project: Project) -> None:
    """JUnit and SARIF say the same as the text."""
    good = project.run("validate", "--format", "junit")
    project.keys(client_a="daily_usd: 0", client_b="hourly_usd: 5")
    junit, sarif = project.run("validate", "--format", "junit"), project.run("validate", "--format", "sarif")

    assert (good.code, junit.code, sarif.code) == (0, 3, 3)
    assert 'failures="0"' in good.stdout
    assert 'failures="2"' in junit.stdout
    results = json.loads(sarif.stdout)["runs"][0]["results"]
    regions = [item["locations"][0]["physicalLocation"]["region"]["startLine"] for item in results]
    assert regions == [4, 5]


def test_an_override_that_is_over_is_a_warning(project: Project) -> None:
    """With its place, and the declarations stay valid."""
    project.settings("allow: {disables: 5, until: 2020-01-31, reason: long ago}\n")
    done = project.run("validate")

    assert done.code == 0
    assert "`allow` ended with 2020-01-31 and raises nothing any more; remove it" in done.stdout
    assert done.stdout.startswith("reconciler.yaml:10:")
    assert done.stdout.endswith("1 key in 1 file is valid\n")


def test_an_override_shows_in_the_plan(project: Project) -> None:
    """With its reason, and to the machine as well."""
    project.settings("allow: {disables: 5, until: 2126-01-31, reason: team b moves}\n")
    done = project.run("plan")

    assert done.code == 0
    assert "max_disables 5, to the end of 2126-01-31 (UTC)" in done.stdout
    assert "because: team b moves" in done.stdout
    plan = project.plan_file()["plan"]
    assert plan["allow"] == {"disables": 5, "until": "2126-01-31", "reason": "team b moves"}
    assert plan["safety"]["max_disables"] == 5
