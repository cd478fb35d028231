"""What is left of the system where POSIX is missing."""

from __future__ import annotations

import importlib.util
import os
import signal
import sys
from typing import TYPE_CHECKING

from reconciler import posix

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    import pytest


def on_windows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Return the module as it is imported on a system without any of it."""
    monkeypatch.setitem(sys.modules, "fcntl", None)
    monkeypatch.setattr(os, "supports_dir_fd", set())
    for name in ("O_NOFOLLOW", "O_NONBLOCK"):
        monkeypatch.delattr(os, name)
    monkeypatch.delattr(signal, "SIGHUP")
    spec = importlib.util.spec_from_file_location("posix_of_windows", posix.__file__)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where it is missing, flags add nothing, and a directory that cannot be opened is left alone."""
    module = on_windows(monkeypatch)

    assert (module.fcntl, module.NO_FOLLOW, module.NO_WAIT) == (None, 0, 0)
    assert module.HANG_UP is None
    module.sync_directory(tmp_path / "missing")


def test_here_all_of_it_is_there() -> None:
    """Linux and macOS have it, so nothing is left out by mistake."""
    assert posix.fcntl is not None
    assert posix.NO_FOLLOW
    assert posix.NO_WAIT
    assert posix.HAS_DIRECTORY_FD
    assert signal.SIGHUP == posix.HANG_UP
