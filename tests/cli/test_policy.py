"""A policy in the settings: `validate`, `plan` and `apply` refuse with the place, and exit with 5."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.project import Project

POLICY = "policy: {require: [owner], max_daily_usd: 8, owners: [billing]}\n"
KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a:
    owner: OWNER
    limits: {daily_usd: 10, total_usd: 100, concurrency: 5}
"""
TOO_HIGH = (
    "keys/team.yaml:6:14: reseller/client-a: `daily_usd` is 10, and `policy.max_daily_usd` is 8; lower it"
)


def declared(project: Project, policy: str = POLICY, *, owner: str = "billing", daily: str = "10") -> None:
    """Write settings with a policy, and the key of an owner."""
    project.settings(policy)
    text = KEYS.replace("OWNER", owner).replace("daily_usd: 10", f"daily_usd: {daily}")
    (project.root / "keys" / "team.yaml").write_text(text)


def test_validate_tells_it_offline_in_every_format(project: Project) -> None:
    """Exit code 5, and the rule for programs that group findings."""
    declared(project)
    project.environment.pop("SANDBOX_ONE_TOKEN")

    text = project.run("validate")
    document = json.loads(project.run("validate", "--format", "json").stdout)
    sarif = json.loads(project.run("validate", "--format", "sarif").stdout)
    junit = project.run("validate", "--format", "junit")

    assert (text.code, text.stdout) == (5, f"{TOO_HIGH}\n1 problem.\n")
    assert document["problems"][0]["line"] == 6
    assert [result["ruleId"] for result in sarif["runs"][0]["results"]] == ["policy-max"]
    assert 'type="policy-max"' in junit.stdout
    assert project.sandbox.operator.requests() == []


def test_what_is_invalid_outweighs_the_policy(project: Project) -> None:
    """Exit code 3: nobody can say what such a key would be."""
    declared(project, daily="0")
    assert project.run("validate").code == 3


def test_a_plan_is_shown_and_refused_and_an_apply_does_nothing(project: Project) -> None:
    """The reviewer sees what it would be, and why it is not."""
    declared(project)

    planned = project.run("plan", "-o", "plan.json")
    applied = project.run("apply", "--yes")
    saved = project.run("apply", "plan.json")

    assert planned.code == applied.code == saved.code == 5
    assert f"error: {TOO_HIGH}" in planned.stderr
    assert "Refused by the policy:" in planned.stdout
    assert "An apply refuses this plan as it stands." in planned.stdout
    assert TOO_HIGH in applied.stderr
    assert TOO_HIGH in saved.stderr
    assert json.loads((project.root / "plan.json").read_text())["meta"]["policy"] == [TOO_HIGH]
    assert project.sandbox.operator.keys("one") == []


def test_a_key_of_somebody_who_left_is_switched_off(project: Project) -> None:
    """`validate` warns, the plan says why, the apply does it, and the next plan is empty."""
    declared(project, "", owner="ann")
    assert project.run("apply", "--yes").code == 0
    declared(project, "policy: {owners: [billing]}\n", owner="ann")

    warned = project.run("validate")
    planned = project.run("plan")
    status = project.run("status")
    applied = project.run("apply", "--yes")

    assert warned.code == 0
    assert warned.stdout.startswith("keys/team.yaml:5:5: warning: reseller/client-a: its `owner` is none of")
    assert planned.code == 0
    assert "its owner is none of `policy.owners`" in planned.stdout
    assert "the policy outweighs `enabled`" in planned.stdout
    assert "its owner is none of `policy.owners`: the next apply switches it off" in status.stdout
    assert applied.code == 0
    assert [row.enabled for row in project.sandbox.operator.keys("one")] == [False]
    assert project.run("plan", "--detailed-exitcode").code == 0
    assert project.run("rotate", "client-a").code == 1


def test_nobody_can_get_a_new_key_for_somebody_who_left(project: Project) -> None:
    """A key that was never minted is not minted to be switched off."""
    declared(project, "policy: {owners: [billing]}\n", owner="ann")
    assert project.run("apply", "--yes").code == 0
    assert project.sandbox.operator.keys("one") == []
