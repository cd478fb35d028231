"""One sandbox, one project and a fork server: where real runs are stopped, and others go on from there."""

from __future__ import annotations

import json
import shutil
import signal
import sqlite3
import time
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from reconciler.audit.trail_file import read_trail
from reconciler.sandbox.server import SandboxServer
from tests.canary.recording import RECORDER
from tests.e2e.command import Finished, Project
from tests.e2e.kill_moments import PATIENCE_SECONDS, Watcher
from tests.e2e.kill_oracle import FOREIGN, foreign_rows, named_by, settled_rows, wrong
from tests.e2e.program_forks import Forks

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from reconciler.sandbox.keys import KeyRow
    from tests.e2e.kill_moments import Moment, Stop
    from tests.e2e.kill_oracle import Settled
    from tests.e2e.kill_worlds import Change, Vendor
    from tests.e2e.program_forks import ForkedProgram

MOST_CLEAN_RUNS: Final = 3
TRAIL: Final = "audit.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A vendor and a change, as they are before anything is stopped, and as an unharmed run leaves them.

    Attributes:
        database: of the vendor, before.
        folder: the project, before.
        environment: of the programs.
        moments: of the unharmed run, in order.
        minted: rows before.
        foreign: rows that are none of ours, before.
        settled: the live rows after it, without what differs from run to run.
    """

    vendor: Vendor
    change: Change
    database: sqlite3.Connection
    folder: Path
    environment: Mapping[str, str]
    moments: tuple[Moment, ...]
    minted: int
    foreign: tuple[KeyRow, ...]
    settled: Settled

    @property
    def name(self) -> str:
        """How a person asks for it."""
        return f"{self.vendor.name}:{self.change.name}"


class Stage:
    """Where one run happens after the other; a context manager.

    Args:
        folder: for the project and for what it was before each case.

    Attributes:
        sandbox: the vendors.
        project: the directory in which the programs run.
        heard: everything that the programs of the present round wrote.
        clean_runs: how many applies the present round took to recover.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._watcher = Watcher()
        self._stack = ExitStack()
        self._cases: dict[str, Case] = {}
        self.project = Project(root=folder / "project", environment={})
        self.heard: list[str] = []
        self.clean_runs = 0

    def __enter__(self) -> Self:
        self.sandbox = self._stack.enter_context(SandboxServer(on_event=self._watcher))
        self._forks = self._stack.enter_context(Forks())
        return self

    def __exit__(self, *_error: object) -> None:
        for case in self._cases.values():
            case.database.close()
        self._stack.close()

    def case(self, vendor: Vendor, change: Change) -> Case:
        """Return a case; what it was before is made once.

        Raises:
            AssertionError: even the run that nothing happens to does not end as it should.
        """
        name = f"{vendor.name}:{change.name}"
        if name not in self._cases:
            self._cases[name] = self._prepared(vendor, change)
        return self._cases[name]

    def _prepared(self, vendor: Vendor, change: Change) -> Case:
        self.heard = []
        self._write_project(vendor)
        if change.before:
            self._declare(vendor, change.before)
            self._must("apply", "--yes")
        self._declare(vendor, change.after)
        database = sqlite3.connect(":memory:", check_same_thread=False)
        self.sandbox.store.database._connection.backup(database)
        folder = self._folder / f"{vendor.name}-{change.name}"
        shutil.copytree(self.project.root, folder)
        minted = len(self.sandbox.operator.secrets())
        foreign = foreign_rows(self.sandbox, vendor)
        self._must("apply", "--yes")
        case = Case(
            vendor=vendor,
            change=change,
            database=database,
            folder=folder,
            environment=self.project.environment,
            moments=self.seen,
            minted=minted,
            foreign=foreign,
            settled=settled_rows(self.sandbox, vendor),
        )
        if found := [*self._left_to_do(), *wrong(self, case, stops=0)]:
            msg = f"{case.name}, unharmed: {'; '.join(found)}"
            raise AssertionError(msg)
        return case

    def _write_project(self, vendor: Vendor) -> None:
        server, operator = vendor.server, self.sandbox.operator
        operator.reset()
        operator.no_limits(server.name)
        if vendor.switches:
            operator.set_switches(server.name, **vendor.switches)
        for name in FOREIGN:
            operator.create_key(server.account, **{named_by(vendor): name, "total_usd": 7})
        shutil.rmtree(self.project.root, ignore_errors=True)
        settings = json.loads(server.settings(self.sandbox.base_url)) | {"audit": {"path": TRAIL}}
        token = self.sandbox.tokens[server.account]
        self.project = Project.create(self.project.root, "", token, "", settings=json.dumps(settings))

    def _declare(self, vendor: Vendor, keys: Mapping[str, Mapping[str, Any]]) -> None:
        (self.project.root / "keys" / "team.yaml").write_text(vendor.server.keys(keys))

    @property
    def seen(self) -> tuple[Moment, ...]:
        """The moments of the last run."""
        return tuple(self._watcher.seen)

    def begin(self, case: Case) -> None:
        """Put vendor and project back to what they were before a case."""
        store = self.sandbox.store
        case.database.backup(store.database._connection)
        store.clock.load()
        shutil.rmtree(self.project.root)
        shutil.copytree(case.folder, self.project.root)
        self.project = Project(root=self.project.root, environment=case.environment)
        self.heard, self.clean_runs = [], 0

    def run(
        self,
        *arguments: str,
        stop: Stop | None = None,
        killed_after: float | None = None,
        fresh: bool = False,
    ) -> Finished:
        """Run the command line to its end, whoever ends it.

        Args:
            arguments: of the command line.
            stop: looks at each event of it.
            killed_after: SIGKILL so many seconds after its start, whatever it does then.
            fresh: in an interpreter of its own, as users start it.
        """
        self._watcher.begin(stop)
        with self._start(arguments, fresh=fresh) as process:
            self._watcher.started(process)
            if killed_after is not None:
                time.sleep(killed_after)
                process.send_signal(signal.SIGKILL)
            stdout, stderr = process.communicate(timeout=PATIENCE_SECONDS)
            code = process.wait()
        self.heard += [stdout, stderr]
        RECORDER.watch.hear("a forked program", stdout + stderr)
        return Finished(code=code, stdout=stdout, stderr=stderr)

    def _start(self, arguments: Sequence[str], *, fresh: bool) -> ForkedProgram | subprocess.Popen[str]:
        if fresh:
            return self.project.start(*arguments)
        return self._forks.start(*arguments, cwd=self.project.root, env=self.project.environment)

    def recover(self) -> list[str]:
        """Let clean runs finish, and return what keeps the last plan from being empty."""
        said = []
        for _ in range(MOST_CLEAN_RUNS):
            self.clean_runs += 1
            clean = self.run("apply", "--yes")
            if clean.code == 0:
                return self._left_to_do()
            said.append(f"a clean run ended with {clean.code}: {clean.stderr}{clean.stdout}")
        return [*said, *self._left_to_do()]

    def begun(self) -> int:
        """Return how many actions the audit trail says were begun."""
        return len(self.recorded("started"))

    def recorded(self, event: str) -> list[dict[str, Any]]:
        """Return the records of one kind in the audit trail."""
        path = self.project.root / TRAIL
        records = read_trail(path).records if path.exists() else []
        return [record for record in records if record["event"] == event]

    def _left_to_do(self) -> list[str]:
        plan = self.run("plan", "--detailed-exitcode")
        return [f"plan ends with {plan.code}: {plan.stderr}{plan.stdout}"] if plan.code else []

    def _must(self, *arguments: str) -> None:
        done = self.run(*arguments)
        if done.code:
            msg = f"{' '.join(arguments)}, unharmed, ended with {done.code}: {done.stderr}{done.stdout}"
            raise AssertionError(msg)
