"""A list is complete, or an error."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.errors import AnswerError, RequestRejectedError
from reconciler.providers._http import Reply
from reconciler.providers._newapi_listing import Pager

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Server:
    """A list of ids, newest first, whose keys come and go between two requests.

    Args:
        ids: at first.
        base: number of the first page.
        size: rows a page; `size_told` is what it says about that.
        before: called with the server and the number of each request.
    """

    def __init__(
        self,
        ids: Sequence[int],
        *,
        base: int = 1,
        size: int = 10,
        before: Callable[[Server, int], None] = lambda _server, _number: None,
        total: int | None = None,
        bare: bool = False,
    ) -> None:
        self.ids = list(ids)
        self.base, self.size, self.before, self.total, self.bare = base, size, before, total, bare
        self.queries: list[Mapping[str, str]] = []

    def fetch(self, query: Mapping[str, str]) -> Reply:
        """Answer one page."""
        self.queries.append(query)
        self.before(self, len(self.queries))
        begin = (max(int(query["p"]), self.base) - self.base) * self.size
        rows: list[Any] = [{"id": number} for number in self.ids[begin : begin + self.size]]
        if self.bare:
            return Reply(document={"success": True, "data": rows}, date=None)
        told = len(self.ids) if self.total is None else self.total
        data: Any = {"items": rows, "total": told, "page_size": self.size, "page": 1}
        return Reply(document={"success": True, "data": data}, date=None)


def pager(server: Server, shape: Any = "object") -> Pager:
    """Return a reader that asks one after the other, so that the order is known."""
    base = 0 if shape == "array" else 1
    params = ("page_size", "size")
    return Pager(fetch=server.fetch, workers=1, base=base, size_params=params, shape=shape, extra={})


def read(server: Server, shape: Any = "object") -> list[int]:
    """Return the ids that were found."""
    rows: Any = pager(server, shape).read_all().rows
    return [row["id"] for row in rows]


def test_one_page_is_one_request() -> None:
    """Asked for by both names of the size."""
    server = Server(range(10))
    server.ids = list(range(1, 11))
    assert read(server) == list(range(1, 11))
    assert server.queries == [{"p": "1", "page_size": "100", "size": "100"}]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25, 30])
def test_every_page_is_read_once(count: int) -> None:
    """The first one tells how many there are, and the size that the server really has."""
    server = Server(range(1, count + 1))
    assert len(read(server)) == count
    assert len(server.queries) == max(1, -(-count // 10))


def test_a_null_page_is_an_empty_one() -> None:
    """Go writes an empty list so."""
    document = {"data": {"items": None, "total": 0}}
    found = Pager(
        fetch=lambda _query: Reply(document=document, date=None),  # type: ignore[arg-type]  # JSON
        workers=1,
        base=1,
        size_params=(),
        shape=None,
        extra={},
    ).read_all()
    assert (found.rows, found.shape) == ([], "object")


def made(server: Server, number: int) -> None:
    """Make a key before the second request, once."""
    if number == 2:
        server.ids.insert(0, 999)


def gone(server: Server, number: int) -> None:
    """Delete the newest key before the second request, once."""
    if number == 2:
        del server.ids[0]


@pytest.mark.parametrize("change", [made, gone])
def test_a_list_that_moved_is_read_again(change: Callable[[Server, int], None]) -> None:
    """Rows shifted to another page: one twice, or one missing."""
    server = Server(range(1, 26), before=change)
    assert sorted(read(server)) == sorted(server.ids)
    assert len(server.queries) == 6


@pytest.mark.parametrize("change", [made, gone])
def test_a_bare_list_that_moved_is_read_again(change: Callable[[Server, int], None]) -> None:
    """Without a total, a key that slipped between two pages shows in a second reading only."""
    server = Server(range(1, 26), before=change, base=0, bare=True)
    assert sorted(read(server, "array")) == sorted(server.ids)


def test_a_list_that_never_holds_still_is_an_error() -> None:
    """After three readings."""

    def grow(server: Server, number: int) -> None:
        server.ids.insert(0, 1000 + number)

    for bare in (False, True):
        server = Server(range(1, 26), before=grow, base=0 if bare else 1, bare=bare)
        with pytest.raises(AnswerError, match="not complete"):
            read(server, "array" if bare else "object")


@pytest.mark.parametrize(
    ("total", "size", "match"),
    [
        (6, 10, "6 keys are announced and 5 are shown"),
        (4, 10, "4 keys are announced"),
        (10**7, 10, "are on a page"),
    ],
)
def test_a_total_that_is_not_reached_is_an_error(total: int, size: int, match: str) -> None:
    """A plan on part of the keys would mint the others again."""
    with pytest.raises(AnswerError, match=match):
        read(Server(range(1, 6), total=total, size=size))


def test_no_rows_and_a_total_is_an_error() -> None:
    """It is not an empty account."""
    with pytest.raises(AnswerError, match="5 keys are announced and 0 are shown"):
        read(Server([], total=5))


def test_bare_rows_are_read_until_a_page_is_empty() -> None:
    """A short page proves nothing, since one-api has a size of its own; then all are looked at once more."""
    server = Server(range(1, 26), base=0, bare=True)
    assert read(server, "array") == list(range(1, 26))
    assert [query["p"] for query in server.queries] == ["0", "1", "2", "3", "0", "1", "2"]


def test_one_bare_page_needs_no_second_look() -> None:
    """Nothing can slip between one page and none."""
    server = Server([1, 2], base=0, bare=True)
    assert read(server, "array") == [1, 2]
    assert [query["p"] for query in server.queries] == ["0", "1"]


def test_an_unknown_form_begins_with_one_and_goes_back_to_zero() -> None:
    """What an old server calls page 1 is its second one."""
    server = Server(range(1, 16), base=0, bare=True)
    assert read(server, None) == list(range(1, 16))
    assert [query["p"] for query in server.queries][:3] == ["1", "0", "1"]
    assert pager(Server([1]), None).read_all().shape == "object"


def test_a_server_without_pages_answers_all_of_them_alike() -> None:
    """Page 2 tells it from one that counts from 1, where page 0 and 1 are the same."""
    server = Server([1, 2], bare=True, base=5)
    assert read(server, "array") == [1, 2]
    assert [query["p"] for query in server.queries] == ["0", "1", "2"]


def test_pages_without_end_are_an_error() -> None:
    """A thousand of them are more than anybody's keys."""
    calls = iter(range(10**6))

    def fetch(_query: Mapping[str, str]) -> Reply:
        return Reply(document={"data": [{"id": next(calls) + 1}]}, date=None)

    with pytest.raises(AnswerError, match="more than 1000 pages"):
        replace(pager(Server([]), "array"), fetch=fetch).read_all()


@pytest.mark.parametrize(("shape", "bare"), [("object", True), ("array", False)])
def test_a_form_that_contradicts_the_settings_is_an_error(shape: str, *, bare: bool) -> None:
    """The fields would be named otherwise, too."""
    with pytest.raises(AnswerError, match="set the account's `dialect: auto`"):
        read(Server([1], bare=bare), shape)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {},
        {"data": None},
        {"data": "x"},
        {"data": {}},
        {"data": {"items": [], "total": "none"}},
        {"data": {"items": None}},
        {"data": {"rules": []}},
        {"data": {"items": [], "total": -1}},
        {"data": {"items": [], "total": True}},
        {"data": {"items": {}, "total": 0}},
        {"data": [5]},
        {"data": [{"id": "one"}]},
    ],
    ids=range(14),
)
def test_an_unknown_form_is_never_an_empty_list(document: Any) -> None:
    """Otherwise every declared key would be minted again."""
    broken = Pager(
        fetch=lambda _query: Reply(document=document, date=None),
        workers=1,
        base=1,
        size_params=(),
        shape=None,
        extra={},
    )
    with pytest.raises(AnswerError):
        broken.read_all()


@pytest.mark.parametrize("total", ["2", Decimal("2.0"), None, ...])
@pytest.mark.parametrize("name", ["items", "data", "list", "records", "rows", "tokens"])
def test_relatives_name_and_write_it_otherwise(name: str, total: Any) -> None:
    """The rows and their number, which may be left out as well."""
    pages: dict[str, Any] = {"1": [{"id": "1"}, {"id": Decimal("2.0")}]}

    def fetch(query: Mapping[str, str]) -> Reply:
        data = {name: pages.get(query["p"], []), "total": total, "page": 1}
        return Reply(document={"data": {k: v for k, v in data.items() if v is not ...}}, date=None)

    found = replace(pager(Server([])), fetch=fetch).read_all()
    assert (len(found.rows), found.shape) == (2, "object")


@pytest.mark.parametrize("counted", [True, False])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25, 30])
def test_an_object_whose_pages_begin_with_zero(count: int, *, counted: bool) -> None:
    """The page called 1 is its second one, so the sum shows that one is missing."""

    def fetch(query: Mapping[str, str]) -> Reply:
        begin = int(query["p"]) * 10
        data: Any = {"items": [{"id": number + 1} for number in range(count)][begin : begin + 10]}
        return Reply(document={"data": {**data, "total": count} if counted else data}, date=None)

    assert len(replace(pager(Server([])), fetch=fetch).read_all().rows) == count


@pytest.mark.parametrize("refuses", [True, False])
@pytest.mark.parametrize("bare", [True, False])
@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 25, 30])
def test_pages_from_one_without_a_total(count: int, *, bare: bool, refuses: bool) -> None:
    """Page 0 is page 1 again, or refused; neither ends the list at its first page."""

    def fetch(query: Mapping[str, str]) -> Reply:
        if query["p"] == "0" and refuses:
            message = "p must be at least 1"
            raise RequestRejectedError(message)
        begin = max(int(query["p"]) - 1, 0) * 10
        rows: Any = [{"id": number + 1} for number in range(count)][begin : begin + 10]
        return Reply(document={"data": rows if bare else {"items": rows}}, date=None)

    assert len(replace(pager(Server([]), None), fetch=fetch).read_all().rows) == count


def test_a_missing_page_zero_ends_no_list_of_bare_rows() -> None:
    """A server that counts from 1 may show nothing at all there."""
    pages = {"1": [{"id": 1}], "2": [{"id": 2}]}

    def fetch(query: Mapping[str, str]) -> Reply:
        rows: Any = pages.get(query["p"], [])
        return Reply(document={"data": rows}, date=None)

    assert len(replace(pager(Server([]), None), fetch=fetch).read_all().rows) == 2


def test_null_is_no_rows_where_bare_rows_are_expected() -> None:
    """An empty account of an old server."""
    empty = Reply(document={"data": None}, date=None)
    assert replace(pager(Server([]), "array"), fetch=lambda _query: empty).read_all().rows == []
