"""A project directory for every test of the manifest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.manifest.projects import Project

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    """An empty directory, which is also the working directory."""
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
