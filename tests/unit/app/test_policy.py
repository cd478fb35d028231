"""A policy at an apply: what it refuses is not done, and what it switches off stays off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.app.rotation import due_rotations
from reconciler.app.usecases import apply_plan, check_reviewed, make_plan, read_balances
from reconciler.core.fields import MICRO
from reconciler.core.plan import Operation, Reason
from reconciler.core.policy import Policy
from reconciler.core.report import Status
from reconciler.errors import ProviderUnavailableError, SafetyError
from tests.unit.app.stage import ACCOUNT, SALT, Stage, key

if TYPE_CHECKING:
    from reconciler.app.usecases import World
    from reconciler.core.model import Capabilities
    from reconciler.core.plan import Plan
    from reconciler.core.report import Report

DAY = timedelta(days=1)
OWNERS = Policy(owners=("billing",))


def under(stage: Stage, policy: Policy) -> World:
    """Return the world of a stage with a policy in its settings."""
    world = stage.world()
    desired = replace(world.desired, policy=policy, keys=policy.applied(world.desired.keys))
    return replace(world, desired=desired)


def plan_of(world: World) -> Plan:
    """Return the plan of a world."""
    return make_plan(world, world.observe())


def apply(stage: Stage, world: World) -> Report:
    """Apply the plan of a world."""
    plan = plan_of(world)
    check_reviewed(world, plan, expect=None)
    live = world.observe()
    return apply_plan(world, plan, live, salt=SALT, control=stage.control, progress=stage.watcher)


def test_what_a_policy_refuses_is_not_applied() -> None:
    """A saved plan that says nothing of it is held against the settings of now, at its place."""
    stage = Stage()
    stage.declare(key("a"))
    world = under(stage, Policy(require=("owner",)))
    saved = replace(plan_of(world), meta=replace(plan_of(world).meta, refused=()))

    with pytest.raises(SafetyError, match=r"keys.yaml:3:3: main/a: `owner` is missing") as caught:
        check_reviewed(world, saved, expect=None)

    assert caught.value.exit_code == 5
    assert stage.live() == []


def test_a_key_of_somebody_who_left_goes_off_and_stays_off() -> None:
    """`enabled: true` is declared and loses; the second plan is empty, and a listed owner brings it back."""
    stage = Stage()
    mine = replace(key("a", spec={"enabled": True, "limits.total_usd": 5 * MICRO}), owner="ann")
    stage.declare(mine)
    stage.apply()

    report = apply(stage, under(stage, OWNERS))
    again = plan_of(under(stage, OWNERS))
    stage.declare(replace(mine, owner="billing"))
    back = plan_of(under(stage, OWNERS))

    assert [(item.action.op, item.status) for item in report.outcomes] == [(Operation.DISABLE, Status.DONE)]
    assert stage.live() == []
    assert again.actions == ()
    assert [(action.op, action.reason) for action in back.actions] == [(Operation.ENABLE, Reason.TURNED_ON)]


def test_it_counts_as_a_disable() -> None:
    """A list of owners that lost half of its lines does not switch half of the keys off."""
    stage = Stage()
    stage.declare(*(replace(key(name), owner="ann") for name in "abcd"))
    stage.apply()
    world = under(stage, OWNERS)

    with pytest.raises(SafetyError, match="4 disables, and max_disables is 3"):
        check_reviewed(world, plan_of(world), expect=None)


def test_nothing_is_rotated_for_somebody_who_left() -> None:
    """A scheduled job would ask for a new secret of a key that is off."""
    stage = Stage()
    stage.declare(replace(key("a", rotate_every=DAY), owner="ann"))
    stage.apply()
    stage.clock.advance(2 * 86400)
    assert [found.key.name for found in due_rotations(stage.world(), within=DAY)] == ["a"]
    assert list(due_rotations(under(stage, OWNERS), within=DAY)) == []


class Purse:
    """A provider that tells its balance, and whether that is in the unit of its keys' caps."""

    origin = "https://purse.example"

    def __init__(self, capabilities: Capabilities, balance: int | Exception | None, *, same: bool) -> None:
        self.capabilities = replace(capabilities, pays_in_key_units=same)
        self._balance = balance
        self.asked = 0

    def balance(self) -> int | None:
        """Return the balance, or fail."""
        self.asked += 1
        if isinstance(self._balance, Exception):
            raise self._balance
        return self._balance


@pytest.mark.parametrize(
    ("balance", "same", "found", "asked"),
    [
        (60 * MICRO, True, {ACCOUNT: 60 * MICRO}, 1),
        (60 * MICRO, False, {}, 0),
        (None, True, {}, 1),
        (ProviderUnavailableError("no answer; run again later"), True, {}, 1),
    ],
    ids=["same unit", "settlement currency", "not told", "no answer"],
)
def test_only_a_balance_in_the_unit_of_the_caps_is_read(
    balance: int | Exception | None, found: dict[str, int], asked: int, *, same: bool
) -> None:
    """A settlement currency is not even asked for, and no plan fails for want of a balance."""
    world = Stage().world()
    purse: Any = Purse(world.providers[ACCOUNT].capabilities, balance, same=same)

    assert read_balances(replace(world, providers={ACCOUNT: purse})) == found
    assert purse.asked == asked


def test_a_provider_without_a_balance_is_passed_over() -> None:
    """Whatever its capabilities say; the port is optional."""
    world = Stage().world()
    can = replace(world.providers[ACCOUNT].capabilities, pays_in_key_units=True)
    silent: Any = SimpleNamespace(capabilities=can)
    assert read_balances(replace(world, providers={ACCOUNT: silent})) == {}
