"""What a command does not import; measured in the real program, since start-up time is made of imports."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import TYPE_CHECKING

from reconciler.cli.version import VERSION
from tests.cli.project import ROOT

if TYPE_CHECKING:
    from tests.cli.project import Project


def test_version_imports_no_command_line_library(project: Project) -> None:
    """`--version` is answered before click, rich or anything else is loaded."""
    modules, output = _imported(project, "--version")

    assert output == f"reconciler {VERSION}\n"
    assert modules & {"click", "rich", "httpx", "logging", "importlib.metadata"} == set()


def test_version_is_also_an_option_like_any_other(project: Project) -> None:
    """Beside other options it still answers, at the price of click, and says the same."""
    both = [project.run("--version"), project.run("--no-color", "--version")]

    assert [(done.code, done.stdout) for done in both] == [(0, f"reconciler {VERSION}\n")] * 2


def test_version_is_that_of_the_project() -> None:
    """The constant and pyproject.toml say the same."""
    assert f'\nversion = "{VERSION}"\n' in (ROOT / "pyproject.toml").read_text("utf-8")


def test_help_imports_no_command(project: Project) -> None:
    """The list of commands comes from a table."""
    modules, output = _imported(project, "--help")

    assert "validate" in output
    assert not {name for name in modules if name.startswith("reconciler.cli.commands.")}
    assert modules & {"httpx", "pydantic", "rich", "ruamel", "reconciler.manifest"} == set()


def test_validate_loads_no_network(project: Project) -> None:
    """`validate` is offline to the point of not having an HTTP library."""
    modules, output = _imported(project, "validate")

    assert output == "1 key in 1 file is valid\n"
    assert modules & {"httpx", "httpcore", "ssl", "deepdiff", "rich", "starlette", "uvicorn"} == set()


def test_a_plan_without_a_difference_loads_no_deepdiff(project: Project) -> None:
    """Where nothing differs, nothing that explains differences is loaded."""
    assert project.run("apply", "--yes").code == 0

    modules, output = _imported(project, "plan")

    assert output == "No changes. 1 key is as declared.\n"
    assert modules & {"deepdiff", "starlette", "uvicorn", "pygments"} == set()


def _imported(project: Project, *arguments: str) -> tuple[set[str], str]:
    """Run the program and return the names of all modules that it imported, and its stdout."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "reconciler", *arguments],
        cwd=project.root,
        # The measuring of coverage imports modules of its own.
        env={name: text for name, text in project.environment.items() if not name.startswith("COVERAGE")},
        capture_output=True,
        text=True,
        check=True,
    )
    return set(re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE)), done.stdout
