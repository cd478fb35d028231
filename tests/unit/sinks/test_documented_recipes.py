"""The page about sinks: its recipes work, and what it says about options is true."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from reconciler.core.secret import Secret
from reconciler.errors import SinkUnverifiedError
from reconciler.manifest.wire_settings import (
    AgeFields,
    DotenvFields,
    ExecFields,
    JsonFields,
    SinkFields,
    SopsFields,
)
from reconciler.sinks import exec_hook
from reconciler.sinks._receipts import ReceiptsFile, Record
from tests.contract.leaks import leaked
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, receipt

if TYPE_CHECKING:
    from collections.abc import Mapping

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sinks.md").read_text("utf-8")

# Stands in for every program: stores what the real one would, shows it, and notes how it was called.
STAND_IN = """#!/bin/sh
set -eu
echo "${0##*/} $*" >> "$HOME/calls"
case "${0##*/} $1 ${2-}" in
  "gh auth status" | "fly auth whoami" | "doppler me " | *" whoami ") wc -c >> "$HOME/input-of-checks" ;;
  "pass show "* | "op read "* | "doppler secrets get" | "infisical secrets get") cat "$HOME/stored" ;;
  "op item get") test -e "$HOME/item.json" ;;
  "op item edit") test -e "$HOME/item.json" && cat > "$HOME/item.json" ;;
  "op item create") test ! -e "$HOME/item.json" && cat > "$HOME/item.json" ;;
  "fly secrets import" | "infisical secrets set") sed "s/^$ENTRY=//" > "$HOME/stored" ;;
  *) cat > "$HOME/stored" ;;
esac
if [ -e "$HOME/item.json" ]; then jq --join-output '.fields[0].value' "$HOME/item.json" > "$HOME/stored"; fi
"""
# The tests do without jq, of which the stand-in needs one expression.
JQ = """#!/bin/sh
exec {python} -c 'import json, sys; print(json.load(open(sys.argv[1]))["fields"][0]["value"], end="")' "$3"
"""
OURS = (AgeFields, DotenvFields, ExecFields, JsonFields, SopsFields)
RECIPES = {"doppler", "fly", "gh", "infisical", "op", "pass", "vercel", "wrangler"}


def settings_of_the_page() -> dict[str, Mapping[str, Any]]:
    """Return every sink that the page shows, by name."""
    found: dict[str, Mapping[str, Any]] = {}
    for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL):
        found |= (YAML(typ="safe", pure=True).load(block) or {}).get("sinks", {})
    return found


def recipes() -> dict[str, Mapping[str, Any]]:
    """Return the exec sinks of the page."""
    return {name: sink for name, sink in settings_of_the_page().items() if sink["type"] == "exec"}


def test_there_are_recipes() -> None:
    """The page is read in the form in which it is written."""
    assert set(recipes()) == RECIPES


@pytest.mark.parametrize("name", sorted(settings_of_the_page()))
def test_what_the_page_shows_can_be_copied(name: str) -> None:
    """Every sink of the page is valid in the settings."""
    shape: TypeAdapter[Any] = TypeAdapter(SinkFields)

    shape.validate_python(settings_of_the_page()[name])


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_stores_the_secret(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each recipe hands the secret over on standard input, again after a rotation, and shows it to nobody."""
    recipe = dict(recipes()[name])
    write(tmp_path / name, STAND_IN)
    write(tmp_path / "jq", JQ.format(python=sys.executable))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENTRY", NAME)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    recipe.pop("timeout", None)
    receipts = tmp_path / "receipts.json"
    sink = exec_hook.build({**recipe, "receipts": receipts, "env": [*recipe.get("env", []), "ENTRY"]})

    sink.preflight([ENTRY])
    for generation, secret in enumerate([OLD, NEW], start=1):
        sink.put(ENTRY, Secret(secret), receipt(generation))
        sink.verify(ENTRY, Secret(secret), receipt(generation))
        assert (tmp_path / "stored").read_text("utf-8") == secret

    calls = (tmp_path / "calls").read_text("utf-8")
    # These two read the name on standard input too; the stand-in stores nothing else without it.
    assert name in {"fly", "infisical"} or NAME in calls
    assert leaked(calls, OLD, NEW) == []
    checks = tmp_path / "input-of-checks"
    assert not checks.exists() or checks.read_text("utf-8").split() == ["0"]
    assert sink.stat([NAME]) == {NAME: receipt(2)}


@pytest.mark.parametrize("name", sorted(name for name in RECIPES if "verify" in recipes()[name]))
def test_a_recipe_that_reads_back_notices_another_value(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`verify` says yes to exactly the secret that was delivered."""
    write(tmp_path / name, STAND_IN)
    write(tmp_path / "jq", JQ.format(python=sys.executable))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ENTRY", NAME)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    recipe = {**recipes()[name], "receipts": tmp_path / "receipts.json", "env": ["ENTRY"]}
    recipe.pop("timeout", None)
    sink = exec_hook.build(recipe)
    sink.put(ENTRY, Secret(OLD), receipt())

    with pytest.raises(SinkUnverifiedError):
        sink.verify(ENTRY, Secret(NEW), receipt())


def write(path: Path, text: str) -> None:
    """Write a program."""
    path.write_text(text, "utf-8")
    path.chmod(0o755)


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
    "option", sorted({name for shape in OURS for name in shape.model_fields} | {"type", "template"})
)
def test_every_option_is_described(option: str) -> None:
    """Whoever configures a sink finds each of its options in a table."""
    assert re.search(rf"^\| `{option}` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(
    "kind", [word for shape in OURS for word in get_args(shape.model_fields["type"].annotation)]
)
def test_every_type_has_a_row_of_guarantees(kind: str) -> None:
    """And one that names the extra, where it needs one."""
    assert re.search(rf"^\|[^|]*`{kind}`[^|]*\|(?:[^|]+\|){{7}}$", PAGE, re.MULTILINE)
