"""Tests against real services: left out of a run unless it says where the service is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line("markers", "cluster: needs a Kubernetes cluster, which KUBECONFIG names")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what needs a cluster when none is named; it is collected all the same."""
    if os.environ.get("KUBECONFIG"):
        return
    left_out = [item for item in items if item.get_closest_marker("cluster")]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


@pytest.fixture(autouse=True)
def no_network() -> None:
    """Let these tests leave the machine, as they exist for that."""
