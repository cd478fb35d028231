"""Runs of workflows: the real command line with a runner's variables, files and a recorded event."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.e2e.command import Finished, Project
from tests.stores.github_pulls import REPOSITORY, WORKFLOW

if TYPE_CHECKING:
    from tests.stores.github_pulls import PullsFake

ROOT = Path(__file__).resolve().parents[2]
PAYLOADS = ROOT / "tests" / "github" / "payloads"


@dataclass(slots=True, kw_only=True)
class Run:
    """One job of a workflow.

    Attributes:
        project: the checkout.
        fake: GitHub.
        event: the name of what started it.
        payload: of the event.
        sha: GITHUB_SHA.
        heard: everything that its commands wrote.
    """

    project: Project
    fake: PullsFake
    event: str
    payload: dict[str, Any]
    sha: str
    token: str = WORKFLOW
    heard: list[str] = field(default_factory=list)

    @property
    def files(self) -> Path:
        """The runner's own directory."""
        folder = self.project.root / ".runner"
        folder.mkdir(exist_ok=True)
        return folder

    @property
    def summary(self) -> str:
        """What stands in the step summary."""
        return (self.files / "summary.md").read_text("utf-8")

    @property
    def outputs(self) -> str:
        """What stands in the file of outputs."""
        return (self.files / "outputs").read_text("utf-8")

    def job(self, name: str) -> Finished:
        """Run the script that docs/github.md gives for a job."""
        page = (ROOT / "docs" / "github.md").read_text("utf-8")
        script = page.partition(f"## The {name} job\n")[2].partition("```sh\n")[2].partition("```")[0]
        assert script
        shim = self.files / "reconciler"
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
        shim.chmod(0o755)
        environment = self.environment()
        done = subprocess.run(
            # As a runner starts a step: it stops at the first command that fails and is not looked at.
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.project.root,
            env={**environment, "PATH": f"{self.files}{os.pathsep}{environment['PATH']}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        self.heard += [done.stdout, done.stderr]
        return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def __call__(self, *arguments: str, to: str | None = None) -> Finished:
        """Run a command as a step, with its result written to a file where one is named."""
        done = Project(root=self.project.root, environment=self.environment()).run(*arguments)
        self.heard += [done.stdout, done.stderr]
        if to is not None:
            (self.project.root / to).write_text(done.stdout)
        return done

    def environment(self) -> dict[str, str]:
        """Return the variables of a step."""
        (self.files / "event.json").write_text(json.dumps(self.payload))
        return {
            **self.project.environment,
            "GITHUB_ACTIONS": "true",
            "GITHUB_API_URL": self.fake.url,
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_EVENT_NAME": self.event,
            "GITHUB_EVENT_PATH": str(self.files / "event.json"),
            "GITHUB_OUTPUT": str(self.files / "outputs"),
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_REPOSITORY": REPOSITORY,
            "GITHUB_RUN_ID": "77",
            "GITHUB_SHA": self.sha,
            "GITHUB_STEP_SUMMARY": str(self.files / "summary.md"),
            "GITHUB_WORKSPACE": str(self.project.root),
            "GITHUB_TOKEN": self.token,
        }


def recorded(project: Project, fake: PullsFake, name: str, *, sha: str) -> Run:
    """Return a run for a recorded payload."""
    event = "pull_request" if name.startswith("pull_request") else name
    payload = json.loads((PAYLOADS / f"{name}.json").read_text("utf-8"))
    return Run(project=project, fake=fake, event=event, payload=payload, sha=sha)
