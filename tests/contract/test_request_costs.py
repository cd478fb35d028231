"""What a plan says its steps cost is what the server is really asked, for every provider and dialect."""

from __future__ import annotations

from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.control import RunControl
from reconciler.app.usecases import World, apply_plan, check_reviewed, make_plan
from reconciler.core.fields import ENABLED, MICRO, TOTAL_USD
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
from reconciler.core.plan import Operation
from reconciler.core.report import Status
from reconciler.core.secret import Secret
from reconciler.providers.registry import PROVIDERS, Connection
from reconciler.sandbox.server import SandboxServer
from reconciler.sinks.memory import MemorySink
from tests.clocks import FakeClock
from tests.unit.app.stage import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.core.fields import Value
    from reconciler.core.plan import Plan

DAILY = "limits.daily_usd"
CAPS: dict[str, Value] = {TOTAL_USD: 100 * MICRO}
PLENTY = RateLimits(requests_per_minute=10_000, requests_per_day=10_000, creates_per_hour=10_000)
NO_LIMITS = SafetyLimits(max_deletes=None, max_disables=None, max_change_percent=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One simulated server, and the account on it."""

    name: str
    vendor: str
    provider: str
    account: str
    options: dict[str, object] = field(default_factory=dict)
    switches: dict[str, Any] = field(default_factory=dict)


UNIT: dict[str, object] = {"quota_per_unit": 500_000}
PLACES = [
    Place(name="qcode", vendor="", provider="qcode-partner", account="one"),
    Place(name="new-api", vendor="new-api", provider="new-api", account="new_api", options={"user_id": 101}),
    Place(
        name="new-api-tells-key",
        vendor="new-api",
        provider="new-api",
        account="new_api",
        options={"user_id": 101},
        switches={"create_returns": "full"},
    ),
    Place(name="new-api-rc", vendor="new-api-rc", provider="new-api", account="new_api_rc"),
    Place(
        name="new-api-old",
        vendor="new-api-old",
        provider="new-api",
        account="new_api_old",
        options={"user_id": 121},
    ),
    Place(name="hitopen", vendor="hitopen", provider="hitopen", account="hitopen"),
    Place(name="cometapi", vendor="cometapi", provider="cometapi", account="cometapi", options=UNIT),
    Place(name="one-api", vendor="one-api", provider="one-api", account="one_api"),
    Place(name="one-api-sniffed", vendor="one-api", provider="new-api", account="one_api"),
]


@dataclass(slots=True, kw_only=True)
class Stage:
    """The use cases on a real adapter over real HTTP, with everything in this process but the server."""

    sandbox: SandboxServer
    place: Place
    sink: MemorySink = field(default_factory=MemorySink)
    keys: tuple[DesiredKey, ...] = ()

    def declare(self, *names: str, spec: dict[str, Value] | None = None, absent: bool = False) -> None:
        """Replace the declarations."""
        self.keys = tuple(
            DesiredKey(
                account="main",
                name=name,
                spec=CAPS if spec is None else spec,
                deliver=(Delivery(sink="local", name=name),),
                lifecycle=replace(Lifecycle(), absent=absent),
                mark=SourceMark(file="keys.yaml", line=3, column=3),
            )
            for name in names
        )

    @contextmanager
    def _world(self) -> Iterator[World]:
        """Yield a run's view, with an adapter of its own as every run has."""
        place = self.place
        connection = Connection(
            base_url=f"{self.sandbox.base_url}/{place.vendor}".rstrip("/"),
            token=Secret(self.sandbox.tokens[place.account]),
            clock=FakeClock(),
            rng=lambda: 0.5,
            rate_limits=PLENTY,
            options=place.options,
        )
        entry = PROVIDERS[place.provider]
        provider = entry.build(connection)
        account = DesiredAccount(
            label="main",
            provider=place.provider,
            origin=provider.origin,
            namespace=None,
            undeclared=Undeclared.REPORT,
            capabilities=entry.capabilities_with(place.options),
        )
        desired = DesiredState(
            accounts={"main": account},
            keys=self.keys,
            limits=NO_LIMITS,
            settings_digest="settings",
            declarations_digest=repr(self.keys),
        )
        with closing(provider):
            yield World(
                desired=desired,
                providers={"main": provider},
                sinks={"local": self.sink},
                clock=FakeClock(),
                tool="reconciler test",
            )

    def plan(self) -> Plan:
        """Return a fresh plan."""
        with self._world() as world:
            return make_plan(world, world.observe())

    def measured(self, *operations: Operation) -> tuple[int, int]:
        """Return what a plan of these operations says and what its apply really takes."""
        plan = self.plan()
        assert [action.op for action in plan.actions] == list(operations)
        self.sandbox.operator.clear_requests()
        with self._world() as world:
            check_reviewed(world, plan, expect=None)
            report = apply_plan(
                world,
                plan,
                world.observe(),
                salt=b"salt of the tests",
                control=RunControl(clock=FakeClock()),
                progress=Watcher(),
            )
        assert [outcome.status for outcome in report.outcomes] == [Status.DONE] * len(operations), report
        said = plan.meta.reading + sum(action.requests for action in plan.actions)
        return said, len(self.sandbox.operator.requests())


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxServer]:
    """Serve the sandbox for the whole module."""
    with SandboxServer() as server:
        yield server


@pytest.fixture(params=PLACES, ids=lambda place: place.name)
def stage(request: pytest.FixtureRequest, sandbox: SandboxServer) -> Stage:
    """Return each provider with an account that has no limits."""
    place: Place = request.param
    sandbox.operator.reset()
    vendor = place.vendor or "qcode-partner"
    sandbox.operator.no_limits(vendor)
    if place.switches:
        sandbox.operator.set_switches(vendor, **place.switches)
    return Stage(sandbox=sandbox, place=place)


def fits(measured: tuple[int, int]) -> bool:
    """Tell whether a plan promised enough, and at most one request too many."""
    said, real = measured
    return real <= said <= real + 1


def test_every_operation_costs_what_the_plan_says(stage: Stage) -> None:
    """A birth, a change, off, on, and the end, each on a key by itself."""
    stage.declare("client-a")
    assert fits(found := stage.measured(Operation.CREATE)), found
    stage.declare("client-a", spec={TOTAL_USD: 90 * MICRO})
    assert fits(found := stage.measured(Operation.UPDATE)), found
    stage.declare("client-a", spec={ENABLED: False})
    assert fits(found := stage.measured(Operation.DISABLE)), found
    stage.declare("client-a", spec={ENABLED: True})
    assert fits(found := stage.measured(Operation.ENABLE)), found
    deletes = PROVIDERS[stage.place.provider].capabilities.deletes
    stage.declare("client-a", absent=True)
    assert fits(found := stage.measured(Operation.DELETE if deletes else Operation.DISABLE)), found


def test_a_birth_that_ends_disabled_costs_one_switch_more(stage: Stage) -> None:
    """The switch is a write of its own."""
    stage.declare("client-a", spec={**CAPS, ENABLED: False})
    assert fits(found := stage.measured(Operation.CREATE)), found


def test_many_births_on_an_account_with_pages_cost_what_the_plan_says(stage: Stage) -> None:
    """A provider that does not say which key is new has its whole list read after each create."""
    account, many = stage.place.account, 25
    for number in range(many):
        stage.sandbox.operator.create_key(account, **_panel(stage, f"other-{number}"))
    stage.declare("client-a", "client-b", "client-c")
    said, real = stage.measured(*[Operation.CREATE] * 3)
    assert real <= said <= real + 3


def test_a_spent_key_is_revived_for_what_the_plan_says(stage: Stage) -> None:
    """Where a raised cap does not bring the key back by itself, that is part of the price."""
    if not PROVIDERS[stage.place.provider].capabilities.costs.revive:
        return
    stage.declare("client-a")
    stage.measured(Operation.CREATE)
    operator = stage.sandbox.operator
    (row,) = operator.keys(stage.place.account)
    operator.spend(row.id, 100)
    operator.use(row.id)
    stage.declare("client-a", spec={TOTAL_USD: 200 * MICRO})
    assert fits(found := stage.measured(Operation.UPDATE)), found


def test_a_secret_is_delivered_again_for_what_the_plan_says(stage: Stage) -> None:
    """Revealing is one request where the key is masked in the list as well."""
    if not PROVIDERS[stage.place.provider].capabilities.reveals:
        return
    stage.declare("client-a")
    stage.measured(Operation.CREATE)
    stage.sink = MemorySink()
    assert fits(found := stage.measured(Operation.DELIVER)), found


def _panel(stage: Stage, name: str) -> dict[str, object]:
    if stage.place.provider == "qcode-partner":
        return {"description": name, "daily_usd": 5, "total_usd": 100, "concurrency": 3}
    return {"name": name, "total_usd": 100}
