"""What no planner of such files against such a list can avoid, as one process: the floor to compare with.

The interpreter starts, the C parser's events of every file are thrown away, and each page of the list is
fetched over one connection and parsed. Usage: floor.py ORIGIN FILE...; without an origin (`-`), files only.
"""

from __future__ import annotations

import sys
from pathlib import Path

from _ruamel_yaml import CParser  # type: ignore[import-not-found]  # compiled, without stubs


def parse(file: str) -> None:
    """Read every event of a file."""
    next_event = CParser(Path(file).read_text("utf-8")).get_event
    while next_event() is not None:
        pass


def fetch(origin: str) -> None:
    """Read every page of the list."""
    import json  # noqa: PLC0415  # a program that only parses files need not pay for these
    from http.client import HTTPConnection  # noqa: PLC0415

    connection = HTTPConnection(origin.removeprefix("http://"))
    page, pages = 0, 1
    while page < pages:
        page += 1
        connection.request("GET", f"/api/v1/reseller/keys?page={page}")
        pages = json.loads(connection.getresponse().read())["data"]["pagination"]["totalPages"]


if __name__ == "__main__":
    for name in sys.argv[2:]:
        parse(name)
    if sys.argv[1] != "-":
        fetch(sys.argv[1])
