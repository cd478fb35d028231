"""What several files of real runs share."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.kill_stage import Stage

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One sandbox for all tests of a file, and the programs that are stopped in front of it."""
    with Stage(tmp_path_factory.mktemp("stage")) as opened:
        yield opened
