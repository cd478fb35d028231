"""`init`: a starter set that works as it stands and overwrites nothing."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import ROOT

if TYPE_CHECKING:
    from tests.cli.project import Project

FILES = [
    ".github/workflows/keys-apply.yml",
    ".github/workflows/keys-plan.yml",
    ".gitignore",
    "keys/team.yaml",
    "reconciler.yaml",
]


@pytest.fixture
def fresh(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Return the project moved to an empty directory."""
    project.root = tmp_path_factory.mktemp("fresh")
    return project


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_the_starter_validates(fresh: Project) -> None:
    """What `init` writes is valid without a change."""
    done = fresh.run("init")

    assert done.code == 0
    assert _files(fresh.root) == FILES
    assert fresh.run("validate").stdout == "1 key in 1 file is valid\n"


def test_the_starter_works(fresh: Project) -> None:
    """Pointed at the sandbox, the starter mints its key."""
    fresh.run("init")
    settings = fresh.root / "reconciler.yaml"
    line = "    provider: qcode-partner\n"
    settings.write_text(settings.read_text().replace(line, f"{line}    base_url: {fresh.sandbox.base_url}\n"))
    fresh.environment["QCODE_TOKEN"] = fresh.sandbox.tokens["one"]

    assert fresh.run("apply", "--yes").code == 0
    assert list(fresh.held()) == ["TEAM_APP"]


@pytest.mark.parametrize("existing", ["reconciler.yaml", "keys/team.yaml", ".github/workflows/keys-plan.yml"])
def test_nothing_is_overwritten(fresh: Project, existing: str) -> None:
    """One file that exists stops everything, by name."""
    path = fresh.root / existing
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("mine")

    done = fresh.run("init")

    assert done.code == 1
    assert existing in done.stderr
    assert _files(fresh.root) == [existing]
    assert path.read_text() == "mine"


def test_gitignore_is_extended(fresh: Project) -> None:
    """An existing .gitignore keeps its lines and gets only what it lacks."""
    (fresh.root / ".gitignore").write_text("build/\n.secrets/")

    assert fresh.run("init").code == 0
    assert (fresh.root / ".gitignore").read_text() == "build/\n.secrets/\n/plan.json\n/report.json\n"


def test_a_complete_gitignore_is_left_alone(fresh: Project) -> None:
    """Nothing is appended twice."""
    text = ".secrets/\n/report.json\n/plan.json\n"
    (fresh.root / ".gitignore").write_text(text)

    assert ".gitignore" not in fresh.run("init").stdout
    assert (fresh.root / ".gitignore").read_text() == text


def test_the_workflows_pass_the_linters(fresh: Project) -> None:
    """Actionlint and zizmor, as strict as for our own workflows, find nothing."""
    fresh.run("init")
    workflows = sorted(str(path) for path in (fresh.root / ".github/workflows").iterdir())
    (fresh.root / ".github/actionlint.yaml").write_text("self-hosted-runner: {labels: [reconciler]}\n")

    actionlint = _lint("actionlint", "-config-file", str(fresh.root / ".github/actionlint.yaml"), *workflows)
    zizmor = _lint("zizmor", "--offline", "--persona=pedantic", "--no-progress", *workflows)

    assert actionlint.returncode == 0, actionlint.stdout
    assert zizmor.returncode == 0, zizmor.stdout


def test_the_workflows_pin_what_our_own_pin() -> None:
    """The starter pins actions to the commits of our own CI, so that one update moves both."""
    pins = re.compile(r"uses: (\S+@[0-9a-f]{40} # \S+)")
    ours = set(pins.findall((ROOT / ".github/workflows/ci.yml").read_text("utf-8")))
    starter = "".join(path.read_text("utf-8") for path in (ROOT / "reconciler/cli/starter").glob("*.yml"))

    assert set(pins.findall(starter)) <= ours
    assert starter.count("uses: ") == len(pins.findall(starter))


def _lint(name: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    tool = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    assert tool is not None, f"{name} belongs to the dev group"
    return subprocess.run([tool, *arguments], capture_output=True, text=True, check=False)
