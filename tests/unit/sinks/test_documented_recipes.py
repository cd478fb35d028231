"""The page about sinks: what it shows can be copied, and its recipes call the programs as they want it."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter
from ruamel.yaml import YAML

from reconciler.core.secret import Secret
from reconciler.errors import SinkRefusedError, SinkUnverifiedError
from reconciler.manifest.wire_sinks import SinkFields
from reconciler.sinks import exec_hook
from reconciler.sinks._receipts import ReceiptsFile, Record
from tests.canary.recording import RECORDER
from tests.canary.shown import leaked
from tests.contract.sink_faults import ENTRY, NAME, NEW, OLD, receipt
from tests.stores.vendor_programs import LOGINS, install, stored

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from reconciler.sinks.exec_hook import ExecSink

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "sinks.md").read_text("utf-8")

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A recipe of the page and the stand-in that it calls.

    Attributes:
        home: of the stand-in.
        sink: that the recipe describes.
    """

    home: Path
    sink: ExecSink

    def holds(self) -> str:
        """Return the one value that the store has."""
        [value] = stored(self.home).values()
        return value


@pytest.fixture
def try_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Tried]:
    """Return what makes a recipe runnable: every stand-in is on the path, and all are logged in."""
    install(tmp_path)
    RECORDER.watch.keeps(tmp_path / "state.json")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    for variable in LOGINS.values():
        monkeypatch.setenv(variable, f"token-of-{variable}")

    def made(name: str) -> Tried:
        recipe = {**recipes()[name], "receipts": tmp_path / "receipts.json", "timeout": timedelta(seconds=30)}
        return Tried(home=tmp_path, sink=exec_hook.build(recipe))

    return made


@pytest.mark.parametrize("name", sorted(RECIPES))
def test_a_recipe_stores_the_secret(name: str, try_out: Callable[[str], Tried]) -> None:
    """Each recipe is called as the program's manual says, again after a rotation, and shows nothing."""
    tried = try_out(name)

    tried.sink.preflight([ENTRY])
    for generation, secret in enumerate([OLD, NEW], start=1):
        tried.sink.put(ENTRY, Secret(secret), receipt(generation))
        tried.sink.verify(ENTRY, Secret(secret), receipt(generation))
        assert tried.holds() == secret

    [entry] = stored(tried.home)
    assert entry.rpartition("/")[2] == NAME
    assert leaked((tried.home / "calls").read_text("utf-8"), OLD, NEW) == []
    assert tried.sink.stat([NAME]) == {NAME: receipt(2)}


@pytest.mark.parametrize("name", sorted(name for name in RECIPES if "verify" in recipes()[name]))
def test_a_recipe_that_reads_back_notices_another_value(name: str, try_out: Callable[[str], Tried]) -> None:
    """`verify` says yes to exactly the secret that was delivered."""
    tried = try_out(name)
    tried.sink.put(ENTRY, Secret(OLD), receipt())

    with pytest.raises(SinkUnverifiedError):
        tried.sink.verify(ENTRY, Secret(NEW), receipt())


@pytest.mark.parametrize("name", sorted(name for name in RECIPES if "check" in recipes()[name]))
def test_a_recipe_notices_a_missing_login(
    name: str, try_out: Callable[[str], Tried], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`check` refuses before anything is minted."""
    monkeypatch.delenv(LOGINS[name])

    with pytest.raises(SinkRefusedError, match="log in first"):
        try_out(name).sink.preflight([ENTRY])


@pytest.mark.parametrize("name", sorted(LOGINS))
def test_the_login_of_a_recipe_is_passed_on(name: str) -> None:
    """Programs see no variable that the recipe does not name."""
    assert LOGINS[name] in recipes()[name]["env"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gh", "secret", "set", "NAME", "--body-file", "x"], "unknown flag: --body-file"),
        (["gh", "secret", "put", "NAME"], "unknown command"),
        (["wrangler", "secret", "put", "NAME", "value"], "accepts 1 arguments"),
        (["op", "item", "create", "-", "--template", "/dev/stdin"], "cannot use --template with piped input"),
    ],
)
def test_a_stand_in_refuses_what_the_program_would(
    tmp_path: Path, try_out: Callable[[str], Tried], arguments: list[str], said: str
) -> None:
    """A recipe with a flag that does not exist would not pass."""
    del try_out
    done = subprocess.run(
        [tmp_path / arguments[0], *arguments[1:]], input="x", text=True, capture_output=True, check=False
    )

    assert done.returncode == 1
    assert said in done.stderr


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
