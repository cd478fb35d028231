"""A year in the life of one key: the plan, the rows and the receipt after every step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.e2e.year import LIVED_ON, STEPS, live

if TYPE_CHECKING:
    from pathlib import Path

    from tests.e2e.servers import Server


@pytest.mark.slow
@pytest.mark.parametrize("server", LIVED_ON, ids=lambda server: server.name)
def test_a_key_lives_through_the_year(server: Server, tmp_path: Path) -> None:
    """Each step does what docs/lifecycle.md says, and the story tells every one of them."""
    with SandboxServer() as sandbox:
        life = live(server, sandbox, tmp_path / "project")

        titles = [line.partition("  ")[2] for line in life.story if line.startswith("== ")]
        assert titles == [title for title, _ in STEPS]
        assert life.states() == ENDS[server.name]


ENDS = {
    "qcode-partner": {
        "client-a": False,
        "client-a~2": False,
        "client-a~3": False,
        "billing~2": False,
        "team-b/billing": False,
        "team-b/spare": False,
        "team-b/kept": True,
    },
    "new-api": {"billing~3": False, "team-b/kept": True},
}
"""Which keys are on at the end of the year; what could be deleted is gone."""
