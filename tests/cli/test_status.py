"""`status`: one table over accounts, from a real provider, with exit codes for schedules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

ACCOUNT = "    token: {env: SANDBOX_ONE_TOKEN}\n"


@pytest.fixture
def applied(project: Project) -> Project:
    """Return the project with its key applied, and a spend of 8.5 USD."""
    assert project.run("apply", "--yes").code == 0
    project.sandbox.operator.spend(project.live("client-a")[0].id, 8.5)
    return project


def add_reader(project: Project, **switches: object) -> None:
    """Declare the read-only account of the same keys as the usage source."""
    operator = project.sandbox.operator
    operator.set_switches("qcode-readonly", sub_keys="shown", **switches)
    project.environment["READER"] = project.sandbox.tokens["one_readonly"]
    path = project.root / "reconciler.yaml"
    reader = (
        f"    usage_from: reader\n  reader:\n    provider: qcode-readonly\n"
        f"    base_url: {project.sandbox.base_url}\n    token: {{env: READER}}\n"
    )
    path.write_text(path.read_text().replace(ACCOUNT, ACCOUNT + reader))


def test_the_table_is_one_line_a_key_and_only_reads(applied: Project) -> None:
    """Spend, caps, share and custody, by GET requests only."""
    applied.sandbox.operator.clear_requests()
    applied.environment["COLUMNS"] = "160"

    done = applied.run("status")

    assert (done.code, done.stderr) == (0, "")
    assert (
        "reseller/client-a  yes  -      8.5    concurrency 5, daily 10, total 100  8 % total" in done.stdout
    )
    assert done.stdout.endswith("Status: 1 key, 0 warnings.\n")
    assert {entry.method for entry in applied.sandbox.operator.requests()} == {"GET"}


@pytest.mark.parametrize("form", ["server_made", "equals_description", "contains_description"])
def test_today_comes_from_the_read_only_account(project: Project, form: str) -> None:
    """Joined by the name that the server made; the reader is no line of its own, unless it is asked for."""
    project.sandbox.operator.set_switches(name_form=form)
    add_reader(project)
    assert project.run("apply", "--yes", "--account", "reseller").code == 0
    project.sandbox.operator.spend(project.live("client-a")[0].id, 8.5)

    rows = json.loads(project.run("status", "--format", "json").stdout)["keys"]
    alone = json.loads(project.run("status", "--account", "reader", "--format", "json").stdout)["keys"]

    assert [(row["address"], row["used_usd"]["today"], row["percent"]) for row in rows] == [
        ("reseller/client-a", "8.5", {"cap": "limits.daily_usd", "value": 85})
    ]
    assert rows[0]["warnings"] == ["85 % of daily_usd is used"]
    (shown,) = [row["name"] for row in alone]
    assert ("client-a" in shown) is (form != "server_made")
    assert [(row["standing"], row["used_usd"]["today"]) for row in alone] == [("read-only", "8.5")]


def test_names_that_do_not_meet_are_told(applied: Project) -> None:
    """The provider may show other keys there; then the table says why there is no usage."""
    add_reader(applied)
    applied.sandbox.operator.set_switches("qcode-readonly", sub_keys="hidden")

    done = applied.run("status")

    assert done.code == 0
    assert "its usage source shows no key by a name of this account" in done.stdout


def test_warnings_decide_the_exit_code_on_request(applied: Project) -> None:
    """`--fail-on warn` ends with 2; the thresholds are options."""
    codes = [
        applied.run("status", "--fail-on", "warn").code,
        applied.run("status", "--warn-percent", "8").code,
        applied.run("status", "--warn-percent", "8", "--fail-on", "warn").code,
    ]

    assert codes == [0, 0, 2]


def test_metrics_are_for_prometheus(applied: Project) -> None:
    """Stdout is the exposition and nothing else."""
    done = applied.run("status", "--format", "prometheus")

    assert done.code == 0
    assert 'reconciler_account_up{account="reseller"} 1' in done.stdout.splitlines()
    assert 'window="total"} 8.5\n' in done.stdout
    assert all(line.startswith(("# ", "reconciler_")) for line in done.stdout.splitlines())


def test_undeclared_keys_of_the_namespace_are_marked(project: Project) -> None:
    """They are governed and no file declares them."""
    project.settings()
    path = project.root / "reconciler.yaml"
    path.write_text(path.read_text().replace(ACCOUNT, ACCOUNT + "    namespace: team\n"))
    project.sandbox.operator.create_key("one", description="team/old", daily_usd=1, total_usd=1)
    project.sandbox.operator.create_key("one", description="other", daily_usd=1, total_usd=1)

    done = project.run("status")

    assert "reseller/team/old (undeclared)" in done.stdout
    assert "other" not in done.stdout
    assert "Status: 2 keys, 1 missing, 1 undeclared, 1 warning.\n" in done.stdout


def test_an_account_that_is_refused_hides_no_other(applied: Project) -> None:
    """The other account's keys are shown, and the exit code is that of the refusal."""
    path = applied.root / "reconciler.yaml"
    second = (
        f"  second:\n    provider: qcode-partner\n    base_url: {applied.sandbox.base_url}\n"
        "    token: {env: WRONG}\n"
    )
    path.write_text(path.read_text().replace("sinks:\n", f"{second}sinks:\n"))
    applied.environment["WRONG"] = "rsk_wrong_0000000000000000"

    done = applied.run("status")

    assert done.code == 9
    assert "reseller/client-a" in done.stdout
    assert "1 account not read" in done.stdout
    assert done.stderr.startswith("error: second: ")


def test_an_account_that_is_not_there_is_a_mistake(project: Project) -> None:
    """As with every other command."""
    done = project.run("status", "--account", "nobody")

    assert (done.code, done.stdout) == (1, "")
    assert "there is no account 'nobody'" in done.stderr


def test_a_source_that_shows_no_usage_is_a_mistake(project: Project) -> None:
    """A partner account cannot tell what its keys used today."""
    path = project.root / "reconciler.yaml"
    second = (
        f"    usage_from: second\n  second:\n    provider: qcode-partner\n"
        f"    base_url: {project.sandbox.base_url}\n    token: {{env: SANDBOX_TWO_TOKEN}}\n"
    )
    path.write_text(path.read_text().replace(ACCOUNT, ACCOUNT + second))

    done = project.run("status")
    other = project.run("status", "--account", "second")

    assert (done.code, other.code) == (1, 0)
    assert "name a qcode-readonly account" in done.stderr
