"""A team with 200 hand-made keys takes them into Git, told with what each step costs in requests.

`python -m tests.e2e.adoption` prints the story for a vendor that shows a secret once and lets five keys an
hour be made, and for one that shows secrets again. Every step runs the real command line; the vendor's own
budgets are on.
"""

from __future__ import annotations

import re
import sys
import tempfile
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import ExitCode
from reconciler.manifest.tree import parse
from reconciler.sandbox.server import SandboxServer
from tests.canary.recording import watching
from tests.e2e.timeline import HOUR, MINUTE, Timeline
from tests.e2e.year import LIVED_ON

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tests.e2e.servers import Server

HAND_MADE: Final = 200
FIRST: Final = 5
"""Keys of the first batch, which is what QCode lets an account make in an hour."""

RAISED, RAISED_USD = 10, 150
OVERLAP_HOURS: Final = 24
DEADLINE: Final = "5s"
"""Shorter than any wait for a budget, so that no run of the story waits."""

ODD: Final = (
    *("team-b/search", "web", "web~2", "émile's key", "key with spaces", '=HYPERLINK("http://x")'),
    *("twin", "twin", "prod; rm -rf /", "☃ snow", "x" * 45, "", "null", "yes", "1e3", "a: b", "- x"),
    *("\u202eevil", "tab\there", "<b>bold</b>"),
)
_HEAD: Final = re.compile(r"^  \S.*:$", re.MULTILINE)
_ENTRY: Final = re.compile(r"\W|_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Hour:
    """One scheduled apply: what it cost, how it ended, and where the keys were afterwards."""

    requests: int
    code: ExitCode
    custody: int
    live: int


def told(hours: Iterable[Hour]) -> Iterator[str]:
    """Yield one line for all applies in a row that cost the same and ended the same."""
    for (requests, code), group in groupby(hours, key=lambda hour: (hour.requests, hour.code)):
        alike = list(group)
        many = "one hourly apply:" if len(alike) == 1 else f"{len(alike)} hourly applies, each"
        what = f"{many} {requests} requests, exit code {code:d}"
        yield f"{what}; then {alike[-1].custody} in custody, {alike[-1].live} live"


@dataclass(slots=True, kw_only=True)
class Adoption:
    """The team's repository on its way.

    Attributes:
        names: the declared names, as imported.
    """

    life: Timeline
    names: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        """What `import` wrote."""
        return self.life.project.root / "keys" / "reseller.yaml"

    @property
    def declared(self) -> dict[str, dict[str, Any]]:
        """What the key file declares."""
        document: Any = parse(self.file.read_text("utf-8"), "keys")
        return dict(document["keys"])

    def run(self, title: str, *arguments: str) -> None:
        """Run one step, count its requests and tell both."""
        count, code = self.count(*arguments, codes=(ExitCode.OK,))
        self.life.tell(f"{title}: {count} requests, exit code {code:d}")

    def count(self, *arguments: str, codes: Sequence[ExitCode]) -> tuple[int, ExitCode]:
        """Run the command line, and return its requests and its exit code."""
        operator = self.life.sandbox.operator
        operator.clear_requests()
        code = ExitCode(self.life.run(*arguments, codes=codes).code)
        return len(operator.requests()), code

    def scheduled(self, *, until: Callable[[], bool]) -> list[Hour]:
        """Apply once an hour until something is true, and return what each apply did.

        What the vendor's budgets do not allow in one hour is left for the next one.
        """
        hours = []
        codes = (ExitCode.OK, ExitCode.DEFERRED)
        while not until():
            requests, code = self.count("apply", "--yes", "--deadline", DEADLINE, codes=codes)
            live = sum(row.enabled for row in self.life.rows())
            hours.append(Hour(requests=requests, code=code, custody=self.custody(), live=live))
            self.life.sandbox.operator.advance(HOUR)
            self.life.seconds += HOUR
        self.life.story += told(hours)
        return hours

    def bring_in(self, wanted: int) -> list[Hour]:
        """Apply until so many secrets are in custody; only the last apply has nothing left."""
        hours = self.scheduled(until=lambda: self.custody() == wanted)
        assert [hour.code for hour in hours] == [ExitCode.DEFERRED] * (len(hours) - 1) + [ExitCode.OK]
        return hours

    def allow(self, **safety: int) -> None:
        """Raise safety limits for the time of the adoption."""
        text = self.life.server.settings(self.life.sandbox.base_url, safety=safety)
        (self.life.project.root / "reconciler.yaml").write_text(text)

    def custody(self) -> int:
        """Return for how many live rows the sink has the secret, each compared with the vendor's."""
        minted = {item["key_id"]: item["secret"] for item in self.life.sandbox.store.keys.secrets()}
        values = self.life.project.secrets()
        live = {row.id for row in self.life.rows() if row.enabled}
        held = self.life.receipts()
        for entry, receipt in held.items():
            assert values[entry].removeprefix("sk-") == minted[receipt["remote_id"]].removeprefix("sk-")
        return sum(receipt["remote_id"] in live for receipt in held.values())

    def deliver(self, names: Sequence[str]) -> None:
        """Give declared keys a place for their secrets, as somebody would with an editor."""
        text = self.file.read_text("utf-8")
        places = iter(self.declared)

        def add(head: re.Match[str]) -> str:
            name = next(places)
            if name not in names:
                return head[0]
            entry = f"KEY_{self.names.index(name)}_{_ENTRY.sub('_', name).upper()}"
            entry = entry.encode("ascii", "replace").decode().replace("?", "_")
            return f"{head[0]}\n    deliver: {{sink: local, name: {entry}}}"

        self.file.write_text(_HEAD.sub(add, text), "utf-8")


def hand_made(server: Server, sandbox: SandboxServer, root: Path, count: int) -> Adoption:
    """Return a team whose keys were all made in the panel."""
    life = Timeline.begin(server, sandbox, root)
    limits = {"total_usd": 100} if life.family else {"total_usd": 100, "daily_usd": 10, "concurrency": 5}
    named = "name" if life.family else "description"
    plain = [f"service-{number:03}" for number in range(count - len(ODD))]
    made = [{"account": server.account, named: name, **limits} for name in (*plain, *ODD)]
    sandbox.operator.create_keys(made)
    life.key_file.unlink()
    return Adoption(life=life)


def take_over(team: Adoption) -> None:
    """Import, commit, and manage limits only."""
    life = team.life
    team.run("import", "import", "reseller")
    team.names = list(team.declared)
    team.run("plan, empty", "plan", "--detailed-exitcode")
    life.pass_time(HOUR, "some caps are raised by a pull request")
    text = team.file.read_text("utf-8")
    team.file.write_text(text.replace("total_usd: 100", f"total_usd: {RAISED_USD}", RAISED), "utf-8")
    team.run(f"apply, {RAISED} caps raised", "apply", "--yes")
    assert sum(row.total_usd == RAISED_USD for row in life.rows()) == RAISED
    assert team.custody() == 0


def rotate_all(team: Adoption) -> None:
    """Where a secret is shown once, every key gets a successor: five an hour."""
    life = team.life
    first, rest = team.names[:FIRST], team.names[FIRST:]
    life.pass_time(HOUR, f"{FIRST} keys get `deliver`, and `reconciler rotate` raises their generation")
    team.deliver(first)
    team.run("rotate", "rotate", "--", *first)
    team.run(f"apply, {FIRST} rotated", "apply", "--yes")
    assert team.custody() == FIRST
    life.pass_time(MINUTE, f"the other {len(rest)} too; the settings let that many be made and retired")
    team.allow(max_creates=HAND_MADE, max_disables=4 * FIRST)
    team.deliver(rest)
    team.run("rotate", "rotate", "--", *rest)
    hours = team.bring_in(len(team.names))
    # The hour of the first five has not passed yet; after that it is five an hour.
    assert [hour.custody for hour in hours] == list(range(FIRST, len(team.names) + 1, FIRST))
    retire_all(team, hours=len(hours))


def show_all(team: Adoption) -> None:
    """Where a secret is shown again, the keys that exist are delivered; those with `adopt` are rotated."""
    life = team.life
    declared = team.declared
    plain = [name for name in team.names if "adopt" not in declared[name]]
    life.pass_time(HOUR, f"{len(plain)} keys get `deliver`; nothing is minted")
    team.deliver(plain)
    before = {row.id for row in life.rows()}
    team.bring_in(len(plain))
    assert {row.id for row in life.rows()} == before
    adopted = [name for name in team.names if name not in plain]
    life.pass_time(HOUR, f"the {len(adopted)} with `adopt` are rotated, as only that gives them our names")
    team.deliver(adopted)
    team.run("rotate", "rotate", "--", *adopted)
    team.allow(max_creates=HAND_MADE, max_disables=4 * FIRST)
    retire_all(team, hours=len(team.bring_in(len(team.names))))


def retire_all(team: Adoption, *, hours: int) -> None:
    """A day after the last delivery only the successors are on; a schedule never has many to retire."""
    if hours < OVERLAP_HOURS:
        team.life.pass_time((OVERLAP_HOURS - hours) * HOUR, "the overlap of the first ones is over")
    team.scheduled(until=lambda: sum(row.enabled for row in team.life.rows()) == len(team.names))
    team.run("plan, empty", "plan", "--detailed-exitcode")
    live = [row for row in team.life.rows() if row.enabled]
    assert len(live) == len(team.names) == team.custody()
    assert sum(row.total_usd == RAISED_USD for row in live) == RAISED


def adopt(server: Server, sandbox: SandboxServer, root: Path, count: int = HAND_MADE) -> Adoption:
    """Walk the whole road on one server."""
    team = hand_made(server, sandbox, root, count)
    take_over(team)
    (show_all if team.life.family else rotate_all)(team)
    return team


def main(count: str = str(HAND_MADE)) -> None:
    """Print the story of both servers."""
    for server in LIVED_ON:
        with watching() as recorder, tempfile.TemporaryDirectory() as folder, SandboxServer() as sandbox:
            print(f"# {server.title}, {count} keys made by hand")
            team = adopt(server, sandbox, Path(folder) / "project", int(count))
            story = "\n".join(team.life.story)
            recorder.watch.hear("the story", story)
            assert recorder.leaks(Path(folder)) == []
            print(story, end="\n\n")


if __name__ == "__main__":
    main(*sys.argv[1:2])
