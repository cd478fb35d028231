"""The road of a team with 200 hand-made keys: import, limits only, then custody of all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.adoption import HAND_MADE, adopt
from tests.e2e.year import LIVED_ON

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.servers import Server

SAMPLE = 60


@pytest.mark.slow
@pytest.mark.parametrize("server", LIVED_ON, ids=lambda server: server.name)
def test_hand_made_keys_come_into_custody(server: Server, tmp_path: Path) -> None:
    """Under the vendor's budgets and with odd names among them; QCode's five an hour get a sample."""
    count = HAND_MADE if server.capabilities.reveals else SAMPLE
    with SandboxServer() as sandbox:
        team = adopt(server, sandbox, tmp_path / "project", count)

        assert (len(team.names), team.custody()) == (count, count)
    assert team.life.story[0] == f"import: {3 if team.life.family else 1} requests, exit code 0"
