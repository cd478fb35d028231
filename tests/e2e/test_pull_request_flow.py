"""From a pull request to production and back: the real program, the sandbox, and GitHub on loopback."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reconciler.core.sanitize import sanitize
from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project
from tests.e2e.workflow_runs import recorded
from tests.stores.github_pulls import running
from tests.unit.github.test_pages import said
from tests.unit.render.samples import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.workflow_runs import Run
    from tests.stores.github_pulls import PullsFake

HEAD = "aaa" + "1" * 37
SECOND = "b0b" + "2" * 37
MERGE = "c0ffee" + "0" * 33 + "1"
MEBIBYTE = 1_048_576
KEYS = """\
version: 1
defaults: {{account: reseller, deliver: {{sink: local}}}}
keys:
  client-a: {{limits: {{daily_usd: {daily}, total_usd: 100, concurrency: 5}}}}
"""
BIG_SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller: {{provider: qcode-partner, base_url: "{base_url}", token: {{env: SANDBOX_TOKEN_ONE}}}}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
safety: {{max_creates: null, max_disables: null, max_change_percent: null, max_increase_usd: null}}
"""


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the simulated provider."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def github() -> Iterator[PullsFake]:
    """Serve the simulated repository."""
    with running() as fake:
        yield fake


@pytest.fixture
def project(tmp_path: Path, sandbox: SandboxServer) -> Project:
    """Return a checkout with one declared key."""
    return Project.create(tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS.format(daily=10))


def declare(project: Project, daily: int) -> None:
    """Change the declaration of the one key."""
    (project.root / "keys" / "team.yaml").write_text(KEYS.format(daily=daily))


def pull_request(project: Project, github: PullsFake, head: str) -> Run:
    """Open the pull request, or push to it, and run the plan job."""
    github.opened(7, head)
    run = recorded(project, github, "pull_request", sha="f" * 40)
    run.payload["pull_request"]["head"]["sha"] = head
    done = run.job("plan")
    assert (done.code, done.stdout) == (0, ""), done.stderr
    return run


def merge(project: Project, github: PullsFake) -> Run:
    """Merge the pull request and return the run of the push."""
    github.merged(7, MERGE)
    return recorded(project, github, "push", sha=MERGE)


@pytest.mark.slow
def test_opened_pushed_approved_merged_applied(project: Project, github: PullsFake) -> None:
    """One comment that is edited, a check for each head, and after the merge exactly the approved plan."""
    pull_request(project, github, HEAD)
    first = github.comments[7][0]["body"]
    declare(project, 20)
    run = pull_request(project, github, SECOND)

    [comment] = github.comments[7]
    assert comment["body"] != first
    assert "`limits.daily_usd` `20`" in comment["body"]
    assert [row["head_sha"] for row in github.check_runs] == [HEAD, SECOND]
    assert {row["conclusion"] for row in github.check_runs} == {"success"}
    assert github.check_runs[1]["external_id"] in comment["body"]
    assert f"{github.check_runs[1]['external_id']}\n" in run.outputs
    assert "**Plan: 1 to create" in run.summary

    github.review(7, "bob")
    apply = merge(project, github)
    done = apply.job("apply")

    assert done.code == 0, done.stderr
    assert "reviewed in pull request 7, approved by bob" in done.stderr
    assert "CLIENT_A" in project.secrets()
    assert "Apply: applied (exit 0). 1 done." in apply.summary
    assert len(github.comments[7]) == 1


@pytest.mark.slow
def test_an_edit_in_the_panel_between_review_and_merge(
    project: Project, sandbox: SandboxServer, github: PullsFake
) -> None:
    """Nothing is applied, exit 4, and the pull request is told which key is not as it was reviewed."""
    run = recorded(project, github, "push", sha=MERGE)
    assert run("apply", "--yes").code == 0
    declare(project, 20)
    pull_request(project, github, HEAD)
    github.review(7, "bob")
    [row] = [row for row in sandbox.operator.keys("one") if row.enabled]
    sandbox.operator.change_key(row.id, daily_usd=500.0)
    sandbox.operator.clear_requests()

    apply = merge(project, github)
    again = [apply.job("apply"), apply("apply", "--expect-from-check", "--yes")]

    assert [done.code for done in again] == [4, 4]
    assert "other contents: update reseller/client-a" in again[0].stderr
    assert "500 → 20" in again[0].stdout
    assert {request.method for request in sandbox.operator.requests()} == {"GET"}
    [_, stopped] = github.comments[7]
    assert "nothing was applied" in stopped["body"]
    assert "- `update` `reseller/client-a`" in stopped["body"]


@pytest.mark.slow
def test_a_merge_without_an_approval(project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
    """Without an approval of this plan nothing is even read from the provider."""
    pull_request(project, github, HEAD)
    sandbox.operator.clear_requests()
    apply = merge(project, github)
    done = apply("apply", "--expect-from-check")

    assert done.code == 4
    assert "nobody who may work on the repository approved" in done.stderr
    assert sandbox.operator.requests() == []


@pytest.mark.slow
def test_drift_is_reported_and_closed(project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
    """A schedule opens one issue for an edit in the panel, keeps it, and closes it once it is mended."""
    run = recorded(project, github, "schedule", sha=MERGE)
    assert run("apply", "--yes").code == 0
    [row] = [row for row in sandbox.operator.keys("one") if row.enabled]
    states = []
    for daily in (500.0, 400.0, 10.0, 300.0):
        sandbox.operator.change_key(row.id, daily_usd=daily)
        done = run.job("drift")
        assert done.code == 0, done.stderr
        [issue] = github.issues
        states.append((issue["state"], "`400` → `10`" in issue["body"]))

    assert states == [("open", False), ("open", True), ("closed", False), ("open", False)]


@pytest.mark.slow
def test_a_fork_gets_a_validation_and_no_more(
    project: Project, sandbox: SandboxServer, github: PullsFake
) -> None:
    """For a fork nothing is sent anywhere, no token is needed, and the page says that nothing was planned."""
    run = recorded(project, github, "pull_request_fork", sha="f" * 40)
    run.token = ""
    done = [run.job("plan"), run("github", "check", "--exit-code", "3")]

    assert [item.code for item in done] == [0, 0], done[0].stderr
    assert "nothing is sent to GitHub: the pull request comes from a fork" in done[1].stderr
    assert "No plan was made: the pull request comes from a fork" in run.summary
    assert "No changes" not in run.summary
    assert github.requests == []
    assert sandbox.operator.requests() == []


@pytest.mark.slow
def test_declarations_that_are_wrong(project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
    """Nothing is planned, the line is annotated, the check fails, and the job ends with 3."""
    declare(project, 0)
    github.opened(7, HEAD)
    run = recorded(project, github, "pull_request", sha="f" * 40)
    done = run.job("plan")

    assert done.code == 3
    assert "::error file=keys/team.yaml,line=4,col=" in done.stdout
    assert "**No plan was made (exit 3: invalid).**" in run.summary
    assert [row["conclusion"] for row in github.check_runs] == ["failure"]
    assert github.comments == {}
    assert sandbox.operator.requests() == []


@pytest.mark.slow
def test_hostile_names_from_the_panel(tmp_path: Path, sandbox: SandboxServer, github: PullsFake) -> None:
    """Keys that somebody named to attack reviewers and runners are shown, as text and nothing else."""
    # A name with a slash or a tilde is nobody's of ours, so it is not shown at all.
    names = [name for name in HOSTILE if sanitize(name) and not {"/", "~"} & {*name}]
    limits = {"daily_usd": 5.0, "total_usd": 50.0, "concurrency": 5}
    sandbox.operator.create_keys([{"account": "one", "name": f"team/{name}", **limits} for name in names])
    settings = BIG_SETTINGS.format(base_url=sandbox.base_url).replace(
        "provider:", "namespace: team, undeclared: disable, provider:"
    )
    project = Project.create(
        tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS.format(daily=10), settings=settings
    )
    run = pull_request(project, github, HEAD)
    drift = run("drift", "--format", "json", to="drift.json")
    assert run("github", "drift-issue", "drift.json").code == 0
    texts = [github.comments[7][0]["body"], github.check_runs[0]["output"]["summary"]]
    texts += [github.issues[0]["body"], run.summary]

    assert f"{len(names)} to disable" in texts[0]
    for text in texts:
        assert re.findall(r"[@#]\w|https?:|<|\]\(", said(text)) == []
    for text in (*texts, *run.heard, drift.stdout):
        assert "##[" not in text
        assert not [line for line in text.splitlines() if line.lstrip().startswith("::")]
        assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", text)


@pytest.mark.slow
def test_three_thousand_changes(tmp_path: Path, sandbox: SandboxServer, github: PullsFake) -> None:
    """The comment, the check and the summary keep to their limits, and every disable is on each of them."""
    leaving = [f"leaving-{number}" for number in range(400)]
    limits = {"daily_usd": 5.0, "total_usd": 50.0, "concurrency": 5}
    sandbox.operator.create_keys([{"account": "one", "name": name, **limits} for name in leaving])
    lines = [f"  {name}: {{enabled: false, deliver: none}}\n" for name in leaving]
    small = "limits: {daily_usd: 5, total_usd: 50, concurrency: 5}"
    lines += [f"  new-{number}: {{{small}}}\n" for number in range(2_600)]
    head = "version: 1\ndefaults: {account: reseller, deliver: {sink: local}}\nkeys:\n"
    settings = BIG_SETTINGS.format(base_url=sandbox.base_url)
    project = Project.create(
        tmp_path, sandbox.base_url, sandbox.tokens["one"], head + "".join(lines), settings=settings
    )
    run = pull_request(project, github, HEAD)
    [comment], [check] = github.comments[7], github.check_runs

    assert "Plan: 2600 to create, 0 to update, 400 to disable" in comment["body"]
    assert len(comment["body"]) <= 65_536
    assert len(run.summary.encode()) < MEBIBYTE
    assert check["conclusion"] == "success"
    for text in (comment["body"], check["output"]["summary"], run.summary):
        assert [name for name in leaving if f"`reseller/{name}`" not in text] == []
