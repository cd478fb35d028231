"""The workflows to copy from README and docs/ci.md: they fit what they call, and pass the linters."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.e2e.workflow_files import ACTION, ROOT, read

BLOCK = re.compile(r"```yaml\n# (\.github/workflows/[a-z-]+\.yml)[^\n]*\n(.*?)```", re.DOTALL)
CALLED = re.compile(r"OWNER/reconciler/(\.github/[a-z/-]+(?:\.yml)?)@COMMIT # v0\.1\.0")
LEVELS = {"read": 1, "write": 2}
PAGES = {name: dict(BLOCK.findall((ROOT / name).read_text("utf-8"))) for name in ("README.md", "docs/ci.md")}
CALLERS = [(page, name) for page, found in PAGES.items() for name in found]


def caller(page: str, name: str) -> dict[str, Any]:
    """Return the parsed workflow."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return dict(yaml.load(PAGES[page][name]))


def test_there_is_one_for_each() -> None:
    """Every reusable workflow has its caller, and README shows the same as the page."""
    ours = {path.name for path in (ROOT / ".github" / "workflows").glob("reconcile-*.yml")}
    text = "".join(PAGES["docs/ci.md"].values())

    assert {Path(name).name for name in CALLED.findall(text)} == {*ours, "reconcile"}
    assert len(CALLERS) == 7
    for name in PAGES["README.md"]:
        shown, page = caller("README.md", name), caller("docs/ci.md", name)
        [(_, job)] = page["jobs"].items()
        job.pop("with", None)
        assert shown == page


@pytest.mark.parametrize(("page", "name"), [item for item in CALLERS if "own" not in item[1]])
def test_a_caller_fits_what_it_calls(page: str, name: str) -> None:
    """Inputs and secrets exist, what is required is given, and every permission is passed on."""
    [(_, job)] = caller(page, name)["jobs"].items()
    [path] = CALLED.findall(PAGES[page][name])
    called = read(ROOT / path)
    interface = called["on"]["workflow_call"]
    secrets = interface["secrets"]

    assert job.get("with", {}).keys() <= interface["inputs"].keys()
    assert job["secrets"].keys() <= secrets.keys()
    assert {item for item, about in secrets.items() if about["required"]} <= job["secrets"].keys()
    for theirs in called["jobs"].values():
        for what, level in theirs["permissions"].items():
            assert LEVELS[level] <= LEVELS[job["permissions"][what]]


def test_the_action_has_what_its_user_gives() -> None:
    """The job that uses the action itself names inputs that it has."""
    [job] = caller("docs/ci.md", ".github/workflows/keys-own.yml")["jobs"].values()

    assert job["steps"][-1]["with"].keys() <= read(ACTION / "action.yml")["inputs"].keys()


@pytest.mark.parametrize("page", PAGES)
def test_they_pass_the_linters(page: str, tmp_path: Path) -> None:
    """Actionlint and zizmor find nothing in what a reader copies, once the commit is filled in."""
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    for name, text in PAGES[page].items():
        (tmp_path / name).write_text(text.replace("COMMIT", "c0ffee" + "0" * 34).replace("OWNER", "acme"))
    files = sorted(str(path) for path in folder.iterdir())
    for tool, *arguments in (
        ("actionlint", "-shellcheck="),
        ("zizmor", "--offline", "--no-progress"),
        ("check-jsonschema", "--builtin-schema", "vendor.github-workflows"),
    ):
        program = shutil.which(tool, path=str(Path(sys.executable).parent)) or tool
        done = subprocess.run(
            [program, *arguments, *files], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
