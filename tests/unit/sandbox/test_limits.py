"""Tests of the request budgets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.limits import Budget, Limits
from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from reconciler.sandbox.database import Database

BUDGETS = {"short": Budget(requests=2, seconds=10), "long": Budget(requests=3, seconds=100)}


def limits(database: Database) -> Limits:
    """Return fresh budgets: 2 in 10 seconds, 3 in 100 seconds."""
    return Limits(database, vendor="v", defaults=BUDGETS)


def test_a_sliding_window_frees_one_place_at_a_time(database: Database) -> None:
    """The wait is until the oldest hit leaves the window."""
    board = limits(database)
    waits = [
        board.draw("me", ["short"], now=now, window="sliding").retry_after for now in (0, 4, 5, 9.5, 10, 11)
    ]
    assert waits == [0, 0, 5, 1, 0, 3]


def test_a_fixed_window_frees_all_at_once(database: Database) -> None:
    """The wait is until the next aligned window, whose budget is whole again."""
    board = limits(database)
    waits = [
        board.draw("me", ["short"], now=now, window="fixed").retry_after for now in (18, 18, 19, 20, 20, 21)
    ]
    assert waits == [0, 0, 1, 0, 0, 9]


def test_fixed_days_begin_at_the_offset(database: Database) -> None:
    """A UTC+8 day is over at 16:00 UTC."""
    board = Limits(database, vendor="v", defaults={"day": Budget(requests=1, seconds=86_400)})
    before, after = 15.9 * 3600, 16 * 3600
    waits = [
        board.draw("me", ["day"], now=now, window="fixed", offset_hours=8).retry_after
        for now in (before, before, after)
    ]
    assert waits == [0, 360, 0]


def test_every_budget_must_have_room(database: Database) -> None:
    """The longest wait wins, and a refused request uses up nothing."""
    board = limits(database)
    for now in (0, 1, 20):
        assert board.draw("me", ["short", "long"], now=now, window="sliding").retry_after == 0
    assert board.draw("me", ["short", "long"], now=21, window="sliding").retry_after == 79
    assert board.remaining("me", "short", now=21, window="sliding", offset_hours=0) == 1


def test_a_refused_request_can_be_counted(database: Database) -> None:
    """With counting on, asking too early makes the wait longer."""
    board = limits(database)
    for now in (0, 1):
        board.draw("me", ["short"], now=now, window="sliding")
    assert board.draw("me", ["short"], now=9, window="sliding", book_refused=True).retry_after == 1
    assert board.draw("me", ["short"], now=10.5, window="sliding").retry_after == 1


def test_subjects_do_not_share_a_budget(database: Database) -> None:
    """Each token has its own."""
    board = limits(database)
    for _ in range(2):
        board.draw("me", ["short"], now=0, window="sliding")
    assert board.draw("you", ["short"], now=0, window="sliding").retry_after == 0


def test_a_refund_gives_the_place_back(database: Database) -> None:
    """A request that does not count leaves the budget as it was."""
    board = limits(database)
    draw = board.draw("me", ["short", "long"], now=0, window="sliding")
    board.refund(draw, ["short"])
    assert board.remaining("me", "short", now=0, window="sliding", offset_hours=0) == 2
    assert board.remaining("me", "long", now=0, window="sliding", offset_hours=0) == 2


def test_budgets_can_be_changed_and_switched_off(database: Database) -> None:
    """An operator sets one field; nothing and zero are told apart."""
    board = limits(database)
    board.put({"short": {"requests": None}, "long": {"requests": 0}})
    assert board.budgets() == {
        "short": Budget(requests=None, seconds=10),
        "long": Budget(requests=0, seconds=100),
    }
    assert board.draw("me", ["short"], now=0, window="sliding").retry_after == 0
    assert board.draw("me", ["long"], now=0, window="sliding").retry_after == 100
    assert board.remaining("me", "short", now=0, window="sliding", offset_hours=0) is None
    with pytest.raises(InvalidValueError):
        board.put({"short": {"requests": "many"}})
