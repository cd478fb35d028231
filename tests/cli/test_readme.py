"""What the README shows is what the program does."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ExitCode
from tests.cli.project import ROOT, TOKEN, Project
from tests.cli.test_examples import settled

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sandbox.server import SandboxServer

README = (ROOT / "README.md").read_text("utf-8")
REAL_URL = "https://api.r.qcode.cc"


def block(marker: str) -> str:
    """Return the fenced block after a marker."""
    found = re.search(rf"<!-- {marker}: .*? -->\n```\n(.*?)```\n", README, re.DOTALL)
    assert found is not None, marker
    return found[1]


def yaml_of(name: str) -> str:
    """Return the YAML block that begins with the name of a file."""
    found = re.search(rf"```yaml\n# {re.escape(name)}: .*?\n(.*?)```\n", README, re.DOTALL)
    assert found is not None, name
    return found[1]


@pytest.fixture
def shown(tmp_path: Path, sandbox: SandboxServer) -> Project:
    """Return the project of the README in the state that its text tells of."""
    project = Project.create(tmp_path, sandbox)
    line = "    provider: qcode-partner\n"
    settings = yaml_of("reconciler.yaml").replace(line, f"{line}    base_url: {sandbox.base_url}\n")
    (tmp_path / "reconciler.yaml").write_text(settings.replace("QCODE_TOKEN", TOKEN))
    (tmp_path / "keys" / "team.yaml").write_text(yaml_of("keys/team.yaml"))
    assert project.run("apply", "--yes", "--key", "client-a").code == 0
    row = project.live("client-a")[0]
    sandbox.operator.change_key(row.id, daily_usd=500.0)
    sandbox.operator.spend(row.id, 12.5)
    return project


def test_the_plan_is_a_real_one(shown: Project) -> None:
    """The plan in the README is the output of the program for the YAML above it."""
    done = shown.run("plan")

    assert done.code == 0, done.stderr
    printed = settled(done.stdout.replace(shown.sandbox.base_url, REAL_URL), shown.sandbox)
    assert block("plan") == printed


def test_the_help_is_the_real_one(project: Project) -> None:
    """The help block is what `reconciler --help` prints."""
    assert block("help") == project.run("--help").stdout


def test_the_exit_codes_are_complete() -> None:
    """The table has every exit code of the program and no other."""
    table = README.partition("## Exit codes")[2].partition("##")[0]
    codes = {
        int(code) for row in re.findall(r"^\| ([\d, ]+) \|", table, re.MULTILINE) for code in row.split(",")
    }

    assert codes == {int(code) for code in ExitCode}


def test_links_lead_somewhere() -> None:
    """Every relative link of the README and the documentation names a file."""
    for name in ("README.md", "docs/ci.md", "docs/github.md", "examples/README.md"):
        page = ROOT / name
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
