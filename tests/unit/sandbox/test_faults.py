"""Tests of which request a fault hits."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import pytest

from reconciler.sandbox.faults import ACTIONS, Action, FaultBook
from reconciler.sandbox.validation import InvalidValueError

if TYPE_CHECKING:
    from reconciler.sandbox.database import Database


def fired(
    book: FaultBook, method: str = "GET", path: str = "/keys", account: str | None = "one"
) -> list[str]:
    """Return the actions that hit a request."""
    return [fault.action for fault in book.fire(method=method, path=path, account=account)]


def test_a_fault_hits_once_by_default(database: Database) -> None:
    """Without a count, only the first matching request suffers."""
    book = FaultBook(database)
    book.add({"action": "html"})
    assert [fired(book), fired(book)] == [["html"], []]


def test_method_path_and_account_select(database: Database) -> None:
    """A request that differs in one of them is spared and not counted."""
    book = FaultBook(database)
    book.add({"action": "html", "method": "POST", "path": "/keys$", "account": "two"})
    assert fired(book, "GET", "/keys", "two") == []
    assert fired(book, "POST", "/keys/1", "two") == []
    assert fired(book, "POST", "/keys", "one") == []
    assert book.all()[0].seen == 0
    assert fired(book, "POST", "/keys", "two") == ["html"]


def test_nth_and_times_count_matching_requests(database: Database) -> None:
    """The second and third match are hit, the first and fourth are not."""
    book = FaultBook(database)
    book.add({"action": "nan", "nth": 2, "times": 2})
    assert [bool(fired(book)) for _ in range(4)] == [False, True, True, False]
    assert (book.all()[0].seen, book.all()[0].fired) == (4, 2)


def test_no_number_of_times_means_always(database: Database) -> None:
    """An outage lasts until it is cleared."""
    book = FaultBook(database)
    book.add({"action": "nan", "times": None})
    assert [fired(book) for _ in range(3)] == [["nan"]] * 3
    book.clear()
    assert fired(book) == []


def test_several_faults_hit_one_request_in_order(database: Database) -> None:
    """Faults combine, the first added first; one can be removed by its number."""
    book = FaultBook(database)
    first = book.add({"action": "delay", "times": None})
    book.add({"action": "status", "times": None})
    assert fired(book) == ["delay", "status"]
    book.clear(first.number)
    assert fired(book) == ["status"]


def test_actions_have_their_own_defaults(database: Database) -> None:
    """A redirect is 307 and a bomb is large without being told."""
    book = FaultBook(database)
    assert book.add({"action": "redirect", "url": "http://127.0.0.1:1/"}).fault.status == 307
    assert book.add({"action": "redirect", "status": 302}).fault.status == 302
    assert book.add({"action": "huge"}).fault.size > 5_000_000


@pytest.mark.parametrize(
    "values",
    [{}, {"action": "explode"}, {"action": "status", "status": "500"}, {"action": "nan", "path": "("}],
)
def test_a_wrong_rule_is_refused(values: dict[str, object], database: Database) -> None:
    """A typo never becomes a fault that silently does nothing."""
    book = FaultBook(database)
    with pytest.raises(InvalidValueError):
        book.add(values)
    assert book.all() == []


def test_every_action_is_described() -> None:
    """The table of actions for users is complete."""
    assert set(ACTIONS) == set(get_args(Action))
