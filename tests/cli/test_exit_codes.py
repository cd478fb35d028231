"""Every exit code of the README, reached with the real program against the sandbox."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

LIMITS = "daily_usd: 10, total_usd: 100, concurrency: 5"
EXEC_SINK = """\
  vault:
    type: exec
    command: [{python}, -c, "import sys; sys.stdin.read(); sys.exit({status})"]
    receipts: .secrets/vault.receipts.json
"""


def test_0_after_everything_was_applied(project: Project) -> None:
    """A full apply ends with 0, and so does the next one, which writes nothing."""
    assert project.run("apply", "--yes").code == 0
    project.sandbox.operator.clear_requests()

    again = project.run("apply", "--yes")

    assert (again.code, again.stdout) == (0, "nothing to do: every key is as declared\n")
    assert project.writes() == []


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("plan", "--nonsense"),
        ("plan", "--format", "yaml"),
        ("plan", "--account", "nobody"),
        ("plan", "--key", "nothing-*"),
        ("apply", "absent.json"),
        ("apply", "--expect-digest", "sha256:short"),
        ("apply", "--yes", "--deadline", "soon"),
        ("schema", "everything"),
    ],
)
def test_1_for_wrong_usage(project: Project, arguments: tuple[str, ...]) -> None:
    """A command line that makes no sense is an error and not "changes pending"; nothing is sent."""
    done = project.run(*arguments)

    assert (done.code, done.stdout) == (1, "")
    assert done.stderr
    assert project.sandbox.operator.requests() == []


def test_1_when_the_provider_cannot_be_reached(project: Project) -> None:
    """No provider means an error, never a plan that creates everything."""
    text = (project.root / "reconciler.yaml").read_text()
    (project.root / "reconciler.yaml").write_text(
        text.replace(project.sandbox.base_url, "http://127.0.0.1:9")
    )

    done = project.run("plan")

    assert (done.code, done.stdout) == (1, "")
    assert "GET /api/v1/reseller/keys" in done.stderr


def test_2_only_when_it_is_asked_for(project: Project) -> None:
    """`plan` says 2 for pending changes with --detailed-exitcode alone; `drift` always."""
    assert project.run("plan").code == 0
    assert project.run("plan", "--detailed-exitcode").code == 2
    assert project.run("drift").code == 2


def test_3_for_invalid_declarations(project: Project) -> None:
    """Every command that reads the declarations refuses bad ones with 3 and their places."""
    project.keys(client_a="daily_usd: 0", client_b="hourly_usd: 5")

    validate, plan = project.run("validate"), project.run("plan")

    assert (validate.code, plan.code) == (3, 3)
    assert plan.stdout == ""
    for text in (validate.stdout, plan.stderr):
        assert "keys/team.yaml:4:" in text
        assert "keys/team.yaml:5:" in text
    assert project.sandbox.operator.requests() == []


def test_3_for_missing_tokens(project: Project) -> None:
    """A token variable that is not set is a problem of the settings, named with its place."""
    del project.environment["SANDBOX_ONE_TOKEN"]

    done = project.run("plan")

    assert done.code == 3
    assert "reconciler.yaml:7:" in done.stderr
    assert "SANDBOX_ONE_TOKEN" in done.stderr


def test_4_without_a_review(project: Project) -> None:
    """Without a terminal somebody has to have reviewed something; nothing is even read before."""
    done = project.run("apply")

    assert done.code == 4
    assert "--expect-digest" in done.stderr
    assert project.sandbox.operator.requests() == []


def test_4_for_another_digest(project: Project) -> None:
    """An expected digest that is not today's ends with 4, shows the new plan and writes nothing."""
    expected = project.plan_file()["digest"]
    project.keys(client_a="daily_usd: 99, total_usd: 100, concurrency: 5")

    done = project.run("apply", "--expect-digest", expected)

    assert done.code == 4
    assert expected in done.stderr
    assert "reseller/client-a" in done.stdout
    assert project.writes() == []


def test_4_for_a_saved_plan_of_other_declarations(project: Project) -> None:
    """A saved plan is refused when the declarations or the settings have changed since."""
    project.plan_file()
    project.keys(client_a="daily_usd: 11, total_usd: 100, concurrency: 5")
    declarations = project.run("apply", "plan.json")
    project.plan_file()
    project.settings("safety: {max_creates: 2}\n")
    settings = project.run("apply", "plan.json")

    assert (declarations.code, settings.code) == (4, 4)
    assert "declarations changed" in declarations.stderr
    assert "settings changed" in settings.stderr
    assert project.writes() == []


def test_4_when_a_key_has_moved_since_the_review(project: Project) -> None:
    """An action whose live key is neither as before nor as planned is refused by itself."""
    assert project.run("apply", "--yes").code == 0
    project.keys(client_a="daily_usd: 20, total_usd: 100, concurrency: 5")
    project.plan_file()
    row = project.live("client-a")[0]
    project.sandbox.operator.change_key(row.id, daily_usd=77.0)

    done = project.run("apply", "plan.json")

    assert done.code == 4
    assert "limits.daily_usd" in done.stdout
    assert project.live("client-a")[0].daily_usd == 77


def test_5_for_a_safety_limit(project: Project) -> None:
    """A plan over a safety limit is shown in full and refused as a whole."""
    project.settings("safety: {max_creates: 1}\n")
    project.keys(client_a=LIMITS, client_b=LIMITS)

    plan, apply = project.run("plan"), project.run("apply", "--yes")

    assert (plan.code, apply.code) == (0, 5)
    assert "max_creates" in plan.stdout
    assert "max_creates" in apply.stderr
    assert project.writes() == []


def test_5_for_a_blocked_key(project: Project) -> None:
    """A key in use whose secret is nowhere waits for a person, and the others still go on."""
    made = project.sandbox.operator.create_key("one", name="client-a", description="client-a", daily_usd=10.0)
    project.sandbox.operator.spend(made["id"], 3.0)
    project.keys(client_a=LIMITS, client_b=LIMITS)

    done = project.run("apply", "--yes")

    assert done.code == 5
    assert "blocked" in done.stdout
    assert len(project.live("client-b")) == 1
    assert project.run("apply", "--yes").code == 5


def test_6_when_some_keys_failed(project: Project) -> None:
    """A key whose update is refused fails alone; the report says which, and 6 that more is to be done."""
    project.keys(client_a=LIMITS, client_b=LIMITS)
    project.sandbox.operator.add_fault("status", method="PATCH", status=422, nth=2, times=None)

    done = project.run("apply", "--yes", "--report", "report.json")

    report = json.loads((project.root / "report.json").read_text())
    assert done.code == 6
    assert (report["outcome"], report["exit_code"]) == ("partial", 6)
    assert [action["status"] for action in report["actions"]] == ["done", "failed"]
    project.sandbox.operator.clear_faults()
    assert project.run("apply", "--yes").code == 0


@pytest.mark.slow
def test_7_when_the_hourly_creates_are_used_up(project: Project) -> None:
    """Seven creates under five an hour leave two and the time; after that hour the rest is done."""
    project.keys(**{f"client_{number}": LIMITS for number in range(7)})

    done = project.run("apply", "--yes", "--deadline", "5m", "--format", "json")

    report = json.loads(done.stdout)
    assert done.code == 7
    assert report["counts"] == {"done": 5, "deferred": 2}
    assert all(action["retry_at"] for action in report["actions"] if action["status"] == "deferred")
    project.sandbox.operator.advance(3700)
    assert project.run("apply", "--yes").code == 0
    assert len(project.held()) == 7


def test_7_when_reading_would_take_longer_than_the_deadline(project: Project) -> None:
    """A provider that says "later" for longer than the run may take defers everything."""
    project.sandbox.operator.add_fault(
        "status", method="GET", status=429, headers={"Retry-After": "60"}, times=None
    )

    done = project.run("apply", "--yes", "--deadline", "5s")

    assert (done.code, done.stdout) == (7, "")
    assert "run again" in done.stderr


def test_8_when_a_secret_could_not_be_delivered(project: Project) -> None:
    """A sink that fails after the mint leaves the key at the smallest limits, and 8 says so."""
    project.settings(EXEC_SINK.format(python=sys.executable, status=1))
    project.keys(client_a=f"{LIMITS}}}, deliver: {{sink: vault")

    done = project.run("apply", "--yes")

    assert done.code == 8
    assert [row.total_usd for row in project.sandbox.operator.keys("one")] == [1.0]


def test_9_for_refused_credentials(project: Project) -> None:
    """A token that the provider refuses ends with 9 for reading and for writing."""
    project.environment["SANDBOX_ONE_TOKEN"] = "rsk_wrong_0000000000000000"

    assert (project.run("plan").code, project.run("apply", "--yes").code) == (9, 9)
