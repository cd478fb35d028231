"""`verify`: the delivered keys themselves ask a real server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.project import Project

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.sandbox.operator_client import OperatorClient
    from reconciler.sandbox.server import SandboxServer

SETTINGS = """\
version: 1
keys: [keys/*.yaml]
accounts:
  gate:
    provider: {provider}
    base_url: {base_url}/{provider}
    token: {{env: GATE}}
    options: {options}
sinks:
  local: {{type: dotenv, path: .secrets/keys.env}}
"""
KEYS = """\
version: 1
defaults: {account: gate, deliver: {sink: local}}
keys:
  web: {limits: {total_units: 5000}, models: [m1, m2]}
  off: {limits: {total_units: unlimited}, enabled: false}
"""


def at(project: Project, provider: str, options: str) -> Project:
    """Apply two keys at a server of the New API family."""
    project.environment["GATE"] = project.sandbox.tokens[provider.replace("-", "_")]
    (project.root / "reconciler.yaml").write_text(
        SETTINGS.format(base_url=project.sandbox.base_url, provider=provider, options=options)
    )
    (project.root / "keys" / "team.yaml").write_text(KEYS)
    done = project.run("apply", "--yes")
    assert done.code == 0, done.stdout
    return project


@pytest.fixture
def gate(project: Project) -> Project:
    """Return a project whose two keys are applied at CometAPI."""
    return at(project, "cometapi", "{}")


def row_id(gate: Project, name: str) -> str:
    """Return the id of a row."""
    operator: OperatorClient = gate.sandbox.operator
    return next(row.id for row in operator.keys("cometapi") if row.name == name)


def test_what_is_in_custody_is_as_declared(gate: Project) -> None:
    """Each key asked about itself; one that is declared off has to be refused; nothing is written."""
    gate.sandbox.operator.clear_requests()

    done = gate.run("verify")

    assert (done.code, done.stderr) == (0, "")
    assert done.stdout == (
        "good    gate/off in local/OFF: off, as declared\n"
        "good    gate/web in local/WEB\n"
        "\n"
        "Verified 2 entries: 2 good.\n"
    )
    assert {entry.method for entry in gate.sandbox.operator.requests()} == {"GET"}


def test_new_api_answers_its_keys_too(project: Project) -> None:
    """With the amounts in USD as well."""
    done = at(project, "new-api", "{user_id: 101}").run("verify", "web")

    assert done.code == 0
    assert done.stdout.startswith("good    gate/web in local/WEB\n")


def test_a_key_that_is_dead_ends_with_8(gate: Project) -> None:
    """Switched off in the panel, it is refused, and the sink holds what does not work."""
    gate.sandbox.operator.change_key(row_id(gate, "web"), enabled=False)

    done = gate.run("verify", "web")

    assert done.code == 8
    assert done.stdout.startswith("wrong   gate/web in local/WEB: the provider refuses the key\n")


def test_other_caps_end_with_2(gate: Project) -> None:
    """The key is the right one, and drifted; a pattern chooses keys."""
    gate.sandbox.operator.change_key(row_id(gate, "web"), remain_units=9000)

    done = gate.run("verify", "w*", "--format", "json")

    assert done.code == 2
    (found,) = json.loads(done.stdout)
    assert (found["address"], found["verdict"], found["why"]) == (
        "gate/web",
        "differs",
        "limits.total_units is 9000, declared 5000",
    )


def test_a_lost_entry_ends_with_8(gate: Project) -> None:
    """Somebody emptied the file."""
    (gate.root / ".secrets" / "keys.env").write_text("")

    done = gate.run("verify", "web")

    assert done.code == 8
    assert "the sink holds no secret that was delivered for this key" in done.stdout


def test_what_cannot_be_asked_is_said(tmp_path: Path, sandbox: SandboxServer) -> None:
    """A provider whose keys cannot ask about themselves is no failure."""
    project = Project.create(tmp_path, sandbox)
    assert project.run("apply", "--yes").code == 0

    done = project.run("verify")

    assert done.code == 0
    assert done.stdout.endswith(
        "keys of qcode-partner cannot ask about themselves\n\nVerified 1 entry: 1 unknown.\n"
    )
