"""SIGINT, SIGTERM and SIGHUP in the middle of a run."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import subprocess

    from tests.cli.project import Project

LIMITS = "daily_usd: 10, total_usd: 100, concurrency: 5"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_lets_the_key_in_hand_finish(project: Project, number: signal.Signals, code: int) -> None:
    """The key whose create is under way is delivered and raised to its limits; the next is not begun."""
    project.keys(client_a=LIMITS, client_b=LIMITS)
    process = _held_at(project, "POST")

    process.send_signal(number)
    _await_notice(process)
    project.sandbox.operator.release()
    done = project.finish(process)

    report = json.loads((project.root / "report.json").read_text())
    assert done.code == code
    assert (report["outcome"], report["exit_code"]) == ("interrupted", code)
    assert [action["status"] for action in report["actions"]] == ["done", "not_attempted"]
    assert list(project.held().values()) == project.sandbox.operator.secrets()
    assert project.live("client-a")[0].daily_usd == 10
    assert project.run("apply", "--yes").code == 0
    assert (len(project.live("client-a")), len(project.live("client-b"))) == (1, 1)


def test_a_second_signal_changes_nothing(project: Project) -> None:
    """Impatience does not lose a secret: the drain goes on, and the first signal decides the code."""
    process = _held_at(project, "POST")

    process.send_signal(signal.SIGTERM)
    _await_notice(process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    project.sandbox.operator.release()
    done = project.finish(process)

    assert done.code == 0, "the last key was in hand, so nothing is left to do"
    assert list(project.held().values()) == project.sandbox.operator.secrets()


def test_a_signal_ends_a_wait_for_a_rate_limit(project: Project) -> None:
    """Nobody waits out an hour after Ctrl-C; what was done stays done."""
    project.keys(**{f"client_{number}": LIMITS for number in range(6)})
    process = project.start("apply", "--yes", "--deadline", "2h")
    assert process.stderr is not None
    line = next(line for line in process.stderr if line.startswith("waiting until"))

    process.send_signal(signal.SIGINT)
    done = project.finish(process)

    assert "UTC" in line
    assert done.code == 130
    assert len(project.held()) == 5


def test_a_signal_ends_a_wait_before_anything_was_written(project: Project) -> None:
    """A wait while the keys are read is cut short too; there is no report, for nothing was applied."""
    project.sandbox.operator.add_fault(
        "status", method="GET", status=429, headers={"Retry-After": "80"}, times=None
    )
    process = project.start("apply", "--yes", "--report", "report.json")
    assert process.stderr is not None
    assert any(line.startswith("waiting until") for line in process.stderr)

    process.send_signal(signal.SIGTERM)
    done = project.finish(process)

    assert (done.code, done.stdout) == (143, "")
    assert not (project.root / "report.json").exists()


def test_a_signal_ends_a_plan_at_once(project: Project) -> None:
    """A run that only reads has nothing to finish, not even the request that it waits for."""
    process = _held_at(project, "GET", "plan")

    process.send_signal(signal.SIGTERM)
    done = project.finish(process)
    project.sandbox.operator.release()

    assert (done.code, done.stdout) == (143, "")


def _held_at(project: Project, method: str, *command: str) -> subprocess.Popen[str]:
    """Start a command, by default an apply, and return when its first such request hangs at the provider."""
    event = "answer" if method == "GET" else "committed"
    project.sandbox.operator.add_fault("hold", method=method, path="/keys", event=event)
    process = project.start(*(command or ("apply", "--yes", "--report", "report.json")))
    assert project.sandbox.operator.holds(wait_seconds=20)
    return process


def _await_notice(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    assert any("finishing the key in hand" in line for line in process.stderr)
