"""SIGKILL of the real command line at every event of a birth that the provider can see."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any

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


AWKWARD: list[dict[str, Any]] = [
    {"idempotency": "ignored"},
    {"idempotency_replay": "no_plaintext"},
    {"idempotency_ttl_seconds": 0},
    {"list_disabled": "hidden", "idempotency_replay": "no_plaintext"},
    {"idempotency_mismatch": "replay", "timestamps": False},
]


@pytest.mark.parametrize(("method", "nth", "event"), MOMENTS)
def test_a_run_after_a_kill_ends_with_one_live_key_in_custody(
    tmp_path: Path, method: str, nth: int, event: str
) -> None:
    """Whatever the killed run left, the next apply ends with one live key, its secret in the sink."""
    with SandboxServer(on_event=(killer := Killer(method, nth, event))) as sandbox:
        project = Project.create(tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS)
        kill(killer, project)
        assert_one_live_key(sandbox, project)


@pytest.mark.parametrize("switches", AWKWARD, ids=",".join)
@pytest.mark.parametrize("moment", [("POST", 1, "committed"), ("GET", 2, "answer")], ids=["mint", "look"])
def test_a_kill_leaves_one_live_key_whatever_the_vendor_replays(
    tmp_path: Path, moment: tuple[str, int, str], switches: dict[str, Any]
) -> None:
    """A vendor that forgets creates, or repeats them without the secret, costs an attempt and no more."""
    with SandboxServer(on_event=(killer := Killer(*moment))) as sandbox:
        sandbox.operator.set_switches(**switches)
        project = Project.create(tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS)
        kill(killer, project)
        assert_one_live_key(sandbox, project)


@pytest.mark.parametrize("moment", [("POST", 2, "committed"), ("PATCH", 2, "head"), ("PATCH", 2, "answer")])
def test_a_killed_rotation_keeps_the_old_key_and_finishes_the_new_one(
    tmp_path: Path, moment: tuple[str, int, str]
) -> None:
    """Both generations are live for the overlap, and the sink holds the new one at the end."""
    with SandboxServer(on_event=(killer := Killer(*moment))) as sandbox:
        project = Project.create(tmp_path, sandbox.base_url, sandbox.tokens["one"], KEYS)
        killer.started.set()
        assert project.run("apply", "--yes").code == 0
        killer.started.clear()
        rotated = KEYS.replace("client-a: {", "client-a: {generation: 2, ")
        (project.root / "keys" / "team.yaml").write_text(rotated)
        kill(killer, project)
        finished = project.run("apply", "--yes")
        assert finished.code == 0, finished.stderr + finished.stdout
        live = {row.description: row.id for row in sandbox.operator.keys("one") if row.enabled}
        assert sorted(live) == ["client-a", "client-a~2"]
        assert project.secrets() == {"CLIENT_A": secret_of(sandbox, live["client-a~2"])}


def kill(killer: Killer, project: Project, *arguments: str) -> None:
    """Apply, and let the killer end the process."""
    killer.process = project.start(*(arguments or ("apply", "--yes")))
    killer.started.set()
    killer.process.communicate(timeout=60)
    assert killer.fired
    assert killer.process.returncode == -signal.SIGKILL


def secret_of(sandbox: SandboxServer, key_id: str) -> str:
    """Return what the sandbox minted under an id."""
    return str({item["key_id"]: item["secret"] for item in sandbox.store.keys.secrets()}[key_id])


def assert_one_live_key(sandbox: SandboxServer, project: Project) -> None:
    """Apply again: one live key, its secret in the sink, nothing left to plan."""
    finished = project.run("apply", "--yes")
    assert finished.code == 0, finished.stderr + finished.stdout
    (live,) = [row for row in sandbox.operator.keys("one") if row.enabled]
    assert (live.daily_usd, live.total_usd, live.concurrency) == (5, 100, 5)
    assert project.secrets() == {"CLIENT_A": secret_of(sandbox, live.id)}
    assert project.run("plan", "--detailed-exitcode").code == 0
