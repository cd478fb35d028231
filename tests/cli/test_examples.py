"""Every directory under `examples/` is loaded, planned against the sandbox and applied."""

from __future__ import annotations

import os
import re
import shutil
import sys
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import DEFAULT_PORT
from tests.cli.project import ROOT, Project
from tests.golden.golden_file import assert_golden

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sandbox.operator_client import OperatorClient
    from reconciler.sandbox.server import SandboxServer

EXAMPLES = ROOT / "examples"
NAMES = sorted(path.name for path in EXAMPLES.iterdir() if path.is_dir())
USUAL_URL = f"http://127.0.0.1:{DEFAULT_PORT}"


def example(name: str, target: Path, sandbox: SandboxServer) -> Project:
    """Return a copy of an example that talks to this sandbox."""
    shutil.copytree(EXAMPLES / name, target, dirs_exist_ok=True)
    settings = target / "reconciler.yaml"
    text = settings.read_text()
    assert USUAL_URL in text
    settings.write_text(text.replace(USUAL_URL, sandbox.base_url))
    tokens = {f"SANDBOX_{label.upper()}_TOKEN": token for label, token in sandbox.tokens.items()}
    environment = {**os.environ, **tokens}
    prepare(name, sandbox.operator)
    return Project(root=target, sandbox=sandbox, environment=environment)


def prepare(name: str, operator: OperatorClient) -> None:
    """Make the keys that exist before an example begins."""
    if name == "namespace":
        limits = {"daily_usd": 5.0, "total_usd": 50.0, "concurrency": 2}
        for remote in ("team-a/old-tool", "team-b/web", "somebody"):
            operator.create_key("one", name=remote, description=remote, **limits)
    if name == "new-api":
        search = operator.create_key("new_api", name="search", total_usd=20)
        operator.spend(search["id"], 18)


def settled(text: str, sandbox: SandboxServer) -> str:
    """Return a plan's text without what differs from run to run."""
    text = text.replace(sandbox.base_url, USUAL_URL)
    text = re.sub(r"sha256:[0-9a-f]{64}", "sha256:…", text)
    return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "<id>", text)


@pytest.mark.parametrize("name", NAMES)
def test_an_example_plans_as_shown(name: str, tmp_path: Path, sandbox: SandboxServer) -> None:
    """`expected-plan.txt` is what a reader of the example will see."""
    project = example(name, tmp_path, sandbox)

    done = project.run("plan")

    assert done.code == 0, done.stderr
    assert_golden(str(EXAMPLES / name / "expected-plan.txt"), settled(done.stdout, sandbox))


@pytest.mark.parametrize("name", NAMES)
def test_an_example_applies_and_is_settled(name: str, tmp_path: Path, sandbox: SandboxServer) -> None:
    """Each example can be applied, after which nothing is left to do."""
    project = example(name, tmp_path, sandbox)

    done = project.run("apply", "--yes")

    assert done.code == 0, done.stdout + done.stderr
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_a_namespace_leaves_others_alone(tmp_path: Path, sandbox: SandboxServer) -> None:
    """Of the keys that nobody declares only the one of the own namespace is disabled."""
    project = example("namespace", tmp_path, sandbox)

    assert project.run("apply", "--yes").code == 0
    rows = sandbox.operator.keys("one")
    assert {row.description for row in rows if row.enabled} == {"team-a/web", "team-b/web", "somebody"}


def test_the_pipeline_applies_what_was_approved(tmp_path: Path, sandbox: SandboxServer) -> None:
    """The script of the CI example hands a digest from one job to the next, and refuses another one."""
    project = example("ci", tmp_path, sandbox)
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "reconciler").write_text(f'#!/bin/sh\nexec {sys.executable} -m reconciler "$@"\n')
    (programs / "reconciler").chmod(0o755)
    project.environment["PATH"] = f"{programs}{os.pathsep}{os.environ['PATH']}"

    planned = project.shell("./pipeline.sh plan")
    digest = planned.stdout.strip()
    other = project.shell(f"./pipeline.sh apply sha256:{'0' * 64}")
    applied = project.shell(f"./pipeline.sh apply {digest}")

    assert (planned.code, other.code, applied.code) == (0, 4, 0)
    assert sorted(project.held()) == ["SEARCH", "TRANSLATE"]


def test_every_example_is_listed() -> None:
    """The table in examples/README.md names each directory."""
    listed = re.findall(r"^\| `(\S+)` \|", (EXAMPLES / "README.md").read_text("utf-8"), re.MULTILINE)

    assert sorted(listed) == NAMES
