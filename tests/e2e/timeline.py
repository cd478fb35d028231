"""One project and one simulated vendor whose clocks go forward together, and the story they tell."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import ExitCode
from tests.e2e.command import Finished, Project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.core.plan import Operation
    from reconciler.sandbox.keys import KeyRow
    from reconciler.sandbox.server import SandboxServer
    from tests.e2e.servers import Server

MINUTE, HOUR, DAY = 60, 3_600, 86_400
UNITS: Final = ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute"))
SECOND_TOKEN: Final = "SANDBOX_TOKEN_TWO"  # the name of a variable, not its value
PATIENCE_SECONDS: Final = 120
_AHEAD: Final = Path(__file__).with_name("ahead.py")


@dataclass(slots=True, kw_only=True)
class Timeline:
    """A manifest, the vendor behind it, and how far both are ahead of the machine's clock.

    Attributes:
        server: where the keys are.
        second: the sandbox's label of another account there.
        story: what has happened, line by line.
    """

    server: Server
    second: str
    sandbox: SandboxServer
    project: Project
    settings: dict[str, Any]
    keys: dict[str, Any] = field(default_factory=lambda: {"version": 1, "keys": {}})
    story: list[str] = field(default_factory=list)
    seconds: int = 0

    @classmethod
    def begin(cls, server: Server, sandbox: SandboxServer, root: Path) -> Timeline:
        """Write settings for one account with a file sink."""
        second = "two" if server.account == "one" else f"{server.account}_two"
        text = server.settings(sandbox.base_url)
        token = sandbox.tokens[server.account]
        project = Project.create(root, sandbox.base_url, token, "version: 1\nkeys: {}\n", settings=text)
        project = Project(
            root=root, environment={**project.environment, SECOND_TOKEN: sandbox.tokens[second]}
        )
        return cls(server=server, second=second, sandbox=sandbox, project=project, settings=json.loads(text))

    @property
    def family(self) -> bool:
        """Whether the server is one of the New API family."""
        return "models" in self.server.capabilities.updatable

    def write(self) -> None:
        """Write the settings and the key file; each key is one line of flow YAML, easy to read in a patch."""
        (self.project.root / "reconciler.yaml").write_text(json.dumps(self.settings, indent=1) + "\n")
        head = {name: value for name, value in self.keys.items() if name != "keys"}
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in head.items()]
        lines += ["keys:\n" if self.keys["keys"] else "keys: {}\n"]
        for name, fields in self.keys["keys"].items():
            lines += [f"  {name}:\n", *(f"    {key}: {json.dumps(item)}\n" for key, item in fields.items())]
        self.key_file.write_text("".join(lines))

    @property
    def key_file(self) -> Path:
        """The only key file."""
        return self.project.root / "keys" / "team.yaml"

    def pass_time(self, seconds: int, why: str) -> None:
        """Let both clocks go on."""
        self.sandbox.operator.advance(seconds)
        self.seconds += seconds
        unit, name = next((unit, name) for unit, name in UNITS if seconds % unit == 0)
        count = seconds // unit
        self.tell(f"… {count} {name}{'s' if count > 1 else ''} later: {why}")

    def tell(self, line: str) -> None:
        """Add a line to the story."""
        self.story.append(line)

    def begin_step(self, title: str) -> None:
        """Begin a step of the story."""
        self.story += ["", f"== {self.today:%Y-%m-%d %H:%M}  {title}"]

    @property
    def today(self) -> datetime:
        """The moment that both clocks show."""
        return datetime.fromtimestamp(self.sandbox.operator.now(), UTC)

    def run(self, *arguments: str, code: ExitCode = ExitCode.OK, codes: Sequence[ExitCode] = ()) -> Finished:
        """Run the real command line at the moment that the timeline has reached."""
        done = subprocess.run(
            [sys.executable, "-P", str(_AHEAD), str(self.seconds), *arguments],
            cwd=self.project.root,
            env=dict(self.project.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_SECONDS,
            check=False,
        )
        shown = f"{' '.join(arguments)}: {done.returncode}\n{done.stdout}{done.stderr}"
        assert done.returncode in (codes or (code,)), "\n".join([*self.story, shown])
        return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)

    def plan(self, *expected: tuple[Operation, str]) -> list[str]:
        """Save a plan, hold its operations and names to what is expected, and return its notes."""
        self.run("plan", "-o", "plan.json")
        document = json.loads((self.project.root / "plan.json").read_text())
        found = [(action["op"], action["incarnation"]) for action in document["plan"]["actions"]]
        assert found == [(str(op), name) for op, name in expected], "\n".join([*self.story, repr(document)])
        for action in document["plan"]["actions"]:
            told = f"{action['op']} {action['account']}:{action['incarnation']}, {action['reason']}"
            self.tell(f"plan: {told}{_changed(action)}")
        if not expected:
            self.tell("plan: nothing to do")
        notes = list(document["meta"]["warnings"])
        self.story += [f"      note: {note}" for note in notes]
        return notes

    def apply(self, *expected: tuple[Operation, str]) -> None:
        """Plan, apply that very plan, show where everything is, and find nothing left to do."""
        self.plan(*expected)
        self.run("apply", "plan.json", "--yes")
        self.look()
        self.run("plan", "--detailed-exitcode")

    def look(self) -> None:
        """Tell the live rows and what the sink holds; each value is the secret of the receipt's row."""
        for row in self.rows():
            spent = f", {row.spent_usd:g} of {row.total_usd:g} USD used"
            self.tell(f"row:  {row.account}:{name_of(row)} is {'on' if row.enabled else 'off'}{spent}")
        minted = {item["key_id"]: item for item in self.sandbox.store.keys.secrets()}
        values = self.project.secrets()
        for entry, receipt in self.receipts().items():
            item = minted[receipt["remote_id"]]
            assert values[entry].removeprefix("sk-") == item["secret"].removeprefix("sk-")
            told = f"{receipt['address']}, generation {receipt['generation']}"
            self.tell(f"sink: {entry} has the secret of {told}, delivered {receipt['delivered_at'][:16]}")

    def receipts(self) -> dict[str, dict[str, Any]]:
        """Return the receipt of every entry."""
        path = self.project.root / ".secrets" / "keys.env.receipts.json"
        entries = json.loads(path.read_text())["entries"] if path.exists() else {}
        return {name: entry["delivered"] for name, entry in entries.items()}

    def rows(self) -> list[KeyRow]:
        """Return what both accounts have, oldest first."""
        operator = self.sandbox.operator
        return [row for label in (self.server.account, self.second) for row in operator.keys(label)]

    def states(self) -> dict[str, bool]:
        """Return which names are on."""
        return {name_of(row): row.enabled for row in self.rows()}

    def row(self, name: str) -> KeyRow:
        """Return the row of a remote name."""
        return {name_of(row): row for row in self.rows()}[name]


def name_of(row: KeyRow) -> str:
    """Return the name of ours that a row has; the partner API only keeps it in a text."""
    return row.description or row.name


def second_account(timeline: Timeline, **more: Any) -> dict[str, Any]:
    """Return the settings of the other account at the same server."""
    account = dict(timeline.settings["accounts"]["reseller"])
    if "user_id" in account.get("options", {}):
        account["options"] = {**account["options"], "user_id": account["options"]["user_id"] + 1}
    return {**account, "token": {"env": SECOND_TOKEN}, **more}


def _changed(action: dict[str, Any]) -> str:
    before, after = action["before"] or {}, action["after"] or {}
    if action["op"] != "update":
        return ""
    parts = [
        f"{name} {before.get(name)} → {value}" for name, value in after.items() if before.get(name) != value
    ]
    return f": {', '.join(parts)}"
