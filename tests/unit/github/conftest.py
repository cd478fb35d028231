"""A repository on loopback for each test that talks to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.stores.github_pulls import running
from tests.unit.github.github_runs import client

if TYPE_CHECKING:
    from collections.abc import Iterator

    from reconciler.github.client import Github
    from tests.stores.github_pulls import PullsFake


@pytest.fixture
def fake() -> Iterator[PullsFake]:
    """Serve an empty repository."""
    with running() as fake:
        yield fake


@pytest.fixture
def github(fake: PullsFake) -> Iterator[Github]:
    """Return a client with the token of a workflow."""
    with client(fake) as found:
        yield found
