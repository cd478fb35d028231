"""What the action installs can be installed on every runner: it takes wheels only."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.utils import parse_wheel_filename

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)


@pytest.mark.parametrize("system", ["manylinux", "macosx", "win_amd64"])
@pytest.mark.parametrize("minor", [11, 12, 13, 14])
def test_there_is_a_wheel_of_every_package(system: str, minor: int) -> None:
    """No package has to be built on a runner, whose compilers nobody pins."""
    lock = tomllib.loads((ROOT / "uv.lock").read_text("utf-8"))
    wheels = {entry["name"]: entry.get("wheels", []) for entry in lock["package"]}
    names = PIN.findall((ROOT / "requirements" / "action.txt").read_text("utf-8"))

    assert [name for name in names if not _fits(wheels[name], system, minor)] == []


def _fits(wheels: list[dict[str, str]], system: str, minor: int) -> bool:
    for wheel in wheels:
        for tag in parse_wheel_filename(wheel["url"].rsplit("/", 1)[1])[3]:
            stable = tag.abi == "abi3" and int(tag.interpreter.removeprefix("cp3")) <= minor
            if tag.platform == "any" or (
                system in tag.platform and (stable or tag.interpreter in {f"cp3{minor}", "py3"})
            ):
                return True
    return False
