"""The GitLab component: its scripts, run from the parsed YAML against the sandbox and GitLab on loopback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Finished, Project
from tests.e2e.workflow_files import ROOT
from tests.stores.gitlab import MERGE_REQUEST, PROJECT, TOKEN, running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.stores.gitlab import GitlabFake

pytestmark = pytest.mark.slow

KEYS = """\
version: 1
defaults: {{account: reseller, deliver: {{sink: local}}}}
keys:
  client-a: {{limits: {{daily_usd: {daily}, total_usd: 100, concurrency: 5}}}}
"""
INPUT = re.compile(r"\$\[\[ inputs\.([a-z-]+) \]\]")


def component() -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the inputs and the jobs, each job by its name without the stack, with what it extends."""
    header, body = YAML(typ="safe").load_all(ROOT / "templates" / "reconcile.yml")
    inputs = header["spec"]["inputs"]
    values = {name: item.get("default", "keys:1") for name, item in inputs.items()}
    text = INPUT.sub(lambda found: str(values[found[1]]), json.dumps(body))
    jobs = {name.removesuffix("-default"): job for name, job in json.loads(text).items()}
    base = jobs.pop(".reconciler")
    return inputs, {name: {**base, **job} for name, job in jobs.items()}


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the simulated provider."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def gitlab() -> Iterator[GitlabFake]:
    """Serve the merge request."""
    with running() as fake:
        yield fake


@pytest.fixture
def project(tmp_path: Path, sandbox: SandboxServer, gitlab: GitlabFake) -> Project:
    """Return a checkout in a pipeline for a merge request."""
    made = Project.create(tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS.format(daily=10))
    shims = tmp_path / ".shims"
    shims.mkdir()
    (shims / "reconciler").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
    (shims / "reconciler").chmod(0o755)
    environment = {
        **made.environment,
        "CI_API_V4_URL": gitlab.url,
        "CI_COMMIT_SHA": "a" * 40,
        "CI_MERGE_REQUEST_IID": str(MERGE_REQUEST),
        "CI_MERGE_REQUEST_PROJECT_ID": str(PROJECT),
        "CI_MERGE_REQUEST_SOURCE_PROJECT_ID": str(PROJECT),
        "PATH": f"{shims}{os.pathsep}{os.environ['PATH']}",
        "RECONCILER_GITLAB_TOKEN": TOKEN,
    }
    return Project(root=tmp_path, environment=environment)


def run(project: Project, name: str, **variables: str) -> Finished:
    """Run the script of a job as a runner does: one after the other, to the first that fails."""
    job: Mapping[str, Any] = component()[1][f"reconciler-{name}"]
    done = subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", "\n".join(job["script"])],
        cwd=project.root,
        env={**project.environment, **job["variables"], **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def test_from_the_merge_request_to_the_apply(
    project: Project, sandbox: SandboxServer, gitlab: GitlabFake
) -> None:
    """Note and counts on the merge request; after the click exactly the plan of the job before is applied."""
    assert run(project, "validate").code == 0
    done = [run(project, "plan") for _ in range(2)]
    assert [item.code for item in done] == [0, 0], done[0].stderr
    assert len(gitlab.notes) == 1
    assert json.loads((project.root / "counts.json").read_text()) == {"create": 1, "update": 0, "delete": 0}

    assert run(project, "digest").code == 0
    [line] = (project.root / "plan.env").read_text().splitlines()
    name, _, digest = line.partition("=")
    (project.root / "keys" / "team.yaml").write_text(KEYS.format(daily=20))
    assert run(project, "apply", **{name: digest}).code == 4
    (project.root / "keys" / "team.yaml").write_text(KEYS.format(daily=10))
    applied = run(project, "apply", **{name: digest})

    assert applied.code == 0, applied.stderr
    assert list(project.secrets().values()) == sandbox.operator.secrets()
    assert (project.root / "report.json").is_file()


def test_without_a_token_for_notes(project: Project, gitlab: GitlabFake) -> None:
    """The plan job says that there is no note, and why."""
    done = run(project, "plan", RECONCILER_GITLAB_TOKEN="")

    assert done.code == 0
    assert "No note: RECONCILER_GITLAB_TOKEN is not set" in done.stdout
    assert gitlab.requests == []


def test_an_apply_without_a_digest(project: Project, sandbox: SandboxServer) -> None:
    """A dotenv report that did not arrive applies nothing."""
    assert run(project, "apply", RECONCILER_DIGEST="").code == 1
    assert sandbox.operator.requests() == []


def test_invalid_declarations(project: Project) -> None:
    """The job fails, and its report of tests has the place."""
    (project.root / "keys" / "team.yaml").write_text(KEYS.format(daily=0))

    assert run(project, "validate").code == 3
    assert "keys/team.yaml:4:" in (project.root / "validate.xml").read_text()


def test_a_fork_is_never_green(project: Project) -> None:
    """The job of a fork plans nothing, says so, and ends with the code that is shown as a warning."""
    done = run(project, "no-plan")
    job = component()[1]["reconciler-no-plan"]

    assert "No plan was made" in done.stdout
    assert done.code == job["allow_failure"]["exit_codes"]


def test_who_runs_when() -> None:
    """Merge requests never apply, one apply runs at a time and is not cut off, and every job has an end."""
    _, jobs = component()
    for name, job in jobs.items():
        [rule] = job["rules"]
        on_merge_requests = '$CI_PIPELINE_SOURCE == "merge_request_event"' in rule["if"]
        assert on_merge_requests is (name not in {"reconciler-digest", "reconciler-apply"})
        assert "timeout" in job
    apply = jobs["reconciler-apply"]
    assert apply["interruptible"] is False
    assert apply["resource_group"] == "reconciler-default"
    assert apply["rules"][0]["when"] == "manual"
    assert apply["needs"] == [{"job": "reconciler-digest-default", "artifacts": True}]
    assert list(jobs["reconciler-digest"]["artifacts"]["reports"]) == ["dotenv"]


def test_every_input_is_used() -> None:
    """No input is described and then forgotten."""
    inputs, _ = component()
    assert set(INPUT.findall((ROOT / "templates" / "reconcile.yml").read_text())) == set(inputs)
