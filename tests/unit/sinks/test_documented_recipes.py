"""The page about sinks: its recipes work, and what it says about options is true."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from ruamel.yaml import YAML

from reconciler.core.secret import Secret
from reconciler.sinks import exec_hook
from reconciler.sinks._receipts import ReceiptsFile, Record
from tests.contract.leaks import leaked
from tests.contract.sink_faults import ENTRY, NAME, OLD, receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sinks.md").read_text("utf-8")

# Reads a secret where the real one does, keeps it, shows it, and notes how it was called.
STAND_IN = """#!/bin/sh
echo "$0 $*" >> "$HOME/calls"
case "$1" in
  auth | whoami) wc -c >> "$HOME/input-of-checks" ;;
  show) cat "$HOME/stored" ;;
  *) cat > "$HOME/stored" ;;
esac
"""


def recipes() -> dict[str, Mapping[str, Any]]:
    """Return the exec sinks of the page."""
    found: dict[str, Mapping[str, Any]] = {}
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        sinks = YAML(typ="safe", pure=True).load(block)["sinks"]
        found |= {name: sink for name, sink in sinks.items() if sink["type"] == "exec"}
    return found


def test_there_are_recipes() -> None:
    """The page is read in the form in which it is written."""
    assert set(recipes()) == {"actions", "pass", "worker"}


@pytest.mark.parametrize("name", sorted(recipes()))
def test_a_recipe_stores_the_secret(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each recipe hands the secret over on standard input and is confirmed, and shows it to nobody else."""
    recipe = dict(recipes()[name])
    program = tmp_path / recipe["command"][0]
    program.write_text(STAND_IN, "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    recipe.pop("timeout", None)
    sink = exec_hook.build({**recipe, "receipts": tmp_path / "receipts.json"})

    sink.preflight([ENTRY])
    sink.put(ENTRY, Secret(OLD), receipt())
    sink.verify(ENTRY, Secret(OLD), receipt())

    assert (tmp_path / "stored").read_text("utf-8") == OLD
    calls = (tmp_path / "calls").read_text("utf-8")
    assert NAME in calls
    assert leaked(calls, OLD) == []
    checks = tmp_path / "input-of-checks"
    assert not checks.exists() or checks.read_text("utf-8").split() == ["0"]
    assert sink.stat([NAME]) == {NAME: receipt()}


def test_the_receipts_of_the_page_are_read(tmp_path: Path) -> None:
    """The example is a file of the version that is written today."""
    [example] = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    path = tmp_path / "receipts.json"
    path.write_text(example, "utf-8")
    file = ReceiptsFile(path)
    records = file.load()
    delivered = records["CLIENT_A_KEY"].delivered
    assert delivered

    file.complete({}, "CLIENT_A_KEY", delivered)

    assert records == {"CLIENT_A_KEY": Record(delivered=delivered)}
    assert path.read_text("utf-8") == example


@pytest.mark.parametrize(
    "option", ["path", "quoted", "allow_tracked", "command", "check", "verify", "receipts", "timeout", "env"]
)
def test_every_option_is_described(option: str) -> None:
    """Whoever configures a sink finds each of its options in a table."""
    assert re.search(rf"^\| `{option}` \|", PAGE, re.MULTILINE)
