"""Progress: plain lines in a log, one changing line on a terminal."""

from __future__ import annotations

import io
import sys
from datetime import timedelta

import pytest

from reconciler.cli.progress import StderrProgress
from reconciler.cli.terminal import Look
from reconciler.core.plan import Action, Operation, Reason
from reconciler.core.report import Outcome, Status
from tests.clocks import START, FakeClock


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Claim to be one."""
        return True


def _progress(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> StderrProgress:
    monkeypatch.setattr(sys, "stderr", stream)
    look = Look(width=40, color=False, ascii_only=False)
    return StderrProgress(stream=stream, look=look, clock=FakeClock())


def _action(name: str = "client-a") -> Action:
    return Action(
        op=Operation.CREATE, account="one", name=name, incarnation=name, remote_id=None, reason=Reason.NEW
    )


def test_a_log_hears_of_long_waits_and_their_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait is told with its reason and the time it ends; up to two seconds it is not worth a line."""
    log = io.StringIO()
    progress = _progress(monkeypatch, log)

    progress.waiting("short", START + timedelta(seconds=2))
    progress.waiting("5 creates an hour", START + timedelta(seconds=90))
    progress.close()

    assert log.getvalue() == "waiting until 12:01:30 UTC: 5 creates an hour\n"


def test_threads_that_wait_together_are_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same reason and moment is told once, a later one again."""
    log = io.StringIO()
    progress = _progress(monkeypatch, log)

    for milliseconds in (0, 300, 600):
        progress.waiting("60 requests a minute", START + timedelta(seconds=30, milliseconds=milliseconds))
    progress.waiting("60 requests a minute", START + timedelta(seconds=90))

    assert len(log.getvalue().splitlines()) == 2


def test_a_log_hears_of_finished_actions(monkeypatch: pytest.MonkeyPatch) -> None:
    """One line each, with the reason of a failure; what was done before is not told."""
    log = io.StringIO()
    progress = _progress(monkeypatch, log)

    progress.started(_action())
    progress.finished(Outcome(action=_action(), status=Status.DONE))
    progress.finished(Outcome(action=_action("b"), status=Status.ALREADY))
    progress.finished(Outcome(action=_action("c"), status=Status.FAILED, message="no; run again"))

    assert log.getvalue() == "create one/client-a: done\ncreate one/c: failed (no; run again)\n"


def test_a_terminal_has_one_changing_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes on is replaced, what has ended stays, and the line is left empty; short waits show too."""
    screen = Screen()
    progress = _progress(monkeypatch, screen)

    progress.started(_action())
    progress.waiting("one second", START + timedelta(seconds=1))
    progress.finished(Outcome(action=_action(), status=Status.DONE))
    progress.started(_action("b"))
    progress.close()
    progress.close()

    clear = "\r\x1b[K"
    assert screen.getvalue() == (
        f"create one/client-a ...{clear}waiting until 12:00:01 UTC: one second{clear}"
        f"create one/client-a: done\ncreate one/b ...{clear}"
    )


def test_a_line_on_a_terminal_is_never_folded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A folded line could not be taken back, so it is cut."""
    screen = Screen()

    _progress(monkeypatch, screen).started(_action("x" * 100))

    assert len(screen.getvalue()) == 39


@pytest.mark.parametrize("stream", [io.StringIO, Screen])
def test_foreign_names_are_harmless(monkeypatch: pytest.MonkeyPatch, stream: type[io.StringIO]) -> None:
    """A remote name cannot move the cursor or break a line."""
    shown = stream()

    _progress(monkeypatch, shown).finished(Outcome(action=_action("a\x1b[2J\nb"), status=Status.DONE))

    assert shown.getvalue() == "create one/a[2J b: done\n"
