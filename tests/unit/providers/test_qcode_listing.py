"""A complete list or an error."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from reconciler.errors import AnswerError
from reconciler.providers import _qcode_listing
from reconciler.providers._qcode_listing import page_of, read_all
from reconciler.providers._qcode_rows import parse_row
from tests.unit.providers.clients import client
from tests.unit.providers.raw_server import RawServer, respond

if TYPE_CHECKING:
    import socket
    import threading
    from collections.abc import Callable, Mapping

    from reconciler.core.strict_json import Json
    from reconciler.providers._qcode_listing import Rows
    from tests.unit.providers.raw_server import Received

    Handler = Callable[[Mapping[str, str]], object]


def rows(first: int, last: int) -> list[dict[str, Any]]:
    """Return rows with the ids `k<first>` to `k<last>`."""
    return [{"id": f"k{number}"} for number in range(first, last + 1)]


def read(handler: Handler) -> tuple[Rows, list[str]]:
    """Read a list from a server that answers each query as the handler says; return what was asked, too."""

    def answer(connection: socket.socket, request: Received, stopping: threading.Event) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        respond(200, {"ok": True, "data": handler(query)})(connection, request, stopping)

    with RawServer((answer,)) as server:
        http = client(server.url)
        try:
            found = read_all(http, "/keys", lambda row: parse_row(row).id)
        finally:
            http.close()
    return found, [request.target for request in server.requests]


def ids(found: Rows) -> list[str]:
    """Return the ids of all rows, in order."""
    return [parse_row(row).id for row in found.rows]


def paged(total: int, size: int, **options: Any) -> Handler:
    """Return a server with pages, a total, and sizes of its own choice."""
    announced = options.get("announced", total)
    sizes = options.get("sizes", {10, 20, 50, 100})

    def handler(query: Mapping[str, str]) -> object:
        asked = int(query.get("page_size", size))
        used = asked if asked in sizes else size
        pages = max(-(-total // used), 1)
        number = min(int(query.get("page", "1")), pages)
        shown = rows((number - 1) * used + 1, min(number * used, total))
        info = {"page": number, "pageSize": used, "total": announced, "totalPages": pages}
        return {"items": shown, "pagination": info}

    return handler


@pytest.mark.parametrize("name", ["keys", "items", "list", "results", "api_keys", "rows", "records", "data"])
def test_every_known_place_of_the_array(name: str) -> None:
    """Bare, or under any of the usual names, one request is enough."""
    found, asked = read(lambda _query: {name: rows(1, 3)})
    assert (ids(found), asked, found.warnings) == (["k1", "k2", "k3"], ["/keys"], ())
    found, _ = read(lambda _query: rows(1, 3))
    assert ids(found) == ["k1", "k2", "k3"]


@pytest.mark.parametrize(
    "data",
    [None, {}, "", 0, {"entries": []}, {"keys": {}}, {"keys": None}, {"keys": [], "items": []}, {"key": []}],
    ids=json.dumps,
)
def test_an_unknown_form_is_never_an_empty_list(data: object) -> None:
    """What cannot be read as a list of keys is an error."""
    with pytest.raises(AnswerError, match="not taken for an empty list"):
        read(lambda _query: data)


@pytest.mark.parametrize("document", [None, [], "x", {"keys": []}, {"ok": True}], ids=json.dumps)
def test_a_document_without_data_is_an_error(document: Json) -> None:
    """The envelope has to hold the data."""
    with pytest.raises(AnswerError, match="not taken for an empty list"):
        page_of(document)


def test_an_empty_list_is_a_list() -> None:
    """A new account has no keys."""
    found, asked = read(lambda _query: {"keys": []})
    assert (found.rows, asked) == ([], ["/keys"])


def test_pages_are_read_until_the_total() -> None:
    """Three pages by two more requests, in order, each row once."""
    found, asked = read(paged(total=45, size=20))
    assert ids(found) == [f"k{number}" for number in range(1, 46)]
    assert len(asked) == 3


def test_many_small_pages_are_asked_for_in_large_ones() -> None:
    """A thousand keys cost 11 requests in place of 50."""
    found, asked = read(paged(total=1000, size=20))
    assert len(ids(found)) == 1000
    assert len(asked) == 11


def test_a_server_that_knows_no_large_pages_is_read_in_small_ones() -> None:
    """The size that the server gives is the one that counts."""
    found, asked = read(paged(total=100, size=20, sizes={20}))
    assert len(ids(found)) == 100
    assert len(asked) == 6


@pytest.mark.parametrize("announced", [4, 2, 99], ids=str)
def test_a_total_that_lies_is_an_error(announced: int) -> None:
    """More or fewer rows than announced may be a part, so nothing is concluded from them."""
    with pytest.raises(AnswerError, match=f"{announced} keys are announced and 3 are shown"):
        read(lambda query: {"keys": rows(1, 3) if query.get("page", "1") == "1" else [], "total": announced})


def test_a_list_that_moves_is_read_once_more() -> None:
    """A key made between two pages shifts a row out; the second reading is complete."""
    state = {"calls": 0}

    def handler(query: Mapping[str, str]) -> object:
        state["calls"] += 1
        number = int(query.get("page", "1"))
        if state["calls"] == 2:
            return {"keys": rows(20, 29), "total": 40}
        return {"keys": rows(number * 20 - 19, number * 20), "total": 40}

    found, asked = read(handler)
    assert len(ids(found)) == 40
    assert len(asked) == 4


def test_a_total_that_changes_every_time_is_an_error() -> None:
    """A list that never holds still is not complete."""
    state = {"total": 40}

    def handler(query: Mapping[str, str]) -> object:
        state["total"] += 1
        return {"keys": rows(1, 20) if "page" not in query else rows(21, 40), "total": state["total"]}

    with pytest.raises(AnswerError, match="total changed while the pages were read"):
        read(handler)


def test_one_id_twice_on_a_page_is_an_error() -> None:
    """Rows that cannot be told apart are not managed."""
    with pytest.raises(AnswerError, match="two rows of the list have the same id"):
        read(lambda _query: {"keys": [*rows(1, 3), *rows(2, 2)]})


def test_more_is_followed_without_a_total() -> None:
    """`has_more` leads from page to page, and its end ends the list."""

    def handler(query: Mapping[str, str]) -> object:
        number = int(query.get("page", "1"))
        return {"keys": rows(number * 3 - 2, number * 3), "has_more": number < 4}

    found, asked = read(handler)
    assert (len(ids(found)), len(asked), found.warnings) == (12, 4, ())


@pytest.mark.parametrize("member", ["next", "next_page", "nextCursor"])
def test_a_cursor_that_cannot_be_followed_is_an_error(member: str) -> None:
    """More is announced and the same page comes again: the rest is out of reach."""
    with pytest.raises(AnswerError, match="repeats what is known and announces more"):
        read(lambda _query: {"keys": rows(1, 3), member: "abc"})


def test_an_empty_cursor_means_the_end() -> None:
    """`next: null` is not a further page."""
    found, asked = read(lambda _query: {"keys": rows(1, 3), "next": None})
    assert (len(found.rows), asked) == (3, ["/keys"])


@pytest.mark.parametrize("count", [10, 20, 25, 50, 100, 200])
def test_a_round_count_is_probed_once(count: int) -> None:
    """A full first page and a complete list look alike; one more request tells, and the plan says so."""
    found, asked = read(lambda _query: {"keys": rows(1, count)})
    assert len(ids(found)) == count
    sizes = f"page_size={count}&pageSize={count}&limit={count}"
    assert asked == ["/keys", f"/keys?page=2&{sizes}&offset={count}"]
    assert found.warnings == (
        f"the list has exactly {count} rows and tells no total; a second page brought nothing new",
    )


def test_a_probe_that_finds_more_reads_on() -> None:
    """A server with pages that says nothing about them is read to its end."""

    def handler(query: Mapping[str, str]) -> object:
        number = min(int(query.get("page", "1")), 3)
        return {"keys": rows(number * 10 - 9, min(number * 10, 25))}

    found, asked = read(handler)
    assert (len(ids(found)), len(asked)) == (25, 4)
    assert "a second page brought 15 more" in found.warnings[0]


@pytest.mark.parametrize("announced", [{}, {"total": 70}, {"has_more": True}], ids=str)
def test_a_server_that_counts_in_offsets_is_read_to_its_end(announced: dict[str, Any]) -> None:
    """It knows no page numbers, so every request tells how many rows to skip, too."""

    def handler(query: Mapping[str, str]) -> object:
        skipped, most = int(query.get("offset", "0")), int(query.get("limit", "20"))
        last = min(skipped + most, 70)
        more = {"has_more": last < 70} if "has_more" in announced else announced
        return {"keys": rows(skipped + 1, last), **more}

    found, _ = read(handler)
    assert ids(found) == [f"k{number}" for number in range(1, 71)]


def test_a_page_larger_than_the_server_allows_is_no_failure() -> None:
    """Larger pages would only have saved requests; the list is read in those that it gives."""

    def answer(connection: socket.socket, request: Received, stopping: threading.Event) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(request.target).query).items()}
        if int(query.get("page_size", "10")) > 50:
            refused = respond(422, {"detail": [{"loc": ["query", "page_size"], "msg": "at most 50"}]})
            refused(connection, request, stopping)
        else:
            respond(200, {"ok": True, "data": paged(45, 10)(query)})(connection, request, stopping)

    with RawServer((answer,)) as server:
        http = client(server.url)
        try:
            found = read_all(http, "/keys", lambda row: parse_row(row).id)
        finally:
            http.close()
    assert len(ids(found)) == 45


def test_pages_without_end_are_an_error() -> None:
    """A server that invents rows for every page is not read for ever."""
    with pytest.raises(AnswerError, match="pages of 1 rows are announced"):
        read(
            lambda query: {
                "keys": rows(int(query.get("page", "1")), int(query.get("page", "1"))),
                "total": 9999,
            }
        )


@pytest.mark.parametrize("total", [-1, True, "many", 1.5, [], "9" * 30], ids=str)
def test_a_total_that_is_no_count_is_an_error(total: object) -> None:
    """Text digits are fine, anything else leaves it open how many keys there are."""
    with pytest.raises(AnswerError, match="a total that is not a count"):
        read(lambda _query: {"keys": rows(1, 3), "total": total})
    found, _ = read(lambda _query: {"keys": rows(1, 3), "total": "3"})
    assert len(found.rows) == 3


def test_pages_are_counted_where_only_their_number_is_told() -> None:
    """`total_pages` without a total is enough to read them all."""

    def handler(query: Mapping[str, str]) -> object:
        number = int(query.get("page", "1"))
        return {"keys": rows(number * 3 - 2, number * 3), "total_pages": 3}

    found, asked = read(handler)
    assert (len(ids(found)), len(asked)) == (9, 3)
    found, asked = read(lambda _query: {"keys": rows(1, 3), "total_pages": 1})
    assert (len(ids(found)), len(asked)) == (3, 1)


def test_a_cursor_without_pages_is_followed_by_number() -> None:
    """`next` on every page but the last ends with the last."""

    def handler(query: Mapping[str, str]) -> object:
        number = int(query.get("page", "1"))
        return {"keys": rows(number * 3 - 2, number * 3), "next": f"p{number + 1}" if number < 3 else ""}

    found, asked = read(handler)
    assert (len(ids(found)), len(asked)) == (9, 3)


def test_more_that_is_announced_and_empty_ends_the_list() -> None:
    """A last page without rows that announces nothing further is an end."""
    found, asked = read(
        lambda query: (
            {"keys": [], "has_more": False} if "page" in query else {"keys": rows(1, 3), "has_more": True}
        )
    )
    assert (len(found.rows), len(asked)) == (3, 2)


def test_rows_invented_for_every_page_are_not_read_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a last page, whatever the server announces."""
    monkeypatch.setattr(_qcode_listing, "_MAX_PAGES", 5)

    def handler(query: Mapping[str, str]) -> object:
        number = int(query.get("page", "1"))
        return {"keys": rows(number, number), "has_more": True}

    with pytest.raises(AnswerError, match="more than 5 pages"):
        read(handler)
