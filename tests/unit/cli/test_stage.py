"""The demo's stage: a claim that does not hold ends the story."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reconciler.cli.stage import Stage, StoryError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_wrong_exit_code_ends_the_story(tmp_path: Path) -> None:
    """A command that ends otherwise than told is an error of the demo."""
    stage = Stage(folder=tmp_path, environment=os.environ)

    with pytest.raises(StoryError, match="exit code 0"):
        stage.run("validate")

    assert "reconciler.yaml" in stage.heard
