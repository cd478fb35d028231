"""The audit trail as the real command line keeps and shows it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.project import Project

AUDIT = "audit: {path: audit.jsonl}\n"


def test_an_apply_leaves_evidence_of_who_did_what(project: Project) -> None:
    """Every record says who, which plan and which key, with fields before and after, and no secret."""
    project.settings(AUDIT)
    project.environment |= {
        "GITHUB_ACTIONS": "true",
        "GITHUB_ACTOR": "octocat",
        "GITHUB_RUN_ID": "4711",
        "GITHUB_SHA": "c0ffee",
    }
    plan = project.plan_file()

    assert project.run("apply", "plan.json").code == 0

    path = project.root / "audit.jsonl"
    records = [json.loads(line)["record"] for line in path.read_text().splitlines()]
    assert [record["event"] for record in records] == ["began", "started", "ended"]
    assert {record["plan"] for record in records} == {plan["digest"]}
    assert records[0]["who"]["actor"] == "octocat"
    assert records[0]["who"]["run"] == "4711"
    ended = records[2]
    (row,) = project.live("client-a")
    assert (ended["op"], ended["address"], ended["status"]) == ("create", "reseller/client-a", "done")
    assert (ended["remote_id"], ended["receipts"][0]["remote_id"]) == (row.id, row.id)
    assert ended["after"]["limits.total_usd"] == "100"
    assert path.stat().st_mode & 0o777 == 0o600


def test_the_trail_is_shown_and_checked(project: Project) -> None:
    """A table or JSON of the declared file; a changed line is exit code 1, a torn tail is not."""
    project.settings(AUDIT)
    project.run("apply", "--yes")
    path = project.root / "audit.jsonl"

    shown = project.run("audit")
    assert shown.code == 0
    assert "reseller/client-a" in shown.stdout
    assert len(json.loads(project.run("audit", "--format", "json").stdout)) == 3

    whole = path.read_bytes()
    path.write_bytes(whole + whole[:40])
    torn = project.run("audit", "--verify")
    assert (torn.code, torn.stdout) == (0, "3 whole, 1 torn, 0 damaged\n")

    path.write_bytes(whole.replace(b"client-a", b"client-b", 1))
    damaged = project.run("audit", "audit.jsonl", "--verify")
    assert damaged.code == 1
    assert "damaged" in damaged.stderr


def test_a_trail_that_cannot_be_kept_refuses_the_apply(project: Project) -> None:
    """Nothing is written to provider or sink without evidence of it."""
    project.settings("audit: {path: keys}\n")

    refused = project.run("apply", "--yes")

    assert refused.code == 1
    assert "audit trail" in refused.stderr
    assert project.writes() == []
    assert project.held() == {}


def test_settings_without_a_trail_have_none_to_show(project: Project) -> None:
    """The file has to be named then."""
    done = project.run("audit")

    assert done.code == 1
    assert "declare no `audit`" in done.stderr
