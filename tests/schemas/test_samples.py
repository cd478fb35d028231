"""The samples beside this file: editors and the loader agree about every one of them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import jsonschema
import pytest

from reconciler.cli.wiring import KINDS
from reconciler.errors import ManifestError
from reconciler.manifest.load import load_manifest
from reconciler.manifest.schema import schema
from reconciler.manifest.tree import parse
from reconciler.providers.registry import OWN_FIELDS

HERE: Final = Path(__file__).parent
SAMPLES: Final = sorted(HERE.glob("*/*/*.yaml"))
SETTINGS: Final = """\
version: 1
keys: [keys/*.yaml]
accounts:
  main: {provider: qcode-partner, token: {env: MAIN_TOKEN}}
sinks:
  local: {type: dotenv, path: .secrets/keys.env}
"""


def problems_of_the_loader(sort: str, text: str, root: Path) -> list[str]:
    """Return what the loader says of a settings or key file that stands in an otherwise good project."""
    (root / "keys").mkdir()
    (root / "reconciler.yaml").write_text(text if sort == "settings" else SETTINGS)
    (root / "keys" / "sample.yaml").write_text(text if sort == "keys" else "version: 1\nkeys: {}\n")
    try:
        load_manifest(root / "reconciler.yaml", kinds=KINDS)
    except ManifestError as error:
        return [str(problem) for problem in error.problems]
    return []


@pytest.mark.parametrize("path", SAMPLES, ids=[str(path.relative_to(HERE)) for path in SAMPLES])
def test_schema_and_loader_agree(path: Path, tmp_path: Path) -> None:
    """What an editor marks is refused, and what it does not mark is taken."""
    text = path.read_text("utf-8")
    sort, verdict = path.parts[-3:-1]
    validator = jsonschema.Draft202012Validator(schema(sort, OWN_FIELDS))
    marked = [error.message for error in validator.iter_errors(parse(text, path.name))]
    refused = problems_of_the_loader(sort, text, tmp_path)
    good = verdict == "valid"
    assert (not marked, not refused) == (good, good), marked + refused


def test_there_are_samples_of_each_sort() -> None:
    """An empty folder would test nothing."""
    found = {tuple(path.parts[-3:-1]) for path in SAMPLES}
    assert found == {(sort, verdict) for sort in ("settings", "keys") for verdict in ("valid", "invalid")}
