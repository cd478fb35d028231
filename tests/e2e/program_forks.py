"""Real processes of the command line without the wait for its imports.

A process that has imported the program forks one child for each command. The child is `python -m reconciler`
from the first line on, with files, directory, environment and signal handlers of its own. What depends on the
start of an interpreter (locale, closed streams, hash seed) cannot be tested so. Nothing counts for coverage.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final, NoReturn, Self

from reconciler.cli.wiring import without_the_command_line_of_httpx

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

IMPORTED: Final = (
    "encodings.idna",
    "httpx",
    "reconciler.app.executor",
    "reconciler.audit.trail_file",
    "reconciler.cli.applying",
    "reconciler.cli.commands.apply",
    "reconciler.cli.commands.plan",
    "reconciler.cli.failures",
    "reconciler.cli.logs",
    "reconciler.cli.main",
    "reconciler.cli.root",
    "reconciler.providers._http",
    "reconciler.providers.new_api",
    "reconciler.providers.qcode_partner",
    "reconciler.render.json",
    "reconciler.render.text",
    "reconciler.sinks.dotenv",
    "reconciler.sinks.registry",
    "rich.console",
)
"""What an apply and a plan need; the commands import what is missing here when they run."""

USUAL_UMASK: Final = 0o022
_DESCRIPTORS: Final = 3


class Forks:
    """A process that has the program in memory, and starts it on request; a context manager."""

    def __init__(self) -> None:
        self._control, far_end = socket.socketpair()
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        with far_end:
            self._process = subprocess.Popen(
                [sys.executable, "-P", __file__, str(far_end.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[far_end.fileno()],
                umask=USUAL_UMASK,
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._control.close()
        self._process.wait()

    def start(self, *arguments: str, cwd: Path, env: Mapping[str, str]) -> ForkedProgram:
        """Start the command line in a directory, with exactly these environment variables."""
        near_end, far_end = socket.socketpair()
        stdout, stderr = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115  # the program closes them
        asked = {"arguments": arguments, "cwd": str(cwd), "env": dict(env)}
        with far_end:
            handles = [far_end.fileno(), stdout.fileno(), stderr.fileno()]
            socket.send_fds(self._control, [b"+"], handles)
        near_end.sendall(json.dumps(asked).encode() + b"\n")
        return ForkedProgram(near_end, stdout, stderr)


class ForkedProgram:
    """One run of the command line, with what the tests need of `subprocess.Popen`.

    Args:
        line: the process id comes here, and later the exit status.
        stdout: a file for what the program writes.
        stderr: likewise.

    Attributes:
        pid: of the process.
        returncode: its exit status, negative for the signal that killed it; None while it runs.
    """

    def __init__(self, line: socket.socket, stdout: Any, stderr: Any) -> None:
        self._line, self._files = line, (stdout, stderr)
        self._reader = line.makefile("rb")
        self._lock = threading.Lock()
        self.returncode: int | None = None
        self.pid = int(self._reader.readline())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.wait()
        for file in (*self._files, self._reader, self._line):
            file.close()

    def poll(self) -> int | None:
        """Return the exit status if the process has ended."""
        # Where another thread waits for the end already, that one has not come.
        if self._lock.acquire(blocking=False):
            try:
                self._read_status(0)
            finally:
                self._lock.release()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the exit status.

        Raises:
            subprocess.TimeoutExpired: after so many seconds.
        """
        with self._lock:
            self._read_status(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(cmd="reconciler", timeout=timeout or 0)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for the end, and return what was written to stdout and stderr."""
        self.wait(timeout)
        for file in self._files:
            file.seek(0)
        stdout, stderr = (file.read().decode() for file in self._files)
        return stdout, stderr

    def _read_status(self, timeout: float | None) -> None:
        if self.returncode is None and select.select([self._line], [], [], timeout)[0]:
            self.returncode = int(self._reader.readline())


class _Server:
    """The loop of the process that forks.

    Args:
        control: where requests come from, each with a line to talk on, and the files of the program.
    """

    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._running: dict[int, socket.socket] = {}

    def next_to_run(self) -> dict[str, Any] | None:
        """Serve until nobody asks any more; in each child, return what it is to run."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: self._reap(os.WNOHANG))
        while asked := self._asked():
            line, request = asked
            with _held_back(signal.SIGCHLD):
                pid = os.fork()
                if pid == 0:
                    self._forget(line)
                    return request
                self._running[pid] = line
                line.sendall(b"%d\n" % pid)
            for number in request["files"]:
                os.close(number)
        with _held_back(signal.SIGCHLD):
            for pid in self._running:
                os.kill(pid, signal.SIGKILL)
            self._reap(0)
        return None

    def _asked(self) -> tuple[socket.socket, dict[str, Any]] | None:
        data, received, _flags, _address = socket.recv_fds(self._control, 1, _DESCRIPTORS)
        if not data:
            return None
        number, *files = received
        line = socket.socket(fileno=number)
        with line.makefile("rb") as reader:
            return line, {**json.loads(reader.readline()), "files": files}

    def _reap(self, options: int) -> None:
        """Tell of children that have ended; without WNOHANG, of all there are."""
        while self._running:
            pid, status = os.waitpid(-1, options)
            if pid == 0:
                return
            with self._running.pop(pid) as line, suppress(OSError):
                line.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

    def _forget(self, line: socket.socket) -> None:
        """Close in a child what belongs to the server, and go back to a fresh process's signals."""
        for held in (self._control, line, *self._running.values()):
            held.close()
        # Some are ignored where the tests were started by `nohup` or in the background of a script.
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def _held_back(number: signal.Signals) -> Iterator[None]:
    """Hold a signal back for the block; a child that returns out of it gets its mask back too."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {number})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def main() -> None:
    """Import the program, fork on request, and in a child become the program."""
    control = socket.socket(fileno=int(sys.argv[1]))
    without_the_command_line_of_httpx()
    for name in IMPORTED:
        importlib.import_module(name)
    # What exists by now is never collected, so that children need not copy the pages that it is on.
    gc.collect()
    gc.freeze()
    request = _Server(control).next_to_run()
    if request is None:
        return
    for number, descriptor in enumerate(request["files"], start=1):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv[1:] = request["arguments"]
    try:
        runpy.run_module("reconciler", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int):
            raise
        _end(end.code)


def _end(code: int) -> NoReturn:
    """End in the order of the interpreter, but for taking every module apart, which copies most pages."""
    threading._shutdown()  # type: ignore[attr-defined]  # the interpreter's own first step
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    main()
