"""The server that the benchmark reads the list from."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any

from tests.bench.generate import World, write_pages
from tests.bench.list_server import COUNTS, LIST, ListServer, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def _serving(folder: Path) -> Iterator[HTTPConnection]:
    with ListServer(folder) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        connection = HTTPConnection(server.origin.removeprefix("http://"))
        try:
            yield connection
        finally:
            connection.close()
            server.shutdown()
            thread.join()


def _get(connection: HTTPConnection, target: str, method: str = "GET") -> tuple[int, Any]:
    connection.request(method, target)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_pages_are_served_over_one_connection_and_counted(tmp_path: Path) -> None:
    """A bare request gets the first page, a page past the end is the last, and every request counts."""
    write_pages(tmp_path / "pages", World(size=2500))
    with _serving(tmp_path / "pages") as connection:
        answers = [_get(connection, f"{LIST}{query}") for query in ("", "?page=3&page_size=1000", "?page=9")]
        counts = _get(connection, COUNTS)

    pagination = [answer["data"]["pagination"] for _, answer in answers]
    assert [status for status, _ in answers] == [200, 200, 200]
    assert [page["page"] for page in pagination] == [1, 3, 3]
    assert counts == (200, {f"GET {LIST}": 3})


def test_nothing_can_be_changed(tmp_path: Path) -> None:
    """The server refuses to write, and knows no other paths."""
    write_pages(tmp_path / "pages", World(size=10))
    with _serving(tmp_path / "pages") as connection:
        assert _get(connection, LIST, "POST")[0] == 405
        assert _get(connection, "/other")[0] == 404


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    """The program tells its origin first and serves until it is ended."""
    write_pages(tmp_path / "pages", World(size=10))
    with running(tmp_path / "pages") as origin:
        connection = HTTPConnection(origin.removeprefix("http://"))
        status, answer = _get(connection, LIST)
        connection.close()

    assert status == 200
    assert len(answer["data"]["items"]) == 10
