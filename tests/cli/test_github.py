"""`reconciler github`: the commands as a workflow calls them, and as somebody calls them by mistake."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.cli.commands.github import COMMANDS
from reconciler.cli.github.runner import read_file
from reconciler.cli.root import root
from reconciler.core.plan_document import digest
from reconciler.errors import UsageError
from reconciler.render.json import render_plan
from tests.cli.project import ROOT, TOKEN
from tests.stores.github import Reply
from tests.stores.github_pulls import APP, OTHER_APP, READER, REPOSITORY, WORKFLOW, running
from tests.unit.render import samples
from tests.unit.render.samples import HOSTILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.core.plan import Plan
    from tests.cli.project import Finished, Project
    from tests.stores.github_pulls import PullsFake

PAYLOADS = ROOT / "tests" / "github" / "payloads"
HEAD = "aaa" + "1" * 37
MERGE = "c0ffee" + "0" * 33 + "1"


@pytest.fixture
def github(project: Project) -> Iterator[PullsFake]:
    """Serve a repository with pull request 7, and make the project a job of its workflow."""
    with running() as fake:
        fake.opened(7, HEAD)
        project.environment |= {
            "GITHUB_API_URL": fake.url,
            "GITHUB_OUTPUT": str(project.root / "outputs"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_SHA": MERGE,
            "GITHUB_STEP_SUMMARY": str(project.root / "summary.md"),
            "GITHUB_TOKEN": WORKFLOW,
            "GITHUB_WORKSPACE": str(project.root),
        }
        during(project, "pull_request")
        yield fake


def during(project: Project, name: str) -> None:
    """Make the project a job for a recorded event."""
    project.environment["GITHUB_EVENT_NAME"] = "pull_request" if name.startswith("pull_request") else name
    project.environment["GITHUB_EVENT_PATH"] = str(PAYLOADS / f"{name}.json")


def save(project: Project, plan: Plan | None = None) -> str:
    """Write a saved plan, some plan unless given, and return its digest."""
    made = replace(
        samples.modest_plan() if plan is None else plan,
        settings_digest=f"sha256:{'5' * 64}",
        declarations_digest=f"sha256:{'d' * 64}",
    )
    (project.root / "plan.json").write_text(render_plan(made))
    return digest(made)


def findings(project: Project, *messages: str) -> None:
    """Write what `validate --format json` writes."""
    rows = [{"file": "keys/team.yaml", "line": 4, "column": 7, "message": text} for text in messages]
    (project.root / "findings.json").write_text(
        json.dumps({"valid": not rows, "problems": rows, "warnings": []})
    )


def ended(done: Finished, code: int, *words: str) -> None:
    """Check how a command ended, and what it said on stderr."""
    assert (done.code, done.stdout) == (code, ""), done.stderr
    assert [word for word in words if word not in done.stderr] == []


def test_the_table_of_commands_says_what_they_say() -> None:
    """The short helps of the lazy table are those of the commands."""
    context = root.make_context("reconciler", ["github"], resilient_parsing=True)
    group: Any = root.get_command(context, "github")
    found = {name: group.get_command(context, name) for name in COMMANDS}

    assert {name: command.short_help for name, command in found.items()} == COMMANDS
    assert group.get_command(context, "nonsense") is None


@pytest.mark.parametrize(
    "arguments",
    [("comment", "plan.json"), ("check", "plan.json"), ("summary",), ("drift-issue", "plan.json")],
)
def test_outside_a_workflow(project: Project, arguments: tuple[str, ...]) -> None:
    """Without the runner's variables a command says where it belongs."""
    save(project)

    ended(project.run("github", *arguments), 1, "GITHUB_EVENT_NAME", "run this in a workflow")


@pytest.mark.parametrize(
    ("variable", "command"), [("GITHUB_OUTPUT", "outputs"), ("GITHUB_STEP_SUMMARY", "summary")]
)
def test_without_a_file_to_write_to(project: Project, github: PullsFake, variable: str, command: str) -> None:
    """A runner always names the file; without it the command says which variable is missing."""
    del project.environment[variable]

    ended(project.run("github", command), 1, f"{variable} is not set")
    assert github.requests == []


def test_a_file_that_is_no_event(project: Project, github: PullsFake) -> None:
    """An event that cannot be read is an error, not an empty one."""
    save(project)
    for text in ("{", "[]"):
        (project.root / "event.json").write_text(text)
        project.environment["GITHUB_EVENT_PATH"] = str(project.root / "event.json")
        ended(project.run("github", "comment", "plan.json"), 1, "is no event")

    project.environment["GITHUB_EVENT_PATH"] = str(project.root / "absent.json")
    ended(project.run("github", "comment", "plan.json"), 1, "is no event")
    assert github.requests == []


@pytest.mark.parametrize(
    ("event", "number", "restricted"),
    [
        ("pull_request", "7", ""),
        ("push", "", ""),
        ("pull_request_fork", "8", "the pull request comes from a fork"),
        ("pull_request_dependabot", "10", "the pull request comes from Dependabot"),
    ],
)
def test_what_a_script_asks(
    project: Project, github: PullsFake, event: str, number: str, restricted: str
) -> None:
    """A script learns whether it may plan, without reading events itself."""
    during(project, event)
    found = json.loads(project.run("github", "context").stdout)

    assert (found["repository"], found["pull-request"], found["restricted"]) == (
        REPOSITORY,
        number,
        restricted,
    )
    assert project.run("github", "context", "--field", "restricted").stdout == f"{restricted}\n"
    assert github.requests == []


def test_a_comment_and_its_edit(project: Project, github: PullsFake) -> None:
    """The command says on stderr whether it wrote or edited; stdout stays empty."""
    save(project)

    ended(project.run("github", "comment", "plan.json", "--stack", "prod"), 0, "comment: written")
    ended(project.run("github", "comment", "plan.json", "--stack", "prod"), 0, "comment: edited")
    assert "### Keys: plan (prod)" in github.comments[7][0]["body"]


def test_quiet_without_changes(project: Project, github: PullsFake) -> None:
    """With `--when changes` an empty plan is no reason for a comment, and updates one that is there."""
    save(project, samples.plan())
    quiet = ("github", "comment", "plan.json", "--when", "changes")

    ended(project.run(*quiet), 0, "nothing to say")
    assert project.run("github", "comment", "plan.json").code == 0
    ended(project.run(*quiet), 0, "edited")
    assert "No changes" in github.comments[7][0]["body"]


@pytest.mark.parametrize(
    ("event", "code", "words"),
    [("merge_group", 0, "no comment"), ("push", 1, "no pull request to comment on")],
)
def test_events_without_a_pull_request_of_their_own(
    project: Project, github: PullsFake, event: str, code: int, words: str
) -> None:
    """A merge queue has no comment, and a push is no place for one."""
    save(project)
    during(project, event)

    ended(project.run("github", "comment", "plan.json"), code, words)
    assert github.requests == []


def test_a_check_in_a_merge_queue(project: Project, github: PullsFake) -> None:
    """The queue's commit gets its own check run, because a required check has to report there."""
    save(project)
    during(project, "merge_group")

    project.environment |= {"GITHUB_SERVER_URL": "https://github.com", "GITHUB_RUN_ID": "77"}

    ended(project.run("github", "check", "plan.json"), 0, "check run reconciler: success")
    assert github.requests[0].body["details_url"] == "https://github.com/acme/keys/actions/runs/77"
    assert [row["head_sha"] for row in github.check_runs] == [HEAD]


def test_a_check_of_a_run_that_made_no_plan(project: Project, github: PullsFake) -> None:
    """The check fails with the exit code as a word, even beside a plan file that lies about."""
    save(project)

    ended(project.run("github", "check", "--exit-code", "9"), 0, "check run reconciler: failure")
    ended(project.run("github", "check", "plan.json", "--exit-code", "9"), 0, "check run reconciler: failure")
    ended(project.run("github", "check"), 1, "--exit-code")
    ended(project.run("github", "check", "plan.json", "--exit-code", "2"), 0, "check run reconciler: success")
    assert github.check_runs[1]["output"]["text"] is None
    assert github.check_runs[0]["output"]["title"] == "No plan was made: credentials"


@pytest.mark.parametrize("event", ["pull_request_fork", "pull_request_dependabot"])
@pytest.mark.parametrize("command", ["comment", "check", "drift-issue"])
def test_nothing_is_sent_for_a_fork(project: Project, github: PullsFake, event: str, command: str) -> None:
    """Without a token, and without looking for one, the command ends well and says why it sends nothing."""
    save(project)
    during(project, event)
    del project.environment["GITHUB_TOKEN"]

    ended(project.run("github", command, "plan.json"), 0, "nothing is sent to GitHub")
    assert github.requests == []


def test_a_missing_token(project: Project, github: PullsFake) -> None:
    """A token that is not there is a problem like any other missing credential, named by its variable."""
    save(project)
    done = project.run("github", "comment", "plan.json", "--token-env", "KEYS_BOT_TOKEN")

    ended(done, 3, "`KEYS_BOT_TOKEN` is not set")
    assert github.requests == []


def test_a_token_that_only_reads(project: Project, github: PullsFake) -> None:
    """GitHub's refusal ends with 9 and names the permissions to give."""
    save(project)
    project.environment["GITHUB_TOKEN"] = READER

    ended(project.run("github", "comment", "plan.json"), 9, "pull-requests, issues or checks: write")
    assert github.comments == {}


def test_another_token_and_login(project: Project, github: PullsFake) -> None:
    """The token of an App of one's own works with the login that it has."""
    save(project)
    project.environment["KEYS_BOT_TOKEN"] = APP
    as_app = ("--token-env", "KEYS_BOT_TOKEN", "--login", "keys-app[bot]")

    ended(project.run("github", "comment", "plan.json", *as_app), 0, "written")
    ended(project.run("github", "comment", "plan.json", *as_app), 0, "edited")
    assert github.comments[7][0]["user"]["login"] == "keys-app[bot]"


@pytest.mark.parametrize("url", ["http://github.example", "https://user:pass@github.example"])
def test_where_the_token_never_goes(project: Project, github: PullsFake, url: str) -> None:
    """GITHUB_API_URL is followed to https and to this machine only."""
    save(project)
    project.environment["GITHUB_API_URL"] = url

    done = project.run("github", "comment", "plan.json")

    ended(done, 1, "must be https")
    assert "pass" not in done.stderr
    assert github.requests == []


def test_a_plan_that_was_changed(project: Project, github: PullsFake) -> None:
    """A plan file whose digest does not fit is not shown to anybody."""
    document = project.plan_file()
    document["plan"]["actions"] = []
    document["meta"]["facts"] = []
    (project.root / "plan.json").write_text(json.dumps(document))

    ended(project.run("github", "comment", "plan.json"), 4, "was changed after its digest was made")
    assert github.requests == []


@pytest.mark.parametrize("stack", ["a b", "x-->", "-"])
def test_stacks_that_are_no_words(project: Project, github: PullsFake, stack: str) -> None:
    """A stack that the marker cannot hold is refused before anything is sent."""
    save(project)

    for command in ("comment", "check", "drift-issue"):
        ended(project.run("github", command, "plan.json", f"--stack={stack}"), 1, "--stack must be")
    assert github.requests == []


def test_annotations_beside_lines(project: Project) -> None:
    """Real problems of real declarations become annotations on stdout, for the runner to obey."""
    project.keys(client_a="daily_usd: 0", client_b="hourly_usd: 5")
    validate = project.run("validate", "--format", "json")
    (project.root / "findings.json").write_text(validate.stdout)
    done = project.run("github", "annotations", "findings.json")

    assert done.code == 0
    assert [line.split(",")[0] for line in done.stdout.splitlines()] == ["::error file=keys/team.yaml"] * 2
    assert ",line=4,col=" in done.stdout
    assert ",line=5,col=" in done.stdout


def test_annotations_from_a_folder_of_the_repository(project: Project) -> None:
    """Files are named from GITHUB_WORKSPACE, where GitHub looks for them; outside of it as they are."""
    findings(project, "wrong")
    for workspace, file in (
        (project.root.parent, f"{project.root.name}/keys/team.yaml"),
        (Path("/nowhere"), "keys/team.yaml"),
    ):
        project.environment["GITHUB_WORKSPACE"] = str(workspace)
        assert f"file={file},line=4" in project.run("github", "annotations", "findings.json").stdout


def test_hostile_findings_in_the_log(project: Project) -> None:
    """Whatever a problem says, the runner sees ten annotations and quoted text, and no other command."""
    findings(project, *HOSTILE)
    lines = project.run("github", "annotations", "findings.json").stdout.splitlines()
    token = next(line for line in lines if line.startswith("::stop-commands::")).rpartition("::")[2]
    quoted = lines[lines.index(f"::stop-commands::{token}") + 1 : lines.index(f"::{token}::")]

    assert len(lines) == 10 + 2 + len(quoted)
    assert all(
        line.startswith("::error file=keys/team.yaml,line=4,col=7,title=reconciler::") for line in lines[:10]
    )
    assert "##[" not in "\n".join(lines)


def test_findings_that_cannot_be_read(project: Project, github: PullsFake) -> None:
    """A directory, a huge file and another document are refused with what to do."""
    (project.root / "other.json").write_text("{}")
    (project.root / "link.json").symlink_to(project.root / "gone")
    (project.root / "pipe").write_text("")

    ended(project.run("github", "annotations", "other.json"), 1, "validate --format json")
    ended(project.run("github", "summary", "--report", "other.json"), 1, "apply --report")
    ended(project.run("github", "annotations", "/dev/null"), 1, "not a regular file")
    assert github.requests == []


def test_the_summary_is_appended(project: Project, github: PullsFake) -> None:
    """What the step wrote before stays, and the page of a failed run names the exit code."""
    (project.root / "summary.md").write_text("before\n")
    findings(project, "wrong; mend it")

    ended(project.run("github", "summary", "--findings", "findings.json", "--exit-code", "3"), 0)
    text = (project.root / "summary.md").read_text()
    assert text.startswith("before\n### Keys: run\n")
    assert "**No plan was made (exit 3: invalid).**" in text
    assert "`wrong; mend it`" in text
    ended(project.run("github", "summary"), 1, "nothing to show")
    assert github.requests == []


def test_the_summary_of_a_fork_ignores_plans(project: Project, github: PullsFake) -> None:
    """A plan that lies about is not even read in the run of a fork."""
    (project.root / "plan.json").write_text("{}")
    during(project, "pull_request_fork")

    ended(project.run("github", "summary", "--plan", "plan.json"), 0)
    assert "No plan was made" in (project.root / "summary.md").read_text()
    assert github.requests == []


def test_outputs_of_a_plan_and_of_a_failure(project: Project, github: PullsFake) -> None:
    """Every output is written with an end of its own; after a failure the reason is a word."""
    expected = save(project)

    ended(project.run("github", "outputs", "--plan", "plan.json", "--summary-path", "s.md"), 0)
    text = (project.root / "outputs").read_text()
    assert f"digest<<end_{text.split('digest<<end_')[1][:32]}\n{expected}\n" in text
    ended(project.run("github", "outputs", "--exit-code", "5"), 0)
    assert "\nrefused\n" in (project.root / "outputs").read_text()
    assert github.requests == []


def test_the_issue_about_drift(project: Project, github: PullsFake) -> None:
    """The command says what became of the issue; a plan without actions closes it."""
    during(project, "schedule")
    save(project)
    ended(
        project.run("github", "drift-issue", "plan.json", "--stack", "prod"), 0, "issue about drift: opened"
    )
    save(project, samples.plan())
    ended(
        project.run("github", "drift-issue", "plan.json", "--stack", "prod"), 0, "issue about drift: closed"
    )

    [issue] = github.issues
    assert (issue["title"], issue["state"]) == ("Keys are not as declared (prod)", "closed")


def test_a_file_that_is_gone(tmp_path: Path) -> None:
    """A file that went away since the command line was read is told by its name."""
    with pytest.raises(UsageError, match=r"absent\.json cannot be read"):
        read_file(tmp_path / "absent.json")


def test_drift_of_a_part_closes_nothing(project: Project, github: PullsFake) -> None:
    """A plan with a scope could close the issue although other keys differ, so it is refused."""
    done = project.run("drift", "--format", "json", "--key", "client-*")
    (project.root / "drift.json").write_text(done.stdout)

    ended(project.run("github", "drift-issue", "drift.json"), 1, "without --account and --key")
    assert github.requests == []


def test_a_label_that_would_be_two(project: Project, github: PullsFake) -> None:
    """A comma separates labels for GitHub, so it is refused."""
    save(project)

    ended(project.run("github", "drift-issue", "plan.json", "--label", "a,b"), 1, "--label must be")
    assert github.requests == []


def test_apply_takes_one_expectation(project: Project, github: PullsFake) -> None:
    """A digest and a check run would be two answers to one question."""
    done = project.run("apply", "--expect-from-check", "--expect-digest", f"sha256:{'a' * 64}")

    ended(done, 1, "each says alone")
    assert github.requests == []


@pytest.mark.parametrize(
    "broken",
    [
        {"GITHUB_EVENT_NAME": "", "GITHUB_TOKEN": WORKFLOW},
        {"GITHUB_EVENT_NAME": "issue_comment"},
        {"GITHUB_TOKEN": ""},
        {"GITHUB_TOKEN": "ghs_unknown_token_1234"},
        {"GITHUB_API_URL": "http://127.0.0.1:9"},
        {"GITHUB_API_URL": "http://github.example"},
        {"GITHUB_SHA": "main", "GITHUB_EVENT_NAME": "schedule"},
    ],
)
def test_apply_without_a_proof_is_stale(project: Project, github: PullsFake, broken: dict[str, str]) -> None:
    """Whatever keeps the review from being proved ends with 4, even with --yes, and nothing is read."""
    during(project, "push")
    project.environment |= broken
    done = project.run("apply", "--expect-from-check", "--yes")

    ended(done, 4, "cannot be proved")
    assert project.sandbox.operator.requests() == []
    assert github.writes() == []


def test_apply_is_nothing_for_a_fork(project: Project, github: PullsFake) -> None:
    """A run for a fork's pull request applies nothing, whatever it is told."""
    during(project, "pull_request_fork")

    ended(project.run("apply", "--expect-from-check"), 4, "from a fork")
    assert github.requests == []


def approved(project: Project, github: PullsFake) -> None:
    """Plan pull request 7, approve and merge it."""
    project.plan_file()
    assert project.run("github", "check", "plan.json").code == 0
    github.review(7, "bob")
    github.merged(7, MERGE)
    during(project, "push")


def test_a_saved_plan_with_the_proof(project: Project, github: PullsFake) -> None:
    """The plan of the pull request itself can be applied; a run that was cut short goes on with it."""
    approved(project, github)

    assert project.run("apply", "plan.json", "--expect-from-check").code == 0
    assert project.run("apply", "plan.json", "--expect-from-check").code == 0
    assert "CLIENT_A" in project.held()


def test_another_saved_plan(project: Project, github: PullsFake) -> None:
    """A saved plan that is not the approved one is refused, and the difference is named."""
    approved(project, github)
    project.keys(client_a="daily_usd: 99, total_usd: 100, concurrency: 5")
    project.plan_file()
    done = project.run("apply", "plan.json", "--expect-from-check")

    ended(done, 4, "the declarations are not those of the review", "other contents: create reseller/client-a")
    assert project.writes() == []


def test_another_app(project: Project, github: PullsFake) -> None:
    """Only the App that is named counts."""
    approved(project, github)

    ended(project.run("apply", "--expect-from-check", "--check-app", str(OTHER_APP)), 4, "by the App 4711")


def test_a_pull_request_that_cannot_be_told(project: Project, github: PullsFake) -> None:
    """When the comment is refused the run still ends with 4, and says both."""
    approved(project, github)
    project.keys(client_b="daily_usd: 99, total_usd: 100, concurrency: 5")
    github.before = lambda request: Reply(status=403) if request.method == "POST" else None
    done = project.run("apply", "--expect-from-check")

    assert done.code == 4
    assert "the pull request was not told" in done.stderr
    assert "not what was reviewed in pull request 7" in done.stderr


def test_a_plan_too_large_to_be_recorded(project: Project, github: PullsFake) -> None:
    """Where the reviewed actions found no room, the difference says why it has no list."""
    many = [replace(samples.CREATE, name=f"new-{number}") for number in range(3_000)]
    save(project, samples.plan(many, unchanged=0))
    made = json.loads((project.root / "plan.json").read_text())
    assert project.run("github", "check", "plan.json").code == 0
    github.check_runs[0]["conclusion"] = "success"
    github.review(7, "bob")
    github.merged(7, MERGE)
    during(project, "push")
    done = project.run("apply", "--expect-from-check")

    assert done.code == 4
    assert "too many to be recorded" in done.stderr
    assert github.check_runs[0]["external_id"] == made["digest"]


def test_a_long_difference_is_cut(project: Project, github: PullsFake) -> None:
    """Many differences are counted beyond the first twenty."""
    approved(project, github)
    limits = "daily_usd: 5, total_usd: 50, concurrency: 5"
    project.keys(**{f"many_{number}": limits for number in range(30)})
    done = project.run("apply", "--expect-from-check")

    assert done.code == 4
    assert "not reviewed: 10 more" in done.stderr
    assert "gone: create reseller/client-a" in done.stderr
    assert TOKEN not in done.stderr
