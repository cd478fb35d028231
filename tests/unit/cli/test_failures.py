"""From an exception to a message and an exit code; nothing of its values gets out."""

from __future__ import annotations

import errno
import gc
import io
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from reconciler.cli.failures import exit_code_of
from reconciler.errors import ExitCode, ManifestError, Problem, ReconcilerError, SafetyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CANARY = "cr_Cb1h6kBovq1ZtUowuNzky0B31O99h2My"


@pytest.fixture(autouse=True)
def hooks() -> Iterator[None]:
    """Put the hooks of the interpreter back."""
    before = sys.excepthook, threading.excepthook, sys.unraisablehook
    yield
    sys.excepthook, threading.excepthook, sys.unraisablehook = before


def raising(error: BaseException) -> Callable[[], int]:
    """Return a program that ends with an exception."""

    def run() -> int:
        raise error

    return run


def test_a_result_is_passed_on() -> None:
    """A command that returns decides the code."""
    assert exit_code_of(lambda: ExitCode.CHANGES) == 2


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (SafetyError("too much\nby far"), 5, "error: too much\nerror: by far\n"),
        (ReconcilerError("a\x1b[2Jb"), 1, "error: a[2Jb\n"),
        (KeyboardInterrupt(), 130, "error: interrupted\n"),
        (click.Abort(), 130, "error: interrupted\n"),
        (click.UsageError("no such thing"), 1, "Error: no such thing\n"),
        (OSError(errno.ENOSPC, CANARY, "file"), 1, "error: file: No space left on device; "),
        (OSError(CANARY), 1, "error: OSError; "),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_each_kind(capfd: pytest.CaptureFixture[str], error: BaseException, code: int, text: str) -> None:
    """Each kind of error has its code and is told on stderr, harmlessly."""
    assert exit_code_of(raising(error)) == code
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err.startswith(text)
    assert CANARY not in output.err


def test_a_directory_that_is_gone_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The error of the system says only that there is no such file, and not which."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()

    assert exit_code_of(lambda: len(str(Path.cwd()))) == 1
    assert capsys.readouterr().err.startswith("error: the current directory does not exist any more; change")


def test_a_reader_who_has_gone_does_not_change_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left in the buffer finds nobody; the run ended as it ended."""

    class Gone(io.StringIO):
        def flush(self) -> None:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Gone())

    assert exit_code_of(lambda: ExitCode.CUSTODY) == 8


def test_problems_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """Problems keep the form that editors and terminals can click on."""
    problem = Problem(file="keys/a.yaml", line=3, column=5, message="wrong; mend it")

    assert exit_code_of(raising(ManifestError([problem]))) == 3
    assert "keys/a.yaml:3:5: wrong; mend it\n" in capsys.readouterr().err


def test_a_bug_shows_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    """An unexpected exception is told by type alone: text, arguments and causes may hold a secret."""
    error = KeyError(CANARY)
    error.add_note(CANARY)
    error.__cause__ = ValueError(CANARY)

    assert exit_code_of(raising(error)) == 1
    output = capsys.readouterr()
    assert output.err.startswith("error: internal error: KeyError")
    assert CANARY not in output.out + output.err


def test_a_bug_of_ours_shows_its_place(capsys: pytest.CaptureFixture[str]) -> None:
    """A frame of the package is named by file and line."""
    from reconciler.core.fields import money  # noqa: PLC0415  # any function that can fail

    assert exit_code_of(lambda: money(None)) == 1  # type: ignore[arg-type]  # the bug
    assert "ValueError at reconciler/core/fields.py:" in capsys.readouterr().err


def test_threads_and_destructors_show_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    """The interpreter's own tracebacks keep quiet too."""

    class Careless:
        def __del__(self) -> None:
            raise RuntimeError(CANARY)

    def run() -> int:
        thread = threading.Thread(target=raising(RuntimeError(CANARY)))
        thread.start()
        thread.join()
        Careless()
        gc.collect()
        sys.excepthook(RuntimeError, RuntimeError(CANARY), None)
        return 0

    assert exit_code_of(run) == 0
    error = capsys.readouterr().err
    assert error.count("internal error: RuntimeError") == 3
    assert CANARY not in error
