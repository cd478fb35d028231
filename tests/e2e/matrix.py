"""One course of steps on every simulated server, and the requests that each took.

`python -m tests.e2e.matrix` prints the table, and with a path writes it into docs/providers.md. Every step
runs the real command line as a child process; what it cost is read from the server's request log.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from reconciler.errors import ExitCode
from reconciler.sandbox.server import SandboxServer
from tests.e2e.command import Project
from tests.e2e.servers import DECLARED, SERVERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from reconciler.sandbox.keys import KeyRow
    from tests.e2e.command import Finished
    from tests.e2e.servers import Server

PAST: Final = 1_000_000_000
"""A moment at which keys have expired, in epoch seconds."""

BEGIN: Final = "<!-- begin requests -->"
END: Final = "<!-- end requests -->"
"""Around the table in docs/providers.md."""

_NOTHING_MAY_GO: Final = {"max_creates": 0, "max_disables": 0, "max_deletes": 0}


@dataclass(slots=True, kw_only=True)
class Course:
    """One account on its way through the steps.

    Attributes:
        declared: the keys as declared at the moment.
        cost: requests of the counted runs since it was last set to zero.
    """

    server: Server
    sandbox: SandboxServer
    root: Path
    project: Project
    declared: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {name: dict(fields) for name, fields in DECLARED.items()}
    )
    cost: int = 0

    @classmethod
    def begin(cls, server: Server, sandbox: SandboxServer, root: Path) -> Course:
        """Write settings and the four declarations; the vendor's own budgets are off."""
        sandbox.operator.no_limits(server.name)
        project = Project.create(
            root / "main",
            sandbox.base_url,
            sandbox.tokens[server.account],
            server.keys(),
            settings=server.settings(sandbox.base_url),
        )
        return cls(server=server, sandbox=sandbox, root=root, project=project)

    def beside(self, name: str, keys: str = "", **settings: Any) -> Project:
        """Return another directory for the same account; without keys there is no key file."""
        project = Project.create(
            self.root / name,
            self.sandbox.base_url,
            self.sandbox.tokens[self.server.account],
            keys,
            settings=self.server.settings(self.sandbox.base_url, **settings),
        )
        if not keys:
            (project.root / "keys" / "team.yaml").unlink()
            (project.root / "keys").rmdir()
        return project

    def declare(self, name: str, **fields: Any) -> None:
        """Change some fields of a declaration."""
        self.declared[name] |= fields
        self.write()

    def write(self, **safety: int) -> None:
        """Write the declarations, and the settings with some safety limits."""
        (self.project.root / "keys" / "team.yaml").write_text(self.server.keys(self.declared))
        limits = {"safety": safety} if safety else {}
        text = self.server.settings(self.sandbox.base_url, **limits)
        (self.project.root / "reconciler.yaml").write_text(text)

    def run(self, *arguments: str, code: ExitCode = ExitCode.OK, project: Project | None = None) -> Finished:
        """Run the command line, count its requests and hold it to an exit code."""
        self.sandbox.operator.clear_requests()
        finished = self.check(*arguments, code=code, project=project)
        self.cost += len(self.sandbox.operator.requests())
        return finished

    def check(
        self, *arguments: str, code: ExitCode = ExitCode.OK, project: Project | None = None
    ) -> Finished:
        """Run the command line without counting."""
        finished = (project or self.project).run(*arguments)
        assert finished.code == code, f"{arguments}: {finished.code}\n{finished.stdout}{finished.stderr}"
        return finished

    def settled(self, project: Project | None = None) -> None:
        """Make sure that nothing is left to plan, uncounted."""
        self.check("plan", "--detailed-exitcode", project=project)

    def rows(self) -> dict[str, KeyRow]:
        """Return the account's keys as the vendor has them, by name; the partner API only takes a text."""
        rows = self.sandbox.operator.keys(self.server.account)
        return {(row.description or row.name): row for row in rows}

    def held(self) -> set[str]:
        """Return the plaintexts in custody, as the vendor keeps them."""
        return {secret.removeprefix("sk-") for secret in self.project.secrets().values()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step; where `needs` is false of the server, it is passed over."""

    title: str
    take: Callable[[Course], None]
    needs: Callable[[Server], bool] = lambda _server: True


def plan(course: Course) -> None:
    """Plan four creates and save them."""
    course.run("plan", "-o", "plan.json")
    document = json.loads((course.project.root / "plan.json").read_text())
    assert [action["op"] for action in document["plan"]["actions"]] == ["create"] * 4


def apply(course: Course) -> None:
    """Apply the saved plan: four keys as declared, every secret in custody and no other one."""
    course.run("apply", "plan.json", "--yes")
    rows = course.rows()
    assert {name: row.enabled for name, row in rows.items()} == {
        name: fields.get("enabled", True) for name, fields in DECLARED.items()
    }
    assert rows["client-a"].total_usd == 100
    assert course.held() == set(course.sandbox.operator.secrets())
    assert len(course.held()) == 4


def second_plan(course: Course) -> None:
    """Nothing is left."""
    course.run("plan", "--detailed-exitcode")


def spend(course: Course) -> None:
    """A key that spent 40 % of its cap is as declared."""
    course.sandbox.operator.spend(course.rows()["client-a"].id, 40)
    course.run("plan", "--detailed-exitcode")


def drift(course: Course) -> None:
    """A cap, an end and a switch that the operator changed are seen."""
    rows, operator = course.rows(), course.sandbox.operator
    operator.change_key(rows["client-a"].id, total_usd=500)
    operator.change_key(rows["client-d"].id, enabled=True)
    if "models" in course.server.capabilities.updatable:
        operator.change_key(rows["client-b"].id, expires_at=None)
        operator.change_key(rows["client-c"].id, models=None, ips=["198.51.100.7"])
    shown = course.run("drift", code=ExitCode.CHANGES).stdout
    assert "500" in shown
    assert "client-d" in shown


def mend(course: Course) -> None:
    """The next apply takes all of it back and leaves the spend alone."""
    course.run("apply", "--yes")
    course.settled()
    rows = course.rows()
    assert (rows["client-a"].total_usd, rows["client-a"].spent_usd) == (100, 40)
    assert not rows["client-d"].enabled


def status_json(course: Course) -> None:
    """The table shows spend, caps and custody."""
    document = json.loads(course.run("status", "--format", "json").stdout)
    row = next(row for row in document["keys"] if row["name"] == "client-a")
    assert row["custody"] == "held"


def status_prometheus(course: Course) -> None:
    """The same as gauges."""
    assert "reconciler_key_in_custody{" in course.run("status", "--format", "prometheus").stdout


def verify(course: Course) -> None:
    """Every delivered key answers for itself, the disabled one by being refused."""
    results = json.loads(course.run("verify", "--format", "json").stdout)
    assert [result["verdict"] for result in results] == ["good"] * 4


def doctor(course: Course) -> None:
    """Nothing would fail."""
    course.run("doctor")


def revive_spent(course: Course) -> None:
    """A key that is used up works again under a higher cap, its spend kept."""
    key_id = course.rows()["client-a"].id
    course.sandbox.operator.spend(key_id, 60)
    # The simulated partner API books whatever is spent, and refuses nothing.
    assert bool(course.sandbox.operator.use(key_id)) is _family(course.server)
    course.declare("client-a", limits={"total_usd": 150})
    course.run("apply", "--yes")
    assert course.sandbox.operator.use(key_id) == ""
    assert (course.rows()["client-a"].total_usd, course.rows()["client-a"].spent_usd) == (150, 100)
    course.settled()


def revive_expired(course: Course) -> None:
    """A key that has expired works again with a later end."""
    key_id = course.rows()["client-b"].id
    course.sandbox.operator.change_key(key_id, expires_at=PAST)
    assert course.sandbox.operator.use(key_id)
    course.declare("client-b", expires="2031-01-01T00:00:00Z")
    course.run("apply", "--yes")
    assert course.sandbox.operator.use(key_id) == ""
    course.settled()


def import_fresh(course: Course) -> None:
    """Declarations out of nothing, after which a plan is empty."""
    project = course.beside("fresh")
    course.run("import", "reseller", project=project)
    course.settled(project)


def import_merged(course: Course) -> None:
    """Declarations beside one that somebody wrote, which stays as it is."""
    text = "version: 1\ndefaults: {account: reseller}\nkeys:\n  # ours\n  client-a: {enabled: true}\n"
    project = course.beside("merged", text)
    course.run("import", "reseller", "-o", "keys/team.yaml", project=project)
    assert (project.root / "keys" / "team.yaml").read_text().startswith(text)
    course.settled(project)


def rename(course: Course) -> None:
    """A key goes on under another name, although nothing may be made, switched off or deleted."""
    before = course.rows()["client-d"].id
    course.declared["client-e"] = {**course.declared.pop("client-d"), "renamed_from": "client-d"}
    course.write(**_NOTHING_MAY_GO)
    course.run("apply", "--yes")
    assert course.rows()["client-e"].id == before
    assert len(course.rows()) == 4
    assert "CLIENT_E" in course.project.secrets()
    course.settled()
    del course.declared["client-e"]["renamed_from"]
    course.write()
    course.settled()


def absent(course: Course) -> None:
    """A key is removed once the safety limits allow it, and not before."""
    name = next(name for name in ("client-e", "client-d") if name in course.declared)
    limit = "max_deletes" if course.server.capabilities.deletes else "max_disables"
    if limit == "max_disables":
        course.declare(name, enabled=True)
        course.check("apply", "--yes")
    course.declared[name]["state"] = "absent"
    course.write(**{limit: 0})
    before = course.rows()
    course.check("apply", "--yes", code=ExitCode.REFUSED)
    assert course.rows() == before
    course.write(**{limit: 1})
    course.run("apply", "--yes")
    gone = before.keys() - {name for name, row in course.rows().items() if row.enabled}
    assert gone == {name}
    course.settled()


def undeclared(course: Course) -> None:
    """Of the keys that nobody declares, only those of the own namespace go, under the safety limits."""
    deletes = course.server.capabilities.deletes
    limits = {"total_usd": 5} if deletes else {"total_usd": 5, "daily_usd": 1, "concurrency": 1}
    for name in ("team-b/x", "team-b/y", "team-c/z"):
        named = {"name": name} if deletes else {"description": name}
        course.sandbox.operator.create_key(course.server.account, **named, **limits)
    word, limit = ("delete", "max_deletes") if deletes else ("disable", "max_disables")
    keys = "version: 1\ndefaults: {account: reseller}\nkeys:\n  x: {enabled: true}\n"
    account = {"namespace": "team-b", "undeclared": word}
    project = course.beside("namespace", keys, **account, safety={limit: 0})
    before = course.rows()
    course.check("apply", "--yes", code=ExitCode.REFUSED, project=project)
    assert course.rows() == before
    text = course.server.settings(course.sandbox.base_url, **account, safety={limit: 1})
    (project.root / "reconciler.yaml").write_text(text)
    course.run("apply", "--yes", project=project)
    live = {name for name, row in course.rows().items() if row.enabled}
    assert live == {name for name, row in before.items() if row.enabled} - {"team-b/y"}
    course.settled(project)


def _family(server: Server) -> bool:
    return "models" in server.capabilities.updatable


STEPS: Final = (
    Step(title="plan of 4 creates", take=plan),
    Step(title="apply it", take=apply),
    Step(title="second plan, empty", take=second_plan),
    Step(title="plan after 40 % spent, empty", take=spend),
    Step(title="drift in 4 keys, found", take=drift),
    Step(title="apply, mended", take=mend),
    Step(title="status as JSON", take=status_json),
    Step(title="status for Prometheus", take=status_prometheus),
    Step(title="verify", take=verify, needs=lambda server: server.checks_keys),
    Step(title="doctor", take=doctor),
    Step(title="apply, spent key revived", take=revive_spent),
    Step(title="apply, expired key revived", take=revive_expired, needs=_family),
    Step(title="import from nothing", take=import_fresh),
    Step(title="import into a file", take=import_merged),
    Step(title="apply, renamed_from", take=rename, needs=lambda server: server.capabilities.renames),
    Step(title="apply, state: absent", take=absent),
    Step(title="apply, undeclared: delete", take=undeclared),
)


def take_all(server: Server, root: Path) -> list[int | None]:
    """Take every step on one server, and return what each cost; None for one that it cannot take."""
    with SandboxServer() as sandbox:
        course = Course.begin(server, sandbox, root)
        costs: list[int | None] = []
        for step in STEPS:
            if not step.needs(server):
                costs.append(None)
                continue
            course.cost = 0
            step.take(course)
            costs.append(course.cost)
    return [*costs, *plan_of_a_thousand(server, root / "thousand")]


def plan_of_a_thousand(server: Server, root: Path) -> tuple[int, int]:
    """Return what a plan for 1,000 declared keys costs: pages of the list, and other requests."""
    with SandboxServer() as sandbox:
        course = Course.begin(server, sandbox, root)
        limits = {"total_usd": 5} if _family(server) else {"total_usd": 5, "daily_usd": 1, "concurrency": 1}
        named = "name" if _family(server) else "description"
        names = [f"key-{number:04}" for number in range(1000)]
        sandbox.operator.create_keys([{"account": server.account, named: name, **limits} for name in names])
        keys = "".join(f"  {name}: {{limits: {{total_usd: 5}}}}\n" for name in names)
        project = course.beside(
            "many",
            f"version: 1\ndefaults: {{account: reseller}}\nkeys:\n{keys}",
            rate_limits={"requests_per_minute": 1000},
        )
        course.run("plan", "--detailed-exitcode", project=project)
        asked = [logged.path.partition("?")[0] for logged in sandbox.operator.requests()]
    pages = sum(path.endswith(("/token/", "/keys")) for path in asked)
    return pages, len(asked) - pages


LINES: Final = (
    *(step.title for step in STEPS),
    "plan of 1,000 keys: pages of the list",
    "plan of 1,000 keys: other requests",
)
"""The first cell of each line of the matrix."""


def text_table(columns: Iterable[tuple[str, Sequence[int | None]]]) -> str:
    """Return the costs as an aligned table."""
    lines = _lines(columns)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    )


def page_table(columns: Iterable[tuple[str, Sequence[int | None]]]) -> str:
    """Return the costs as the table of docs/providers.md."""
    head, *rest = [f"| {' | '.join(line)} |" for line in _lines(columns)]
    rule = "| --- |" + " --: |" * (head.count("|") - 2)
    return "\n".join([head, rule, *rest])


def _lines(columns: Iterable[tuple[str, Sequence[int | None]]]) -> list[list[str]]:
    found = list(columns)
    head = ["requests", *(name for name, _ in found)]
    return [
        head,
        *([title, *(_cell(costs[number]) for _, costs in found)] for number, title in enumerate(LINES)),
    ]


def _cell(cost: int | None) -> str:
    return "-" if cost is None else str(cost)


def main(page: str | None = None) -> None:
    """Print the table, or write it into a page between its two marks."""
    columns = []
    with tempfile.TemporaryDirectory() as folder:
        for server in SERVERS:
            print(server.title, file=sys.stderr)
            columns.append((server.title, take_all(server, Path(folder) / server.name)))
    if page is None:
        print(text_table(columns))
        return
    path = Path(page)
    before, _, rest = path.read_text("utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    path.write_text(f"{before}{BEGIN}\n{page_table(columns)}\n{END}{after}", "utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:2])
