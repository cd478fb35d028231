"""A sink of another package, installed beside the real command line."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import ROOT
from tests.plugin.fake_vault import TOKEN, FakeVault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.project import Project

SINK = "  vault: {{type: example-vault, options: {{vault_url: '{url}', token: {{env: EXAMPLE_TOKEN}}}}}}\n"
NAME = "CLIENT-A-KEY"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the example package; Python imports from a wheel and finds its entry points in it."""
    target = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(build, cwd=ROOT / "tests" / "plugin", check=True, capture_output=True)
    [built] = target.glob("*.whl")
    return built


@pytest.fixture
def vault() -> Iterator[FakeVault]:
    """An empty vault."""
    with FakeVault() as running:
        yield running


def declare(project: Project, sink: str) -> None:
    """Deliver the key to a sink that stands in the settings beside the usual one."""
    project.settings(sink)
    keys = project.root / "keys" / "team.yaml"
    text = keys.read_text().replace("deliver: {sink: local}", f"deliver: {{sink: vault, name: {NAME}}}")
    keys.write_text(text)


def test_a_key_is_delivered_to_a_store_that_is_not_listed(
    project: Project, wheel: Path, vault: FakeVault
) -> None:
    """The settings name it, its own model checks the options, and the secret and the receipt are in it."""
    project.environment |= {"PYTHONPATH": f"{wheel}{os.pathsep}{ROOT}", "EXAMPLE_TOKEN": TOKEN}
    declare(project, SINK.format(url=vault.url))

    assert project.run("validate").code == 0
    applied = project.run("apply", "--yes")
    assert applied.code == 0, applied.stderr

    [secret] = project.sandbox.operator.secrets()
    assert vault.versions[NAME][-1]["value"] == secret
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_its_options_are_checked_where_they_stand(project: Project, wheel: Path) -> None:
    """With file, line and column, without the value, and offline."""
    project.environment |= {"PYTHONPATH": f"{wheel}{os.pathsep}{ROOT}"}
    declare(
        project, "  vault: {type: example-vault, options: {vault_url: 'http://v.example', tokn: canary}}\n"
    )

    done = project.run("validate")

    assert done.code == 3
    assert "reconciler.yaml:10:42: `vault_url` must start with https://" in done.stdout
    assert "reconciler.yaml:10:" in done.stdout
    assert "unknown field `tokn`; did you mean `token`?" in done.stdout
    assert "`token` is missing" in done.stdout
    assert "canary" not in done.stdout


def test_a_package_that_is_not_installed_is_named_as_the_reason(project: Project) -> None:
    """Nothing is guessed from the options."""
    declare(project, SINK.format(url="https://v.example"))

    done = project.run("validate")

    assert done.code == 3
    assert "`type` is one of no installed package" in done.stdout


def test_a_vault_that_refuses_the_token_costs_no_key(project: Project, wheel: Path, vault: FakeVault) -> None:
    """The exit code is the one for credentials, and nothing was minted."""
    project.environment |= {"PYTHONPATH": f"{wheel}{os.pathsep}{ROOT}", "EXAMPLE_TOKEN": "not-the-token"}
    declare(project, SINK.format(url=vault.url))

    assert project.run("apply", "--yes").code == 9
    assert project.writes() == []
