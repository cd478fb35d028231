"""octoDNS, the nearest neighbour that plans from YAML: its environment, configuration and plan-only run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from tests.bench.generate import ZONE
from tests.bench.process_timer import Program

if TYPE_CHECKING:
    from collections.abc import Mapping

VERSION: Final = "1.22.0"
Target = Literal["json", "yaml"]

_TARGETS: Final[Mapping[Target, str]] = {
    "json": "class: octodns_json_target.JsonTarget\n    path: {folder}/actual.json",
    "yaml": "class: octodns.provider.yaml.YamlProvider\n    directory: {folder}/actual",
}


def install() -> Path:
    """Return the folder of octoDNS's programs, in an environment of its own that is made once.

    Raises:
        subprocess.CalledProcessError: when pip cannot install it.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = cache / "reconciler-bench" / f"octodns-{VERSION}-python{python}"
    programs = environment / "bin"
    if not (programs / "octodns-sync").exists():
        print(f"Installing octoDNS {VERSION} for comparison ...", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", environment], check=True)
        pip = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, f"octodns=={VERSION}"], check=True)
    return programs


def plan(programs: Path, folder: Path, target: Target) -> Program:
    """Return the run that plans the zone of `generate.write_zone`, and writes nothing.

    Args:
        programs: from `install`.
        folder: that the zone was written to.
        target: `json` stands for a fetched answer; `yaml` is octoDNS's own provider over a second file.
    """
    config = folder / f"{target}.yaml"
    config.write_text(
        f"""\
manager: {{max_workers: 1}}
providers:
  declared:
    class: octodns.provider.yaml.YamlProvider
    directory: {folder}/declared
  actual:
    {_TARGETS[target].format(folder=folder)}
    update_pcent_threshold: 1.0
zones:
  {ZONE}:
    sources: [declared]
    targets: [actual]
""",
        encoding="utf-8",
    )
    return Program(
        argv=[str(programs / "octodns-sync"), "--quiet", "--config-file", str(config)],
        variables={"PYTHONPATH": str(Path(__file__).parent)},
    )
