"""`apply`: what counts as reviewed, what is reported, and what a lost answer does."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.cli.project import Project

LIMITS = "daily_usd: 10, total_usd: 100, concurrency: 5"


def test_a_saved_plan_is_applied_as_it_was_reviewed(project: Project) -> None:
    """The saved plan alone is review enough; with its digest too; twice it finds everything done."""
    digest = project.plan_file()["digest"]

    first = project.run("apply", "plan.json", "--expect-digest", digest)
    again = project.run("apply", "plan.json")

    assert (first.code, again.code) == (0, 0)
    assert "already done" in again.stdout
    assert len(project.live("client-a")) == 1


def test_a_saved_plan_and_another_digest_do_not_go_together(project: Project) -> None:
    """A digest that is not that of the file is refused before anything is read."""
    project.plan_file()
    project.sandbox.operator.clear_requests()

    done = project.run("apply", "plan.json", "--expect-digest", f"sha256:{'0' * 64}")

    assert done.code == 4
    assert project.sandbox.operator.requests() == []


def test_a_changed_plan_file_is_refused(project: Project) -> None:
    """A plan file that was edited after its digest was made does not count as reviewed."""
    plan = project.plan_file()
    plan["plan"]["actions"][0]["after"]["limits.daily_usd"] = "1000"
    (project.root / "plan.json").write_text(json.dumps(plan))

    done = project.run("apply", "plan.json")

    assert done.code in {3, 4}
    assert project.writes() == []


def test_an_expected_digest_is_enough(project: Project) -> None:
    """The digest that somebody approved stands for the plan."""
    digest = project.plan_file()["digest"]

    done = project.run("apply", "--expect-digest", digest, "--format", "json")

    report = json.loads(done.stdout)
    assert done.code == 0
    assert (report["outcome"], report["digest"]) == ("applied", digest)


def test_a_report_is_written_and_says_the_same(project: Project) -> None:
    """The report file is the JSON of stdout."""
    done = project.run("apply", "--yes", "--format", "json", "--report", "report.json")

    assert json.loads((project.root / "report.json").read_text()) == json.loads(done.stdout)


def test_a_report_that_cannot_be_written_is_an_error(project: Project) -> None:
    """The run is done and shown all the same."""
    done = project.run("apply", "--yes", "--report", "/dev/full")

    assert done.code == 1
    assert "No space left on device" in done.stderr
    assert "1 done" in done.stdout


def test_a_report_that_cannot_be_written_hides_nothing_worse(project: Project) -> None:
    """A run that ended badly keeps its exit code."""
    project.keys(client_a=LIMITS, client_b=LIMITS)
    project.sandbox.operator.add_fault("status", method="PATCH", status=422, nth=2, times=None)

    assert project.run("apply", "--yes", "--report", "/dev/full").code == 6


def test_an_old_report_is_not_taken_for_a_new_one(project: Project) -> None:
    """A run that is refused leaves no report, not even the one of the run before."""
    (project.root / "report.json").write_text("old")

    assert project.run("apply", "--report", "report.json").code == 4
    assert not (project.root / "report.json").exists()


def test_a_report_needs_a_directory(project: Project) -> None:
    """A place where no report can be written is refused before anything is applied."""
    done = project.run("apply", "--yes", "--report", "absent/report.json")

    assert done.code == 1
    assert "absent is no directory" in done.stderr
    assert project.writes() == []


def test_a_full_stdout_is_an_error_after_the_run(project: Project) -> None:
    """The keys are applied, and the code tells that nobody could read so."""
    with open("/dev/full", "w") as full, project.start("apply", "--yes", stdout=full.fileno()) as process:  # noqa: PTH123
        done = project.finish(process)

    assert done.code == 1
    assert "could not be written to stdout" in done.stderr
    assert len(project.live("client-a")) == 1


def test_a_refused_plan_is_shown_without_spoiling_json(project: Project) -> None:
    """With --format json stdout is for programs, so people read the refused plan on stderr."""
    digest = f"sha256:{'0' * 64}"

    done = project.run("apply", "--expect-digest", digest, "--format", "json")

    assert (done.code, done.stdout) == (4, "")
    assert "reseller/client-a" in done.stderr


def test_a_plan_for_an_account_that_is_gone(project: Project) -> None:
    """A saved plan whose account has been renamed is stale."""
    assert project.run("plan", "--account", "reseller", "-o", "plan.json").code == 0
    for name in ("reconciler.yaml", "keys/team.yaml"):
        path = project.root / name
        path.write_text(path.read_text().replace("reseller", "retailer"))

    done = project.run("apply", "plan.json")

    assert done.code == 4
    assert "reseller" in done.stderr
    assert project.writes() == []


def test_a_reader_who_leaves_does_not_change_the_outcome(project: Project) -> None:
    """`apply | true` applies everything and keeps its exit code."""
    shell = f"{sys.executable} -m reconciler apply --yes | true; echo ${{PIPESTATUS[0]}}"
    done = project.shell(shell)

    assert done.stdout == "0\n"
    assert "Broken" not in done.stderr
    assert len(project.live("client-a")) == 1


def test_a_lost_answer_mints_no_second_key(project: Project) -> None:
    """The connection breaks after the create was executed: it is replayed, and its secret is in the sink."""
    project.sandbox.operator.add_fault("drop_after", method="POST", path="/keys$")

    done = project.run("apply", "--yes")

    assert done.code == 0
    assert len(project.live("client-a")) == 1
    assert list(project.held().values()) == project.sandbox.operator.secrets()


def test_an_apply_goes_on_where_an_earlier_one_stopped(project: Project) -> None:
    """A key that was delivered but is still at the floor gets its limits in the next run."""
    project.sandbox.operator.add_fault("status", method="PATCH", status=422, times=None)
    assert project.run("apply", "--yes").code == 1
    project.sandbox.operator.clear_faults()

    assert project.run("apply", "--yes").code == 0
    assert [row.daily_usd for row in project.live("client-a")] == [10.0]
    assert len(project.sandbox.operator.secrets()) == 1


def test_progress_is_told_on_stderr(project: Project) -> None:
    """Each finished action is one line for the log; stdout has the report alone."""
    done = project.run("apply", "--yes")

    assert done.stderr == "create reseller/client-a: done\n"
    assert done.stdout.startswith("Apply, took ")


def test_a_salt_changes_the_idempotency_keys(project: Project) -> None:
    """A configured salt is used, and one that is not set stops the apply before it writes."""
    project.settings("salt: {env: RECONCILER_SALT}\n")
    missing = project.run("apply", "--yes")
    project.environment["RECONCILER_SALT"] = "something nobody else knows".replace(" ", "-")
    done = project.run("apply", "--yes")

    assert (missing.code, done.code) == (3, 0)
    assert "RECONCILER_SALT" in missing.stderr
    assert len(project.sandbox.operator.secrets()) == 1
