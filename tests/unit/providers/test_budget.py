"""The account's budgets, counted before the provider has to refuse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from reconciler.core.model import RateLimits
from reconciler.providers._budget import Delay, RequestBudget, Reservation
from tests.clocks import FakeClock

QCODE = RateLimits(requests_per_minute=60, requests_per_day=1000, creates_per_hour=5)


def reserve(budget: RequestBudget, *, create: bool = False) -> Reservation:
    """Reserve where there must be room."""
    place = budget.reserve(create=create)
    assert isinstance(place, Reservation)
    return place


def delay(budget: RequestBudget, *, create: bool = False) -> Delay:
    """Ask where there must be no room."""
    place = budget.reserve(create=create)
    assert isinstance(place, Delay)
    return place


def test_the_sixty_first_request_waits_for_the_first_to_leave_the_window() -> None:
    """A window is free again one minute after its oldest request."""
    clock = FakeClock()
    budget = RequestBudget(QCODE, clock)
    for _ in range(60):
        reserve(budget)
        clock.advance(0.5)
    assert delay(budget).seconds == pytest.approx(30.0)
    clock.advance(30.0)
    reserve(budget)


def test_a_create_counts_in_both_budgets() -> None:
    """The sixth create waits for an hour, while reads go on."""
    budget = RequestBudget(QCODE, FakeClock())
    for _ in range(5):
        reserve(budget, create=True)
    refused = delay(budget, create=True)
    assert refused.seconds == pytest.approx(3600.0)
    assert refused.reason == "the limit of 5 creates per hour is used up"
    for _ in range(55):
        reserve(budget)
    assert "60 requests per minute" in delay(budget).reason


def test_the_day_is_a_budget_of_its_own() -> None:
    """A thousand requests use up the day even when no minute is full."""
    clock = FakeClock()
    budget = RequestBudget(QCODE, clock)
    for _ in range(1000):
        reserve(budget)
        clock.advance(2.0)
    assert delay(budget).seconds == pytest.approx(86_400.0 - 2000.0)


def test_a_request_counts_from_its_answer() -> None:
    """The provider may count a slow request late, so the window starts when it has certainly counted."""
    clock = FakeClock()
    budget = RequestBudget(RateLimits(requests_per_minute=1), clock)
    place = reserve(budget)
    clock.advance(20.0)
    budget.settle(place, sent=True)
    clock.advance(45.0)
    assert delay(budget).seconds == pytest.approx(15.0)


def test_what_was_not_sent_is_given_back() -> None:
    """A request that never left costs nothing."""
    budget = RequestBudget(RateLimits(requests_per_minute=1), FakeClock())
    budget.settle(reserve(budget), sent=False)
    reserve(budget)


def test_a_refused_create_holds_back_creates_only() -> None:
    """After a 429 on a create the cheap requests go on; after one on a read nothing does."""
    budget = RequestBudget(RateLimits(), FakeClock())
    budget.block(create=True, seconds=100.0)
    assert delay(budget, create=True).seconds == pytest.approx(100.0)
    reserve(budget)
    budget.block(create=False, seconds=10.0)
    assert delay(budget).seconds == pytest.approx(10.0)
    assert delay(budget, create=True).seconds == pytest.approx(100.0)


def test_threads_never_take_more_than_there_is() -> None:
    """Eight threads that reserve at once get exactly as many places as the window has."""
    budget = RequestBudget(RateLimits(requests_per_minute=50), FakeClock())
    with ThreadPoolExecutor(max_workers=8) as pool:
        places = list(pool.map(lambda _: budget.reserve(create=False), range(200)))
    assert sum(isinstance(place, Reservation) for place in places) == 50
