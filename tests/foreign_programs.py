"""Programs that some tests are about and that not every machine has; without one, its tests are left out."""

from __future__ import annotations

import shutil

import pytest

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="asks the real git: install git to run it")
