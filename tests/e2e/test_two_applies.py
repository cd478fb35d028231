"""Two applies of one account that start at the same moment, where a create has no idempotency.

Two hundred schedules, each drawn from a seed: real adapters over real HTTP to the simulated servers, and a
sink whose writes are three steps; at every request and every step either run may go on.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from reconciler.app import observe
from reconciler.app.control import RunControl
from reconciler.app.usecases import World, apply_plan, check_reviewed, make_plan
from reconciler.core.fields import MICRO
from reconciler.core.model import (
    Delivery,
    DesiredAccount,
    DesiredKey,
    DesiredState,
    Lifecycle,
    RateLimits,
    SafetyLimits,
    SourceMark,
    Undeclared,
)
from reconciler.core.secret import Secret
from reconciler.errors import ReconcilerError
from reconciler.providers.registry import PROVIDERS, Connection
from reconciler.sandbox.server import SandboxServer
from reconciler.sinks.memory import MemorySink, MemoryStore
from tests.e2e.baton import Baton, BatonClock, InTurn
from tests.e2e.servers import SERVERS
from tests.unit.app.stage import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.core.report import Report
    from reconciler.sandbox.keys import KeyRow
    from tests.e2e.servers import Server

SCHEDULES = 200
ACCOUNT = "reseller"
NAMES = ("client-a", "client-b")
CAP_USD = 20
FAMILY = [server for server in SERVERS if not server.capabilities.idempotent_create]


@dataclass(slots=True, kw_only=True)
class Contest:
    """One account, one store of secrets, and the runs that meet there."""

    server: Server
    sandbox: SandboxServer
    store: MemoryStore
    baton: Baton

    @classmethod
    def begin(cls, server: Server, sandbox: SandboxServer, seed: int) -> Contest:
        """Start the vendor afresh, without budgets and with its time standing still."""
        sandbox.operator.reset()
        sandbox.operator.no_limits(server.name)
        sandbox.operator.set_clock(frozen=True)
        return cls(server=server, sandbox=sandbox, store=MemoryStore(), baton=Baton(seed))

    def apply(self) -> Report:
        """Plan and apply, as one run of the command line does."""
        clock = BatonClock(self.baton)
        options = self.server.options
        provider = PROVIDERS[self.server.provider].build(
            Connection(
                base_url=f"{self.sandbox.base_url}{self.server.path}",
                token=Secret(self.sandbox.tokens[self.server.account]),
                clock=clock,
                rng=lambda: 0.5,
                rate_limits=RateLimits(requests_per_minute=1_000_000),
                options=options,
            )
        )
        sink = MemorySink(self.store, before=lambda _step: self.baton.pass_on())
        account = DesiredAccount(
            label=ACCOUNT,
            provider=self.server.provider,
            origin=provider.origin,
            namespace=None,
            undeclared=Undeclared.REPORT,
            capabilities=provider.capabilities,
        )
        desired = DesiredState(
            accounts={ACCOUNT: account},
            keys=tuple(_declared(name) for name in NAMES),
            limits=SafetyLimits(),
            settings_digest="settings",
            declarations_digest="declarations",
        )
        world = World(
            desired=desired, providers={ACCOUNT: provider}, sinks={"local": sink}, clock=clock, tool="tests"
        )
        try:
            plan = make_plan(world, world.observe())
            check_reviewed(world, plan, expect=None)
            return apply_plan(
                world,
                plan,
                world.observe(),
                salt=b"salt",
                control=RunControl(clock=clock),
                progress=Watcher(),
            )
        finally:
            provider.close()

    def apply_beside(self) -> None:
        """Apply while another run does; what would end the command line with an error ends this run."""
        with suppress(ReconcilerError):
            self.apply()

    def faults(self) -> list[str]:
        """Return what must not be: two enabled keys of one address, or an enabled one that nobody holds."""
        found = []
        for name, rows in self.enabled().items():
            if len(rows) > 1:
                found.append(f"{name}: {len(rows)} enabled keys")
            found += [f"{name}: {row.id} is not in custody" for row in rows if not self.in_custody(row)]
        return found

    def enabled(self) -> dict[str, list[KeyRow]]:
        """Return the enabled keys by their declared name."""
        found: dict[str, list[KeyRow]] = {name: [] for name in NAMES}
        for row in self.sandbox.operator.keys(self.server.account):
            if row.enabled:
                found[row.name.partition("~")[0]].append(row)
        return found

    def in_custody(self, row: KeyRow) -> bool:
        """Tell whether the store holds the plaintext of a key and the receipt for it."""
        entry = _entry(row.name.partition("~")[0])
        minted = {item["key_id"]: item["secret"] for item in self.sandbox.store.keys.secrets()}
        value, record = self.store.values.get(entry), self.store.records.get(entry)
        if value is None or record is None or record.delivered is None:
            return False
        plain = Secret(f"sk-{minted[row.id]}").fingerprint()
        return value.fingerprint() == plain and record.delivered.receipt.remote_id == row.id


def _entry(name: str) -> str:
    return name.upper().replace("-", "_")


def _declared(name: str) -> DesiredKey:
    return DesiredKey(
        account=ACCOUNT,
        name=name,
        spec={"limits.total_usd": CAP_USD * MICRO},
        deliver=(Delivery(sink="local", name=_entry(name)),),
        lifecycle=Lifecycle(),
        mark=SourceMark(file="keys.yaml", line=1, column=1),
    )


@pytest.fixture(scope="module")
def served() -> Iterator[SandboxServer]:
    """Serve one sandbox; every schedule starts it afresh."""
    with SandboxServer() as sandbox:
        yield sandbox


@pytest.mark.slow
@pytest.mark.parametrize("server", FAMILY, ids=lambda server: server.name)
def test_two_runs_at_once_leave_one_key_in_custody(
    server: Server, served: SandboxServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never two enabled keys of an address, every enabled one is held, and a third run has nothing to do."""
    monkeypatch.setattr(observe, "ThreadPoolExecutor", InTurn)
    wrong: dict[int, list[str]] = {}
    twins = 0
    for seed in range(FAMILY.index(server), SCHEDULES, len(FAMILY)):
        contest = Contest.begin(server, served, seed)
        contest.baton.race([("first", contest.apply_beside), ("second", contest.apply_beside)])
        found = contest.faults()
        twins += len(served.operator.keys(server.account, deleted=True)) > len(NAMES)
        third = contest.apply()
        found += [f"left to a third run: {item.action.op} {item.action.address}" for item in third.outcomes]
        found += [f"{name}: no enabled key" for name, rows in contest.enabled().items() if not rows]
        if found:
            wrong[seed] = found
    assert wrong == {}
    assert twins, "no schedule made two keys of one address, so nothing was shown"


def test_a_seed_is_one_order_of_requests(served: SandboxServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A schedule that fails can be looked at again."""
    monkeypatch.setattr(observe, "ThreadPoolExecutor", InTurn)
    orders = []
    for seed in (7, 7, 13):
        contest = Contest.begin(FAMILY[0], served, seed)
        contest.baton.race([("first", contest.apply_beside), ("second", contest.apply_beside)])
        orders.append([(logged.method, logged.path) for logged in served.operator.requests()])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]
