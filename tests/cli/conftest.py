"""A sandbox and a project in front of it, for every test of the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reconciler.sandbox.server import SandboxServer
from tests.cli.project import Project, default_signals

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    """Serve the simulated provider on loopback."""
    with SandboxServer() as server:
        yield server


@pytest.fixture
def project(tmp_path: Path, sandbox: SandboxServer) -> Project:
    """Return a directory that declares one key."""
    default_signals()
    return Project.create(tmp_path, sandbox)
