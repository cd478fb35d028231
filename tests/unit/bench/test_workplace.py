"""A world on disk, served, and gone afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.generate import World
from tests.bench.process_timer import measure
from tests.bench.workplace import opened

if TYPE_CHECKING:
    from pathlib import Path


def test_the_floor_reads_every_page_once(tmp_path: Path) -> None:
    """The floor does all of the unavoidable work: it parses the declarations and fetches the whole list."""
    with opened(tmp_path / "world", World(size=2500)) as place:
        measure(place.parser_floor())
        assert place.requests() == 0
        measure(place.floor())
        assert place.requests() == 3


def test_a_world_leaves_nothing_behind(tmp_path: Path) -> None:
    """A world of 100,000 keys takes a hundred megabytes, so it goes as soon as it was measured."""
    for _ in range(2):
        with opened(tmp_path / "world", World(size=10)) as place:
            assert (place.zone / "actual.json").exists()

    assert list(tmp_path.iterdir()) == []
