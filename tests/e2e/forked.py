"""The real program in a process of its own without the start of an interpreter: a fork of a loaded one.

A run costs a quarter of the computing this way. What depends on the start (locale, closed streams, `-m`)
is not tested so.
"""

from __future__ import annotations

import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tests.e2e.command import Project

PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a process ended.

    Attributes:
        code: of its exit; negative is a signal.
        stdout: what it wrote there.
        stderr: likewise.
        seconds: that it took.
        peak: bytes of memory at most.
    """

    code: int
    stdout: str
    stderr: str
    seconds: float
    peak: int


def run(project: Project, *arguments: str, prepare: Callable[[], object] | None = None) -> Ended:
    """Run the command line to its end.

    Args:
        project: where, and with which environment.
        arguments: of the program.
        prepare: called in the new process before the program begins.
    """
    from tests.canary.recording import RECORDER  # noqa: PLC0415  # the forked program has no need of it

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.e2e.loaded_program"])
    with tempfile.TemporaryDirectory() as folder:
        heard = Path(folder)
        program = partial(_program, project.root, dict(project.environment), arguments, heard, prepare)
        process = context.Process(target=program)
        began = time.monotonic()
        process.start()
        process.join(PATIENCE_SECONDS)
        seconds = time.monotonic() - began
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(arguments, seconds)
        said = [(heard / name).read_text("utf-8") for name in ("stdout", "stderr")]
        RECORDER.watch.hear("a forked program", "".join(said))
        return Ended(
            code=process.exitcode,
            stdout=said[0],
            stderr=said[1],
            seconds=seconds,
            peak=int((heard / "peak").read_text("utf-8")),
        )


def _program(
    root: Path,
    environment: Mapping[str, str],
    arguments: tuple[str, ...],
    heard: Path,
    prepare: Callable[[], object] | None,
) -> None:
    from reconciler.cli.main import entry  # noqa: PLC0415  # the parent has no need of it

    os.chdir(root)
    os.environ.clear()
    os.environ.update(environment)
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(heard / name, os.O_WRONLY | os.O_CREAT, 0o600), number)
    sys.argv = ["reconciler", *arguments]
    if prepare is not None:
        prepare()
    try:
        entry()
    finally:
        (heard / "peak").write_text(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024))
