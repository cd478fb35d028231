"""What an action costs in requests: from data about the provider, never from its name."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.costs import ListCost, RequestCosts
from reconciler.core.fields import ENABLED
from reconciler.core.model import Listing
from reconciler.core.plan import Operation, Reason
from reconciler.core.request_costs import CostSheet
from tests.unit.core.worlds import CAPABILITIES, NOW, action, row, usd

if TYPE_CHECKING:
    from reconciler.core.plan import Action

OP, WHY = Operation, Reason
COSTS = RequestCosts(
    read=1,
    create=10,
    plaintext=100,
    update=1_000,
    revive=10_000,
    switch=100_000,
    delete=7,
    rename=8,
    session=3,
)


def sheet(listing: Listing | None = None, **able: Any) -> CostSheet:
    """Return the prices of a provider whose steps can be told from the sum."""
    can = replace(CAPABILITIES, **{"costs": COSTS, **able})
    return CostSheet(can=can, listing=listing or Listing(keys=()), now=NOW)


def price(prices: CostSheet, *actions: Action) -> list[int]:
    """Return what each action costs."""
    return [item.requests for item in prices.priced(actions)]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (action(OP.UPDATE, after=usd(total=2)), 1_001),
        (action(OP.UPDATE, after={**usd(total=2), ENABLED: True}), 101_001),
        (action(OP.ENABLE, after={ENABLED: True}), 100_001),
        (action(OP.DISABLE, after={ENABLED: False}), 100_001),
        (action(OP.RETIRE, after={ENABLED: False}), 100_001),
        (action(OP.DELETE), 7),
        (action(OP.ADOPT, WHY.RENAMED), 9),
        (action(OP.BLOCKED), 0),
    ],
)
def test_a_step_on_a_row_is_its_writes_and_one_read(asked: Action, expected: int) -> None:
    """Every write is read back, and a switch is a write of its own."""
    assert price(sheet(), asked) == [expected]


@pytest.mark.parametrize(
    ("able", "expected"),
    [
        ({"idempotent_create": True, "create_returns_secret": True}, 1_012),
        ({"idempotent_create": False, "create_returns_secret": True}, 1_014),
        ({"idempotent_create": False, "create_returns_secret": False}, 1_113),
    ],
)
def test_a_birth_costs_what_the_provider_makes_it_cost(able: dict[str, Any], expected: int) -> None:
    """Where nothing says which key is new the list is read again, and a hidden secret is asked for."""
    listing = Listing(keys=(), cost=ListCost(requests=2))
    for op in (OP.CREATE, OP.ROTATE):
        assert price(sheet(listing, **able), action(op, WHY.NEW, after=usd(total=2))) == [expected]


def test_a_key_is_born_enabled() -> None:
    """Only one that is declared off costs a switch more."""
    prices = sheet(create_returns_secret=True, idempotent_create=True)
    on, off = (action(OP.CREATE, WHY.NEW, after={ENABLED: value}) for value in (True, False))
    assert price(prices, on, off) == [12, 100_012]


def test_a_delivery_costs_a_reveal_or_a_replay() -> None:
    """A half-born key is brought to its limits as well, one in use is left as it is."""
    half = action(OP.DELIVER, WHY.UNBORN, after=usd(total=2))
    used = action(OP.DELIVER, WHY.CUSTODY)
    assert price(sheet(reveals=True), half, used) == [1_101, 101]
    replays = sheet(reveals=False, idempotent_create=True, create_returns_secret=True)
    assert price(replays, half, used) == [1_012, 12]


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        ({"used_up": True}, 11_001),
        ({"spec": {"expires": "2026-03-01T11:59:59Z"}}, 11_001),
        ({"spec": {"expires": "2026-03-01T12:00:01Z"}}, 1_001),
        ({"spec": {"expires": "never"}}, 1_001),
        ({}, 1_001),
    ],
)
def test_a_dead_key_costs_more_to_bring_back(shown: dict[str, Any], expected: int) -> None:
    """An expired or used-up key may need an enable after the update."""
    key = replace(row("1"), **shown)
    asked = action(OP.UPDATE, remote_id="1", after=usd(total=2))
    assert price(sheet(Listing(keys=(key,))), asked) == [expected]
    assert price(sheet(), asked) == [1_001]


def test_the_list_grows_with_the_keys_that_a_plan_mints() -> None:
    """A page more is told for the births that come after it filled up."""
    keys = tuple(row(str(number)) for number in range(8))
    listing = Listing(keys=keys, cost=ListCost(requests=1, page_rows=10, page_requests=2))
    prices = sheet(listing, idempotent_create=False, create_returns_secret=True)
    births = [action(OP.CREATE, WHY.NEW, name=f"k{number}") for number in range(4)]
    assert price(prices, *births) == [13, 13, 15, 15]


def test_the_first_key_can_change_what_an_empty_list_costs() -> None:
    """A list that ends with an empty page takes one request while there is nothing, and two after."""
    cost = ListCost(requests=1, page_rows=10, page_requests=3, first_key=1)
    assert [cost.with_more(0, more) for more in (0, 1, 10, 11)] == [1, 2, 2, 5]
    assert cost.with_more(1, 1) == 1
    assert ListCost(requests=4).with_more(0, 1_000) == 4


def test_reading_is_the_list_and_what_is_asked_once() -> None:
    """An apply begins with both."""
    assert sheet(Listing(keys=(), cost=ListCost(requests=5))).reading == 8
