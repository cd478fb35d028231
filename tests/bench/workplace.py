"""A world on disk with a server in front of it, and the programs that are run on it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.bench import list_server
from tests.bench.generate import (
    TOKEN_VARIABLE,
    write_declarations,
    write_pages,
    write_settings,
    write_zone,
)
from tests.bench.process_timer import Program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.generate import World

MANY: Final = 100
RECONCILER: Final = str(Path(sys.executable).parent / "reconciler")
_FLOOR: Final = str(Path(__file__).parent / "floor.py")
# A program of its own: a plan of 100k actions would make the benchmark larger than what it measures.
_COUNT_OPERATIONS: Final = """
import collections, json, sys
print(json.dumps(collections.Counter(action["op"] for action in json.load(sys.stdin)["plan"]["actions"])))
"""
_VARIABLES: Final = {TOKEN_VARIABLE: "rsk_benchmark"}


class WrongPlanError(Exception):
    """Raised when the plan to be measured is not the plan of this world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workplace:
    """One world, written once, and where its list is served."""

    folder: Path
    world: World
    origin: str

    @property
    def zone(self) -> Path:
        """The folder of octoDNS's files, written at the first use."""
        folder = self.folder / "zone"
        if not folder.exists():
            write_zone(folder, self.world)
        return folder

    def plan(self, *options: str) -> Program:
        """Return the run that plans, from one file of declarations."""
        return self._reconciler("plan", *options, files=1)

    def validate(self, files: int = 1) -> Program:
        """Return the run that loads and checks the declarations, in one file or in `MANY`."""
        return self._reconciler("validate", files=files)

    def floor(self) -> Program:
        """Return the run of everything that a plan cannot avoid."""
        return self._floor(self.origin)

    def parser_floor(self) -> Program:
        """Return the run of everything that loading cannot avoid."""
        return self._floor("-")

    def requests_of_plan(self) -> int:
        """Make a plan, check that it is the one of this world, and return what it cost in requests.

        Raises:
            WrongPlanError: when it has other actions than one update for each changed key.
        """
        before = self.requests()
        program = self.plan("--format", "json")
        with subprocess.Popen(
            program.argv, env={**os.environ, **_VARIABLES}, stdout=subprocess.PIPE
        ) as planning:
            count = [sys.executable, "-c", _COUNT_OPERATIONS]
            counted = subprocess.run(count, stdin=planning.stdout, capture_output=True, check=False).stdout
        wanted = json.dumps({"update": self.world.changes})
        if planning.returncode or counted.decode().strip() != wanted:
            message = f"the plan ended with {planning.returncode} and has {counted.decode()}, not {wanted}"
            raise WrongPlanError(message)
        return self.requests() - before

    def requests(self) -> int:
        """Return how often the list, or anything else, was asked for so far."""
        connection = HTTPConnection(self.origin.removeprefix("http://"))
        connection.request("GET", list_server.COUNTS)
        counts = json.loads(connection.getresponse().read())
        connection.close()
        return sum(counts.values())

    def _declarations(self, files: int) -> Path:
        folder = self.folder / f"keys-{files}"
        if not folder.exists():
            write_declarations(folder, self.world, files)
        return folder

    def _reconciler(self, *arguments: str, files: int) -> Program:
        settings = self.folder / f"settings-{files}.yaml"
        write_settings(settings, keys=self._declarations(files), origin=self.origin)
        return Program(argv=[RECONCILER, "--config", str(settings), *arguments], variables=_VARIABLES)

    def _floor(self, origin: str) -> Program:
        files: Sequence[Path] = sorted(self._declarations(1).iterdir())
        return Program(argv=[sys.executable, _FLOOR, origin, *map(str, files)])


@contextmanager
def opened(folder: Path, world: World) -> Iterator[Workplace]:
    """Write a world to a new folder and serve it as long as it is used; the folder goes with it."""
    pages = folder / "pages"
    write_pages(pages, world)
    try:
        with list_server.running(pages) as origin:
            yield Workplace(folder=folder, world=world, origin=origin)
    finally:
        shutil.rmtree(folder)
