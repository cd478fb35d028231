"""SIGKILL of the real command line at random requests: `python -m tests.e2e.kills --count 200 --seed 7`.

Each round declares one to three keys for a vendor with random habits, kills up to three applies, each at
an event that the sandbox reports, lets clean applies finish, and looks at the rows and the sink. Threads of
the sandbox race for the count of events, so a seed repeats the round, not its microseconds.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project

if TYPE_CHECKING:
    import subprocess

MOST_EVENTS: Final = 60
MOST_CLEAN_RUNS: Final = 3
HABITS: Final[tuple[dict[str, Any], ...]] = (
    {},
    {"idempotency": "ignored"},
    {"idempotency_replay": "no_plaintext"},
    {"idempotency_ttl_seconds": 0},
    {"list_disabled": "hidden", "idempotency_replay": "no_plaintext"},
)


@dataclass(slots=True)
class Killer:
    """Kills a process at the n-th event of its requests; events are those of one apply at a time."""

    left: int = 0
    process: subprocess.Popen[str] | None = None
    fired: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _event: str, _method: str, _path: str, _number: int) -> None:
        """Count an event, and kill at the chosen one."""
        with self._lock:
            self.left -= 1
            if self.left != 0:
                return
            self._started.wait(10)
            if self.process is not None and self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
                self.process.wait()
                self.fired = True

    def apply(self, project: Project, nth: int) -> bool:
        """Apply, kill at the n-th event, and return whether the run lived long enough for that."""
        self.left, self.fired = nth, False
        self._started.clear()
        with project.start("apply", "--yes") as process:
            self.process = process
            self._started.set()
            process.communicate(timeout=60)
        self.left = 0
        return self.fired


def round_of(seed: int) -> tuple[int, list[str]]:
    """Play one round; return the kills that hit, and what is wrong at its end."""
    rng = random.Random(seed)
    names = [f"client-{letter}" for letter in "abc"[: rng.randint(1, 3)]]
    keys = "".join(
        f"  {name}: {{limits: {{daily_usd: 5, total_usd: 100, concurrency: 5}}}}\n" for name in names
    )
    manifest = f"version: 1\ndefaults: {{account: reseller, deliver: {{sink: local}}}}\nkeys:\n{keys}"
    killer = Killer()
    with tempfile.TemporaryDirectory() as folder, SandboxServer(on_event=killer) as sandbox:
        sandbox.operator.set_switches(**rng.choice(HABITS))
        sandbox.operator.no_limits()
        project = Project.create(Path(folder), sandbox.base_url, sandbox.tokens["one"], manifest)
        hits = sum(killer.apply(project, rng.randint(1, MOST_EVENTS)) for _ in range(rng.randint(1, 3)))
        return hits, _finished(project) + _wrong(sandbox, project, names)


def _finished(project: Project) -> list[str]:
    """Let clean runs finish; return what keeps the last plan from being empty."""
    for _ in range(MOST_CLEAN_RUNS):
        clean = project.run("apply", "--yes")
        if clean.code == 0:
            break
        print(f"a clean run ended with {clean.code}: {clean.stdout}{clean.stderr}")
    plan = project.run("plan", "--detailed-exitcode")
    return (
        [] if plan.code == 0 else [f"the plan is not empty after {MOST_CLEAN_RUNS} clean runs: {plan.stdout}"]
    )


def _wrong(sandbox: SandboxServer, project: Project, names: list[str]) -> list[str]:
    found = []
    rows = sandbox.operator.keys("one")
    held = project.secrets()
    for name in names:
        live = [row for row in rows if row.enabled and (row.description or "").split("~")[0] == name]
        if len(live) != 1:
            found.append(f"{name} has {len(live)} live keys")
            continue
        secret = {item["key_id"]: item["secret"] for item in sandbox.store.keys.secrets()}[live[0].id]
        if held.get(name.upper().replace("-", "_")) != secret:
            found.append(f"the sink does not hold the secret of {name}")
    return found


def main() -> int:
    """Play the rounds that the arguments ask for, and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.e2e.kills")
    parser.add_argument("--count", type=int, default=200, help="rounds to play")
    parser.add_argument("--seed", type=int, default=0, help="of the first round; each further one adds 1")
    asked = parser.parse_args()
    began, kills, bad = time.monotonic(), 0, 0
    for seed in range(asked.seed, asked.seed + asked.count):
        hits, wrong = round_of(seed)
        kills += hits
        bad += bool(wrong)
        for text in wrong:
            print(f"seed {seed}: {text}\n  again: python -m tests.e2e.kills --count 1 --seed {seed}")
    print(
        f"{asked.count} rounds, {kills} processes killed, {bad} with a violation, "
        f"{time.monotonic() - began:.0f} s, seeds {asked.seed} to {asked.seed + asked.count - 1}"
    )
    return 1 if bad or not kills else 0


if __name__ == "__main__":
    sys.exit(main())
