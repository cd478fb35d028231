"""Which kinds of sinks there are."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ManifestError, SinkError
from reconciler.sinks.registry import TYPES, build

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, kw_only=True)
class Declared:
    """A declared sink."""

    name: str = "app"
    type: str
    options: Mapping[str, object] = field(default_factory=dict)


OPTIONS: dict[str, dict[str, object]] = {
    "dotenv": {"path": Path("keys.env"), "quoted": True, "allow_tracked": False},
    "json": {"path": Path("keys.json"), "allow_tracked": False},
    "exec": {"command": ("true",), "check": None, "verify": None, "receipts": Path("r.json"), "env": ()},
}


@pytest.mark.parametrize("kind", sorted(TYPES))
def test_every_type_is_built_without_a_trace(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building opens and writes nothing."""
    monkeypatch.chdir(tmp_path)

    build(Declared(type=kind, options=OPTIONS[kind])).close()

    assert list(tmp_path.iterdir()) == []


def test_an_unknown_type_names_the_known_ones() -> None:
    """The error helps to correct the settings, and is no error of the manifest."""
    with pytest.raises(
        SinkError, match="sink app: there is no type 'memory'; use one of dotenv, exec, json"
    ) as caught:
        build(Declared(type="memory"))

    assert not isinstance(caught.value, ManifestError)


def test_no_adapter_is_imported_before_it_is_built() -> None:
    """A plan without sinks does not pay for them."""
    program = "import sys, reconciler.sinks.registry; print(*sorted(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )

    loaded = {name for name in done.stdout.split() if name.startswith("reconciler.sinks.")}
    assert loaded == {"reconciler.sinks.registry"}
