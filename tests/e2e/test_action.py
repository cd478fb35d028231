"""The composite action and the reusable workflows: their YAML and their script, event by event."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.cli.project import default_signals
from tests.e2e.command import TOKEN_VARIABLE, Project
from tests.e2e.workflow_files import (
    ACTION,
    ROOT,
    bash,
    defaults,
    read,
    run_action,
    run_job,
    secrets_of,
    start_action,
    workflow,
)
from tests.e2e.workflow_runs import recorded
from tests.stores.github_pulls import PROPOSER, READER, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.workflow_files import Step
    from tests.e2e.workflow_runs import Run
    from tests.stores.github_pulls import PullsFake

pytestmark = pytest.mark.slow

HEAD = "aaa" + "1" * 37
MERGE = "c0ffee" + "0" * 33 + "1"
KEYS = """\
version: 1
defaults: {{account: reseller, deliver: {{sink: local}}}}
keys:
  client-a: {{limits: {{daily_usd: {daily}, total_usd: 100, concurrency: 5}}{more}}}
"""
# The secret that the reusable workflows have for the provider of these tests.
SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  reseller: {{provider: qcode-partner, base_url: "{base_url}", token: {{env: QCODE_TOKEN}}}}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
"""


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the simulated provider."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def github() -> Iterator[PullsFake]:
    """Serve the simulated repository with pull request 7."""
    with running() as fake:
        fake.opened(7, HEAD)
        yield fake


@pytest.fixture
def project(tmp_path: Path, sandbox: SandboxServer) -> Project:
    """Return a checkout with one declared key, and no credential of the provider around it."""
    settings = SETTINGS.format(base_url=sandbox.base_url)
    made = Project.create(
        tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS.format(daily=10, more=""), settings=settings
    )
    environment = {name: text for name, text in made.environment.items() if name != TOKEN_VARIABLE}
    return Project(root=made.root, environment=environment)


def with_token(project: Project, sandbox: SandboxServer) -> Project:
    """Return the checkout as a job sees it whose step has the provider's token."""
    environment = {**project.environment, "QCODE_TOKEN": sandbox.tokens["one"]}
    return Project(root=project.root, environment=environment)


def applied(run: Run, sandbox: SandboxServer) -> Run:
    """Bring the provider to what is declared, and return the run."""
    assert with_token(run.project, sandbox).run("apply", "--yes").code == 0
    return run


def called(run: Run, name: str, job: str, sandbox: SandboxServer, **inputs: str) -> Step:
    """Run a job of a reusable workflow with the provider's token, and some inputs of the caller."""
    document = workflow(name)
    named = {text.replace("_", "-"): value for text, value in inputs.items()}
    return run_job(
        run,
        document["jobs"][job],
        inputs={**defaults(document), **named},
        secrets=secrets_of(document, QCODE_TOKEN=sandbox.tokens["one"]),
        needs={"plan": {"outputs": {"digest": "", "has-changes": ""}}},
    )


class TestPlan:
    """`reconcile-plan.yml` with each event that starts it."""

    def test_pull_request(self, project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
        """Comment, check run, summary and every output tell the same plan."""
        run = recorded(project, github, "pull_request", sha="f" * 40)
        step = called(run, "plan", "plan", sandbox)

        assert (step.done.code, step.done.stdout) == (0, ""), step.done.stderr
        assert len(github.comments[7]) == 1
        [check] = github.check_runs
        assert (check["head_sha"], check["conclusion"]) == (HEAD, "success")
        told = {
            name: step.outputs[name] for name in ("creates", "updates", "disables", "rotations", "blocked")
        }
        assert told == {"creates": "1", "updates": "0", "disables": "0", "rotations": "0", "blocked": "0"}
        assert step.outputs["has-changes"] == "true"
        assert step.outputs["digest"] == check["external_id"]
        assert (step.outputs["exit-code"], step.outputs["failure-reason"]) == ("0", "")
        saved = json.loads(Path(step.outputs["plan-path"]).read_text("utf-8"))
        assert saved["digest"] == check["external_id"]
        assert Path(step.outputs["summary-path"]).read_text("utf-8") == run.summary

    @pytest.mark.parametrize("kind", ["pull_request_fork", "pull_request_dependabot"])
    def test_somebody_elses_pull_request(
        self, kind: str, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """It is validated without any secret, sends nothing, and the page says that nothing was planned."""
        run = recorded(project, github, kind, sha="f" * 40)
        run.token = ""
        document = workflow("plan")
        step = run_job(run, document["jobs"]["plan"], inputs=defaults(document), secrets=secrets_of(document))

        assert step.done.code == 0, step.done.stderr
        assert (step.outputs["has-changes"], step.outputs["digest"], step.outputs["creates"]) == ("", "", "")
        assert "No plan was made: the pull request comes from" in run.summary
        assert "No changes" not in run.summary
        assert github.requests == []
        assert sandbox.operator.requests() == []

    def test_merge_group(self, project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
        """The queue gets its check run on the commit of the group, and no comment."""
        run = recorded(project, github, "merge_group", sha="f" * 40)
        github.commits.add(run.payload["merge_group"]["head_sha"])
        step = called(run, "plan", "plan", sandbox)

        assert step.done.code == 0, step.done.stderr
        assert github.comments == {}
        assert [row["conclusion"] for row in github.check_runs] == ["success"]

    def test_invalid_declarations(self, project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
        """The job ends as `validate` does, the line is annotated, and the check run fails."""
        (project.root / "keys" / "team.yaml").write_text(KEYS.format(daily=0, more=""))
        run = recorded(project, github, "pull_request", sha="f" * 40)
        step = called(run, "plan", "plan", sandbox)

        assert (step.done.code, step.outputs["exit-code"], step.outputs["failure-reason"]) == (
            3,
            "3",
            "invalid",
        )
        assert "::error file=keys/team.yaml,line=4,col=" in step.done.stdout
        assert [row["conclusion"] for row in github.check_runs] == ["failure"]
        assert step.outputs["has-changes"] == ""

    @pytest.mark.parametrize(("comment", "count"), [("changes", 0), ("never", 0), ("always", 1)])
    def test_quiet_without_changes(
        self, comment: str, count: int, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """Without changes there is a comment only when that is wanted, and the check run in any case."""
        run = applied(recorded(project, github, "pull_request", sha="f" * 40), sandbox)
        step = called(run, "plan", "plan", sandbox, comment=comment)

        assert (step.done.code, step.outputs["has-changes"]) == (0, "false"), step.done.stderr
        assert len(github.comments.get(7, [])) == count
        assert len(github.check_runs) == 1

    def test_a_comment_that_cannot_be_written(
        self, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """A token without the permission fails the job, rather than leaving reviewers without the plan."""
        run = recorded(project, github, "pull_request", sha="f" * 40)
        run.token = READER
        step = called(run, "plan", "plan", sandbox)

        assert (step.done.code, step.outputs["exit-code"]) == (9, "0")
        assert "the token lacks a permission" in step.done.stderr


class TestApply:
    """`reconcile-apply.yml` on a push, in both recipes."""

    def test_what_was_reviewed(self, project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
        """The plan that was approved on the pull request is applied after its merge."""
        called(recorded(project, github, "pull_request", sha="f" * 40), "plan", "plan", sandbox)
        github.review(7, "bob")
        github.merged(7, MERGE)
        run = recorded(project, github, "push", sha=MERGE)
        step = called(run, "apply", "apply", sandbox)

        assert (step.done.code, step.outputs["exit-code"]) == (0, "0"), step.done.stderr
        assert "CLIENT_A" in project.secrets()
        assert "Apply: applied (exit 0). 1 done." in run.summary

    def test_what_was_not_reviewed(self, project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
        """Without an approval nothing is applied, and the job ends with 4."""
        called(recorded(project, github, "pull_request", sha="f" * 40), "plan", "plan", sandbox)
        github.merged(7, MERGE)
        step = called(recorded(project, github, "push", sha=MERGE), "apply", "apply", sandbox)

        assert (step.done.code, step.outputs["failure-reason"]) == (4, "stale")
        assert sandbox.operator.keys("one") == []

    def test_what_the_environment_approved(
        self, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """The digest goes from the plan job to the apply job; another plan than that is refused."""
        run = recorded(project, github, "push", sha=MERGE)
        document = workflow("apply")
        inputs = {**defaults(document), "recipe": "approval"}
        secrets = secrets_of(document, QCODE_TOKEN=sandbox.tokens["one"])
        plan = run_job(run, document["jobs"]["plan"], inputs=inputs, secrets=secrets)
        assert (plan.done.code, plan.outputs["has-changes"]) == (0, "true"), plan.done.stderr
        assert github.requests == []
        needs = {"plan": {"outputs": plan.outputs}}

        (project.root / "keys" / "team.yaml").write_text(KEYS.format(daily=20, more=""))
        job = document["jobs"]["apply"]
        moved = run_job(run, job, inputs=inputs, secrets=secrets, needs=needs)
        (project.root / "keys" / "team.yaml").write_text(KEYS.format(daily=10, more=""))
        done = run_job(run, job, inputs=inputs, secrets=secrets, needs=needs)

        assert (moved.done.code, done.done.code) == (4, 0), done.done.stderr
        assert "CLIENT_A" in project.secrets()

    def test_a_cancelled_job_finishes_the_key_in_hand(
        self, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """The signal of a runner to the step reaches the program, and the outputs are still written."""
        default_signals()
        run = recorded(project, github, "push", sha=MERGE)
        digest = called(run, "apply", "plan", sandbox, recipe="approval").outputs["digest"]
        sandbox.operator.add_fault("hold", method="POST", path="/keys", event="committed")
        run.project = with_token(project, sandbox)
        process = start_action(run, {"command": "apply", "expect-digest": digest})
        assert sandbox.operator.holds(wait_seconds=20)
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert any("finishing the key in hand" in line for line in process.stderr)
        sandbox.operator.release()
        process.communicate(timeout=60)

        assert process.returncode == 0, "the only key was in hand, so nothing is left to do"
        assert list(project.secrets().values()) == sandbox.operator.secrets()
        assert "exit-code" in run.outputs

    @pytest.mark.parametrize(
        ("event", "inputs", "why"),
        [
            ("push", {}, "apply needs one of them"),
            ("push", {"expect-from-check": "yes"}, "must be true or false"),
            ("pull_request", {"expect-from-check": "true"}, "apply is not for pull_request"),
            ("merge_group", {"expect-from-check": "true"}, "apply is not for merge_group"),
        ],
    )
    def test_what_is_refused(
        self,
        event: str,
        inputs: dict[str, str],
        why: str,
        project: Project,
        sandbox: SandboxServer,
        github: PullsFake,
    ) -> None:
        """An apply that names no review, or runs before the merge, does not even begin."""
        run = recorded(project, github, event, sha=MERGE)
        step = run_action(run, {"command": "apply", **inputs})

        assert step.done.code == 1
        assert why in step.done.stderr + step.done.stdout
        assert sandbox.operator.requests() == []


class TestSchedule:
    """`reconcile-drift.yml` and `reconcile-rotate.yml`."""

    @pytest.mark.parametrize("event", ["schedule", "workflow_dispatch"])
    def test_drift(self, event: str, project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
        """An edit in the panel opens the issue, which is closed once it is mended; the job is green."""
        run = applied(recorded(project, github, event, sha=MERGE), sandbox)
        [row] = [row for row in sandbox.operator.keys("one") if row.enabled]
        found = []
        for daily in (500.0, 10.0):
            sandbox.operator.change_key(row.id, daily_usd=daily)
            step = called(run, "drift", "drift", sandbox)
            assert step.done.code == 0, step.done.stderr
            found.append((step.outputs["has-changes"], step.outputs["exit-code"], github.issues[0]["state"]))

        assert found == [("true", "2", "open"), ("false", "0", "closed")]
        assert len(github.issues) == 1

    def test_drift_that_cannot_be_seen(
        self, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """When the provider does not answer, the job fails, and the issue stays as it is."""
        run = recorded(project, github, "schedule", sha=MERGE)
        document = workflow("drift")
        secrets = secrets_of(document, QCODE_TOKEN=f"{sandbox.tokens['one']}-revoked")
        step = run_job(run, document["jobs"]["drift"], inputs=defaults(document), secrets=secrets)

        assert (step.done.code, step.outputs["failure-reason"]) == (9, "credentials")
        assert step.outputs["has-changes"] == ""
        assert github.requests == []

    def test_rotation(self, project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
        """One pull request with the raised generation, brought up to date and never opened twice."""
        due = KEYS.format(daily=10, more=", rotate_every: 1d")
        path = project.root / "keys" / "team.yaml"
        path.write_text(due)
        run = applied(recorded(project, github, "schedule", sha=MERGE), sandbox)
        github.contents = {"keys/team.yaml": due, "README.md": "ours"}
        document = workflow("rotate")
        secrets = secrets_of(document, QCODE_TOKEN=sandbox.tokens["one"], PULL_REQUEST_TOKEN=PROPOSER)

        def rotate(within: str) -> str:
            inputs = {**defaults(document), "within": within}
            step = run_job(run, document["jobs"]["rotate"], inputs=inputs, secrets=secrets)
            assert (step.done.code, step.outputs["exit-code"]) == (0, "0"), step.done.stderr
            return step.done.stderr

        assert "no key is due" in rotate("")
        said = [rotate("7d") for _ in range(2)]
        github.contents["README.md"] = "theirs"
        said.append(rotate("7d"))

        assert [re.findall(r"pull request .*", text) for text in said] == [
            ["pull request 8 opened"],
            ["pull request 8 is up to date"],
            ["pull request 8 updated"],
        ]
        assert path.read_text() == due
        pull = github.pulls[8]
        assert (pull["head"]["ref"], pull["base"]["ref"]) == ("reconciler-rotation", "main")
        assert "`reseller/client-a`" in pull["body"]
        [(name, sha)] = github.branches.items()
        files = github.trees[github.history[sha]["tree"]["sha"]]
        assert name == "reconciler-rotation"
        assert files["README.md"] == "theirs"
        assert "generation: 2" in files["keys/team.yaml"]

    @pytest.mark.parametrize("command", ["status", "verify", "validate"])
    def test_what_only_looks(
        self, command: str, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """Their text is in the log, their exit code in the outputs, and nothing is sent to GitHub."""
        run = applied(recorded(project, github, "workflow_dispatch", sha=MERGE), sandbox)
        run.project = with_token(project, sandbox)
        step = run_action(run, {"command": command})

        assert (step.done.code, step.outputs["exit-code"]) == (0, "0"), step.done.stderr
        assert ("client-a" in step.done.stdout) is (command != "validate")
        assert github.requests == []


def test_the_workflows_of_init(project: Project, sandbox: SandboxServer, github: PullsFake) -> None:
    """What `init` writes plans on the pull request, and applies after the merge what its plan job found."""
    starter = ROOT / "reconciler" / "cli" / "starter"
    token = {"QCODE_TOKEN": sandbox.tokens["one"]}

    def step(run: Run, name: str, job: str, **variables: str) -> None:
        [found] = [item for item in read(starter / name)["jobs"][job]["steps"] if "run" in item]
        assert found["env"].keys() <= {"GITHUB_TOKEN", "QCODE_TOKEN", "DIGEST"}
        done = bash(run, found["run"], {**token, **variables})
        assert done.code == 0, done.stderr

    step(recorded(project, github, "pull_request", sha="f" * 40), "keys-plan.yml", "plan")
    assert (len(github.comments[7]), len(github.check_runs)) == (1, 1)
    run = recorded(project, github, "push", sha=MERGE)
    (run.files / "outputs").unlink()
    step(run, "keys-apply.yml", "plan")
    [digest] = re.findall(r"sha256:[0-9a-f]{64}", run.outputs)
    step(run, "keys-apply.yml", "apply", DIGEST=digest)

    assert list(project.secrets().values()) == sandbox.operator.secrets()


class TestScript:
    """What the script itself does."""

    def test_it_installs_pinned_and_apart_from_the_checkout(
        self, project: Project, sandbox: SandboxServer, github: PullsFake
    ) -> None:
        """Hashes are required, the checkout is not imported from, and one installation is enough."""
        run = recorded(project, github, "push", sha=MERGE)
        calls = run.files / "calls"
        python = run.files / "python3"
        python.write_text(
            "#!/bin/sh\n"
            'if [ "$2" = -c ]; then exit 0; fi\n'
            f"printf '%s\\n' \"$*\" >> '{calls}'\n"
            'if [ "$3" = venv ]; then mkdir -p "$4/bin"; cp "$0" "$4/bin/python"; fi\n'
            'case "$*" in *--no-deps*) cp "$(command -v reconciler)" "$(dirname "$0")/reconciler" ;; esac\n'
        )
        python.chmod(0o755)
        for name in ("venv", "pip", "hatchling"):
            (project.root / f"{name}.py").write_text("raise SystemExit('a file of the checkout was run')\n")
        done = [run_action(run, {"command": "validate", "install": "true"}).done for _ in range(2)]

        assert [item.code for item in done] == [0, 0], done[0].stderr
        [venv, pins, ours] = calls.read_text().splitlines()
        assert venv.startswith(f"-I -m venv {run.files}/reconciler-")
        assert pins.startswith("-I -m pip install ")
        assert pins.endswith(
            f"--require-hashes --only-binary :all: -r {ACTION}/../../../requirements/action.txt"
        )
        assert ours.endswith(f"--no-deps --no-build-isolation {ACTION}/../../..")
        assert sandbox.operator.requests() == []

    def test_settings_in_a_folder(self, project: Project, github: PullsFake) -> None:
        """Annotations name files from the root of the repository, wherever the settings are."""
        prod = project.root / "prod"
        prod.mkdir()
        (project.root / "keys").rename(prod / "keys")
        (project.root / "reconciler.yaml").rename(prod / "settings.yaml")
        (prod / "keys" / "team.yaml").write_text(KEYS.format(daily=0, more=""))
        run = recorded(project, github, "push", sha=MERGE)
        inputs = {"command": "validate", "working-directory": "prod", "config": "settings.yaml"}
        step = run_action(run, inputs)

        assert step.done.code == 3
        assert "::error file=prod/keys/team.yaml,line=4," in step.done.stdout

    def test_inputs_are_text_and_nothing_else(self, project: Project, github: PullsFake) -> None:
        """An input with the syntax of a shell is one argument, and is refused as one."""
        run = recorded(project, github, "push", sha=MERGE)
        nasty = '"; touch pwned; echo $(touch pwned) `touch pwned`'
        for name in ("command", "stack", "config", "working-directory", "comment", "login"):
            step = run_action(run, {"command": "validate", name: nasty})
            assert (step.done.code != 0) is (name != "login"), name

        assert not list(project.root.rglob("pwned"))

    def test_every_input_reaches_the_script(self) -> None:
        """No input is declared and then forgotten, in the action and in the workflows."""
        action = read(ACTION / "action.yml")
        script = (ACTION / "reconcile.sh").read_text("utf-8")
        [step] = action["runs"]["steps"]
        for name in action["inputs"]:
            variable = "GITHUB_TOKEN" if name == "github-token" else f"INPUT_{name.upper().replace('-', '_')}"
            assert step["env"][variable] == f"${{{{ inputs.{name} }}}}"
            assert variable == "GITHUB_TOKEN" or variable in script


@pytest.mark.parametrize("name", ["plan", "apply", "drift", "rotate"])
def test_what_every_reusable_workflow_keeps_to(name: str) -> None:
    """No rights by default, few rights by job, no secret but by name, and an apply that is never cut off."""
    document = workflow(name)
    assert document["permissions"] == {}
    assert list(document["on"]) == ["workflow_call"]
    allowed = {"contents": "read", "checks": "write", "pull-requests": "write", "issues": "write"}
    for job in document["jobs"].values():
        assert job["permissions"].items() <= {**allowed, "checks": job["permissions"].get("checks")}.items()
        assert "timeout-minutes" in job
    cancels = document["concurrency"]["cancel-in-progress"]
    assert cancels is (name == "plan")
    assert name != "apply" or document["concurrency"]["queue"] == "max"


def test_the_script_passes_shellcheck() -> None:
    """Every shell script of the repository is clean."""
    scripts = [".ci/run", ".ci/install", ".github/actions/reconcile/reconcile.sh", "examples/ci/pipeline.sh"]
    tool = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or "shellcheck"
    done = subprocess.run([tool, *scripts], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
