"""`reconciler github job` and `rotation`, called by mistake; tests/e2e/test_action.py has them at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cli.project import ROOT
from tests.stores.github_pulls import PROPOSER, REPOSITORY, WORKFLOW, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cli.project import Project
    from tests.stores.github_pulls import PullsFake

DIGEST = f"sha256:{'5' * 64}"
DUE = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a: {limits: {daily_usd: 10, total_usd: 100, concurrency: 5}, rotate_every: 1d}
"""


@pytest.fixture
def github(project: Project) -> Iterator[PullsFake]:
    """Serve a repository, and make the project a job of a schedule."""
    with running() as fake:
        project.environment |= {
            "GITHUB_API_URL": fake.url,
            "GITHUB_EVENT_NAME": "schedule",
            "GITHUB_EVENT_PATH": str(ROOT / "tests" / "github" / "payloads" / "schedule.json"),
            "GITHUB_OUTPUT": str(project.root / "outputs"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_SHA": "c0ffee" + "0" * 34,
            "GITHUB_STEP_SUMMARY": str(project.root / "summary.md"),
            "GITHUB_TOKEN": WORKFLOW,
            "GITHUB_WORKSPACE": str(project.root),
            "RUNNER_TEMP": str(project.root),
        }
        yield fake


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("apply",), "apply needs one of them"),
        (("plan", "--expect-digest", DIGEST), "belongs to apply"),
        (("drift", "--expect-from-check"), "belongs to apply"),
        (("plan", "--deadline", "20m"), "--plan and --deadline belong to apply"),
        (("plan", "--within", "7d"), "--within belongs to rotation"),
        (("plan", "--stack", "two words"), "--stack must be a word"),
        (("apply", "--expect-digest", "latest"), "is not a digest"),
        (("apply", "--expect-digest", DIGEST, "--expect-from-check"), "each says alone"),
    ],
)
def test_what_does_not_fit_together(
    project: Project, github: PullsFake, arguments: tuple[str, ...], why: str
) -> None:
    """A job that makes no sense does nothing and says why."""
    done = project.run("github", "job", *arguments)

    assert done.code == 1
    assert why in done.stderr
    assert github.requests == []
    assert project.sandbox.operator.requests() == []


def test_outside_a_workflow(project: Project) -> None:
    """Without the runner's variables nothing is planned."""
    done = project.run("github", "job", "plan")

    assert (done.code, "run this in a workflow" in done.stderr) == (1, True)
    assert project.sandbox.operator.requests() == []


def test_a_saved_plan_is_applied_by_its_digest(project: Project, github: PullsFake) -> None:
    """A plan from an artifact needs the digest all the same, and only that plan is applied."""
    digest = project.plan_file()["digest"]
    refused = project.run("github", "job", "apply", "--plan", "plan.json", "--expect-digest", DIGEST)
    done = project.run("github", "job", "apply", "--plan", "plan.json", "--expect-digest", digest)

    assert (refused.code, done.code) == (4, 0), done.stderr
    assert len(project.live("client-a")) == 1
    assert github.requests == []


def test_a_rotation_is_not_for_pull_requests(project: Project, github: PullsFake) -> None:
    """There is no branch to merge into that the run stands for."""
    payload = ROOT / "tests" / "github" / "payloads" / "merge_group.json"
    project.environment |= {"GITHUB_EVENT_NAME": "merge_group", "GITHUB_EVENT_PATH": str(payload)}
    done = project.run("github", "rotation")

    assert done.code == 1
    assert "for the branch of a schedule, a push or a dispatch" in done.stderr
    assert github.requests == []


def test_a_rotation_of_files_elsewhere(project: Project, github: PullsFake) -> None:
    """Files that are not in the checkout cannot be part of a pull request."""
    (project.root / "keys" / "team.yaml").write_text(DUE)
    assert project.run("apply", "--yes").code == 0
    project.environment["GITHUB_WORKSPACE"] = str(project.root / "keys" / "elsewhere")
    done = project.run("github", "rotation", "--within", "7d")

    assert done.code == 1
    assert "not below GITHUB_WORKSPACE" in done.stderr
    assert github.requests == []


def test_two_stacks_have_two_branches(project: Project, github: PullsFake) -> None:
    """The rotations of one stack never overwrite those of another."""
    (project.root / "keys" / "team.yaml").write_text(DUE)
    assert project.run("apply", "--yes").code == 0
    done = project.run("github", "rotation", "--within", "7d", "--stack", "prod")

    assert done.code == 9, "GITHUB_TOKEN of these jobs writes no contents"
    project.environment["GITHUB_TOKEN"] = PROPOSER
    for stack in ("prod", "test"):
        done = project.run("github", "rotation", "--within", "7d", "--stack", stack)
        assert done.code == 0, done.stderr
    assert sorted(github.branches) == ["reconciler-rotation-prod", "reconciler-rotation-test"]
    assert len(github.pulls) == 2
