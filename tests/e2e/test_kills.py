"""SIGKILL of the real command line at every event of a birth that the provider can see."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  client-a: {limits: {daily_usd: 5, total_usd: 100, concurrency: 5}}
"""

# The second request of the birth reads the new row, the third patches it, the fourth reads it back.
MOMENTS = [
    *[("POST", 1, event) for event in ("head", "body", "committed", "half", "answer")],
    *[("GET", 2, event) for event in ("head", "answer")],
    *[("PATCH", 1, event) for event in ("head", "body", "committed", "half", "answer")],
    *[("GET", 3, event) for event in ("head", "answer")],
]


class Killer:
    """Kills a process at the n-th request of a method, at one event."""

    def __init__(self, method: str, nth: int, event: str) -> None:
        self.moment = (method, nth, event)
        self.process: subprocess.Popen[str] | None = None
        self.started = threading.Event()
        self.fired = False
        self._seen: dict[str, set[int]] = {}

    def __call__(self, event: str, method: str, _path: str, number: int) -> None:
        """Note a request, and kill at the chosen moment."""
        seen = self._seen.setdefault(method, set())
        seen.add(number)
        if self.fired or (method, len(seen), event) != self.moment:
            return
        self.started.wait(10)
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.fired = True


@pytest.mark.parametrize(("method", "nth", "event"), MOMENTS)
def test_a_run_after_a_kill_ends_with_one_live_key_in_custody(
    tmp_path: Path, method: str, nth: int, event: str
) -> None:
    """Whatever the killed run left, the next apply ends with one live key, its secret in the sink."""
    killer = Killer(method, nth, event)
    with SandboxServer(on_event=killer) as sandbox:
        project = Project.create(tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS)
        killer.process = project.start("apply", "--yes")
        killer.started.set()
        killer.process.communicate(timeout=60)
        assert killer.fired
        assert killer.process.returncode == -signal.SIGKILL

        finished = project.run("apply", "--yes")

        assert finished.code == 0, finished.stderr + finished.stdout
        live = [row for row in sandbox.operator.keys("one") if row.enabled]
        assert len(live) == 1
        assert (live[0].daily_usd, live[0].total_usd, live[0].concurrency) == (5, 100, 5)
        minted = {item["key_id"]: item["secret"] for item in sandbox.store.keys.secrets()}
        assert project.secrets() == {"CLIENT_A": minted[live[0].id]}
        assert project.run("plan", "--detailed-exitcode").code == 0
