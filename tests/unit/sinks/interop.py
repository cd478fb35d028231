"""Programs that read age and SOPS files and share no code with the sinks; those that this machine has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from tests.canary.recording import RECORDER
from tests.contract.age_reader import IDENTITY, open_age, open_sops

if TYPE_CHECKING:
    from collections.abc import Callable

INTEROP = Path(__file__).resolve().parents[2] / "interop"


def age_readers() -> dict[str, Callable[[Path], str]]:
    """Return what can open an age file: our second reader always, and the tools that are installed."""
    readers: dict[str, Callable[[Path], str]] = {
        "our own reader": lambda path: open_age(path.read_text()).decode()
    }
    if shutil.which("age"):
        readers["age"] = _age
    if _has_node():
        readers["age-encryption"] = lambda path: _node("age", path)
    return readers


def sops_readers() -> dict[str, Callable[[Path], str]]:
    """Return what can open a SOPS file of one value."""
    readers: dict[str, Callable[[Path], str]] = {
        "our own reader": lambda path: open_sops(path.read_text())[_name(path)]
    }
    if shutil.which("sops"):
        readers["sops"] = _sops
    if _has_node():
        readers["sops-age"] = lambda path: _node("sops", path)
    return readers


def _age(path: Path) -> str:
    identity = path.with_name("identity.txt")
    identity.write_text(f"{IDENTITY}\n", "utf-8")
    return _said(["age", "--decrypt", "--identity", str(identity), str(path)])


def _sops(path: Path) -> str:
    return str(json.loads(_said(["sops", "--decrypt", str(path)], SOPS_AGE_KEY=IDENTITY))[_name(path)])


def _node(form: str, path: Path) -> str:
    program = ["node", str(INTEROP / "open.mjs"), form, _name(path)]
    return _said(program, stdin=path.read_bytes(), AGE_IDENTITY=IDENTITY)


def _said(program: list[str], *, stdin: bytes = b"", **environment: str) -> str:
    with RECORDER.watch.muted():
        done = subprocess.run(
            program, input=stdin, env={**os.environ, **environment}, capture_output=True, check=False
        )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def _name(path: Path) -> str:
    return path.name.split(".")[0]


def _has_node() -> bool:
    # Where they are required, one that is missing fails the tests instead of being left out.
    if os.environ.get("RECONCILER_TEST_NPM_READERS") == "required":
        return True
    return shutil.which("node") is not None and (INTEROP / "node_modules").is_dir()
