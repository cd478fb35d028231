"""The action and the workflows of this repository, run from their parsed YAML as a runner would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML

from tests.e2e.command import Finished

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.e2e.workflow_runs import Run

ROOT = Path(__file__).resolve().parents[2]
ACTION = ROOT / ".github" / "actions" / "reconcile"
OURS = "$/.github/actions/reconcile"
# What stands for nothing here: the checkout is there, and so is Python.
FOREIGN = {"actions/checkout", "actions/setup-python"}
_EXPRESSION = re.compile(r"\$\{\{ (.+?) \}\}")
_OUTPUT = re.compile(r"^([a-z-]+)<<(end_[0-9a-f]+)\n(.*?)\n?\2$", re.MULTILINE | re.DOTALL)


def read(path: Path) -> dict[str, Any]:
    """Return a YAML file, with `on` as a word."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 2)
    return dict(yaml.load(path))


def workflow(name: str) -> dict[str, Any]:
    """Return one of the reusable workflows."""
    return read(ROOT / ".github" / "workflows" / f"reconcile-{name}.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """How a step ended, and its outputs."""

    done: Finished
    outputs: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Values:
    """What expressions are about: contexts by name, each with values by name."""

    contexts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def fill(self, text: object) -> str:
        """Return a value of the YAML with its expressions replaced."""
        return _EXPRESSION.sub(lambda found: _shown(self.value(found[1])), _shown(text))

    def value(self, expression: str) -> object:
        """Return what an expression stands for; only forms that our files use are known."""
        name, equals, literal = expression.partition(" == ")
        if equals:
            return self.value(name) == literal.strip("'")
        found: Any = self.contexts
        for part in name.split("."):
            # An unknown name is empty on a runner, which would hide a misspelling here.
            found = found[part]
        return found


def run_action(run: Run, inputs: Mapping[str, str], *, environment: Mapping[str, str] | None = None) -> Step:
    """Run the composite action with some inputs and the defaults of others; nothing is installed."""
    action = read(ACTION / "action.yml")
    inputs = {"install": "false", **inputs}
    assert inputs.keys() <= action["inputs"].keys()
    missing = [name for name, item in action["inputs"].items() if item.get("required") and name not in inputs]
    assert missing == []
    values = Values(contexts={"github": {"token": run.token}})
    values.contexts["inputs"] = {
        name: inputs.get(name, values.fill(item.get("default", "")))
        for name, item in action["inputs"].items()
    }
    [step] = action["runs"]["steps"]
    assert step["shell"] == "bash"
    variables = {name: values.fill(text) for name, text in step["env"].items()}
    done = bash(run, step["run"], {**(environment or {}), **variables})
    outputs = dict.fromkeys(action["outputs"], "")
    written = _outputs(run)
    for name, item in action["outputs"].items():
        assert item["value"] == f"${{{{ steps.{step['id']}.outputs.{name} }}}}"
        outputs[name] = written.get(name, "")
    return Step(done=done, outputs=outputs)


def bash(run: Run, script: str, variables: Mapping[str, str]) -> Finished:
    """Run a script as a runner does, with the program of the tests on PATH."""
    done = subprocess.run(
        ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script],
        cwd=run.project.root,
        env=_environment(run, variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    run.heard += [done.stdout, done.stderr]
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def start_action(run: Run, inputs: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start the script of the action without waiting for it; the process is the one that a runner signals."""
    variables = {f"INPUT_{name.upper().replace('-', '_')}": value for name, value in inputs.items()}
    return subprocess.Popen(
        ["bash", "-e", "-c", 'exec bash "$GITHUB_ACTION_PATH/reconcile.sh"'],
        cwd=run.project.root,
        env=_environment(run, variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def run_job(
    run: Run,
    job: Mapping[str, Any],
    *,
    inputs: Mapping[str, Any],
    secrets: Mapping[str, str],
    needs: Mapping[str, Any] | None = None,
) -> Step:
    """Run the steps of a job of a reusable workflow, and return how its own step ended."""
    contexts = {"inputs": dict(inputs), "secrets": dict(secrets), "needs": dict(needs or {})}
    values = Values(contexts=contexts)
    ours = [step for step in job["steps"] if step["uses"].split("@")[0] not in FOREIGN]
    [step] = ours
    assert step["uses"] == OURS
    variables = {name: values.fill(text) for name, text in step["env"].items()}
    found = {name: values.fill(text) for name, text in step["with"].items()}
    return run_action(run, found, environment={name: text for name, text in variables.items() if text})


def defaults(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the inputs of a reusable workflow as they are when a caller gives none."""
    return {name: item["default"] for name, item in document["on"]["workflow_call"]["inputs"].items()}


def secrets_of(document: Mapping[str, Any], **given: str) -> dict[str, str]:
    """Return its secrets: those that are given, and nothing for the others."""
    named = document["on"]["workflow_call"]["secrets"]
    assert given.keys() <= named.keys()
    return {**dict.fromkeys(named, ""), **given}


def _environment(run: Run, variables: Mapping[str, str]) -> dict[str, str]:
    shim = run.files / "reconciler"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
    shim.chmod(0o755)
    environment = run.environment()
    # The token comes from the inputs alone.
    del environment["GITHUB_TOKEN"]
    return {
        "INPUT_INSTALL": "false",
        **environment,
        "GITHUB_ACTION_PATH": str(ACTION),
        "PATH": f"{run.files}{os.pathsep}{environment['PATH']}",
        "RUNNER_TEMP": str(run.files),
        "GITHUB_TOKEN": run.token,
        **variables,
    }


def _outputs(run: Run) -> dict[str, str]:
    path = run.files / "outputs"
    text = path.read_text("utf-8") if path.exists() else ""
    # A step has a file of its own.
    path.unlink(missing_ok=True)
    return {name: value for name, _, value in _OUTPUT.findall(text)}


def _shown(value: object) -> str:
    return json.dumps(value) if isinstance(value, bool) else str(value)
