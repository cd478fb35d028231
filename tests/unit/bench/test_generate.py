"""The worlds that the benchmark measures: the same bytes each time, and changed where they say so."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.strict_json import parse as parse_json
from reconciler.manifest.tree import parse
from reconciler.providers._qcode_rows import CONCURRENCY, DAILY, TOTAL, parse_row
from tests.bench.generate import PAGE_SIZE, World, write_declarations, write_pages, write_zone

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 2500
BODY_LIMIT = 5_000_000


def _declared(folder: Path) -> dict[str, Any]:
    keys: dict[str, Any] = {}
    for file in sorted(folder.iterdir()):
        part = parse(file.read_text("utf-8"), file.name)["keys"]
        assert isinstance(part, dict)
        keys |= part
    return keys


def _rows(folder: Path) -> list[Any]:
    pages = sorted(folder.iterdir(), key=lambda file: int(file.stem))
    documents: list[Any] = [parse_json(file.read_bytes()) for file in pages]
    return [row for document in documents for row in document["data"]["items"]]


def _micro(text: str) -> int:
    whole, _, part = text.partition(".")
    return int(whole) * 1_000_000 + int(part.ljust(6, "0"))


@pytest.mark.parametrize("percent", [1, 10, 100])
def test_as_many_rows_differ_as_the_world_says(tmp_path: Path, percent: int) -> None:
    """Our own readers find every declared key in the list, and a difference in exactly the changed ones."""
    world = World(size=SIZE, percent=percent)
    write_declarations(tmp_path / "keys", world, 1)
    write_pages(tmp_path / "pages", world)
    declared = _declared(tmp_path / "keys")
    found = [parse_row(row) for row in _rows(tmp_path / "pages")]

    assert {row.description for row in found} == declared.keys()
    differing = 0
    for row in found:
        key = declared[str(row.description)]
        limits = key["limits"]
        wanted = {
            "enabled": key["enabled"],
            DAILY: _micro(limits["daily_usd"]),
            TOTAL: limits["total_usd"] * 1_000_000,
            CONCURRENCY: limits["concurrency"],
        }
        assert row.spec.keys() == wanted.keys()
        differing += row.spec != wanted
    assert differing == world.changes == SIZE * percent // 100


def test_pages_announce_what_they_hold_and_stay_small(tmp_path: Path) -> None:
    """Each page tells the total, no id comes twice, the order is not that of the files."""
    write_pages(tmp_path / "pages", World(size=SIZE))
    bodies = [(tmp_path / "pages" / f"{page}.json").read_bytes() for page in (1, 2, 3)]
    pages = [json.loads(body)["data"] for body in bodies]
    rows = _rows(tmp_path / "pages")

    assert [page["pagination"] for page in pages] == [
        {"page": page, "pageSize": PAGE_SIZE, "total": SIZE, "totalPages": 3} for page in (1, 2, 3)
    ]
    assert [len(page["items"]) for page in pages] == [1000, 1000, 500]
    assert max(len(body) for body in bodies) < BODY_LIMIT
    assert len({row["id"] for row in rows}) == SIZE
    assert rows != sorted(rows, key=lambda row: str(row["description"]))


def test_a_hundred_files_declare_what_one_does(tmp_path: Path) -> None:
    """The number of files changes nothing about the keys."""
    write_declarations(tmp_path / "one", World(size=SIZE), 1)
    write_declarations(tmp_path / "hundred", World(size=SIZE), 100)

    assert len(list((tmp_path / "hundred").iterdir())) == 100
    assert _declared(tmp_path / "hundred") == _declared(tmp_path / "one")


def test_the_zone_has_the_same_share_of_changes(tmp_path: Path) -> None:
    """OctoDNS gets as many records and as many differences as we get keys."""
    world = World(size=SIZE, percent=10)
    write_zone(tmp_path, world)
    declared = _zone((tmp_path / "declared" / "bench.test.yaml").read_text("utf-8"))
    actual = json.loads((tmp_path / "actual.json").read_bytes())

    assert _zone((tmp_path / "actual" / "bench.test.yaml").read_text("utf-8")) == actual
    assert declared.keys() == actual.keys()
    assert sum(declared[name] != actual[name] for name in declared) == world.changes == 250


def _zone(text: str) -> dict[str, dict[str, object]]:
    record = re.compile(r"^(\S+):\n  ttl: (\d+)\n  type: A\n  values:\n  - (\S+)\n  - (\S+)\n", re.MULTILINE)
    return {
        found[1]: {"ttl": int(found[2]), "type": "A", "values": [found[3], found[4]]}
        for found in record.finditer(text)
    }


def test_equal_worlds_are_equal_bytes(tmp_path: Path) -> None:
    """Two runs of the benchmark measure the same."""
    for folder in ("first", "second"):
        write_declarations(tmp_path / folder / "keys", World(size=300), 3)
        write_pages(tmp_path / folder / "pages", World(size=300))
        write_zone(tmp_path / folder / "zone", World(size=300))

    first, second = (
        {file.relative_to(tmp_path / folder): file.read_bytes() for file in _files(tmp_path / folder)}
        for folder in ("first", "second")
    )
    assert first == second


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]
