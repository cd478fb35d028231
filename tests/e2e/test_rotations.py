"""Rotations that meet trouble: several sinks of which one fails, kills at every moment, and schedules."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from reconciler.core.plan import Operation as Op
from reconciler.errors import ExitCode
from reconciler.sandbox.server import SandboxServer
from tests.e2e.kill_moments import Kill, Moment
from tests.e2e.kill_oracle import without_a_key, wrong
from tests.e2e.kill_rounds import case_of
from tests.e2e.timeline import DAY, HOUR, Timeline
from tests.e2e.year import LIVED_ON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.e2e.kill_stage import Stage

pytestmark = pytest.mark.slow

# The create is the second request, the raise of the new key the fourth, the end of the old one the sixth.
MOMENTS = [
    *[Moment(2, event) for event in ("head", "body", "committed", "half", "answer")],
    *[Moment(4, event) for event in ("head", "committed", "answer")],
    *[Moment(6, event) for event in ("head", "body", "committed", "half", "answer")],
]


@pytest.mark.parametrize("resumed", ["the saved plan", "a new plan"])
@pytest.mark.parametrize("moment", MOMENTS, ids=str)
def test_a_leaked_key_is_gone_whenever_its_rotation_was_killed(
    stage: Stage, moment: Moment, resumed: str
) -> None:
    """ROTATE and RETIRE in one plan: at the end one key is on, it is the new one, and the sink holds it."""
    case = case_of(stage, "qcode", "replace")
    stage.begin(case)
    assert stage.run("plan", "-o", "plan.json").code == 0
    killed = stage.run("apply", "plan.json", "--yes", stop=Kill(at=moment))
    assert killed.code == -signal.SIGKILL
    assert without_a_key(stage, case) == []

    saved = ("plan.json",) if resumed == "the saved plan" else ()
    finished = stage.run("apply", *saved, "--yes")

    assert finished.code == 0, finished.stderr + finished.stdout
    assert wrong(stage, case, stops=1) == []
    assert stage.run("plan", "--detailed-exitcode").code == 0


@pytest.fixture(params=LIVED_ON, ids=lambda server: server.name)
def life(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Timeline]:
    """Return an applied key that is delivered to two files."""
    with SandboxServer() as sandbox:
        sandbox.operator.no_limits(request.param.name)
        life = Timeline.begin(request.param, sandbox, tmp_path / "project")
        limits = {"total_usd": 100} if life.family else {"total_usd": 100, "daily_usd": 1, "concurrency": 1}
        life.settings["sinks"]["other"] = {"type": "json", "path": "other/keys.json"}
        places = [{"sink": "local"}, {"sink": "other", "name": "a"}]
        life.keys = {
            "version": 1,
            "defaults": {"account": "reseller"},
            "keys": {"a": {"rotate_every": "30d", "limits": limits, "deliver": places}},
        }
        life.write()
        life.apply((Op.CREATE, "a"))
        yield life


@pytest.mark.parametrize("now", [False, True], ids=["overlap", "leaked"])
def test_the_old_key_stays_until_every_sink_has_the_new_one(life: Timeline, *, now: bool) -> None:
    """A sink that fails at the rotation costs nobody a working key; the next apply finishes."""
    life.run("rotate", "a", *(["--now"] if now else []))
    store = life.project.root / "other" / "keys.json"
    before = store.read_bytes()
    store.unlink()
    store.mkdir()
    life.run("apply", "--yes", codes=(ExitCode.CUSTODY, ExitCode.ERROR))
    assert life.states()["a"] is True
    store.rmdir()
    store.write_bytes(before)
    life.run("apply", "--yes")
    on = {name for name, enabled in life.states().items() if enabled}
    newest = max(name for name in on if name != "a")
    assert on == ({newest} if now else {"a", newest})
    life.look()
    life.run("plan", "--detailed-exitcode")
    life.pass_time(DAY + HOUR, "the overlap is over")
    life.run("apply", "--yes")
    assert [name for name, enabled in life.states().items() if enabled] == [newest]


def test_what_is_due_is_asked_for_once(life: Timeline) -> None:
    """A schedule that runs again before the pull request is merged, or applied, raises nothing twice."""
    life.pass_time(30 * DAY, "`rotate_every` is over")
    assert "generation" in life.run("rotate", "--due").stdout
    text = life.key_file.read_text()
    again = life.run("rotate", "--due")
    assert (again.stdout, again.stderr) == ("", "no key is due for rotation\n")
    assert life.key_file.read_text() == text
    life.run("apply", "--yes")
    assert life.run("rotate", "--due").stdout == ""
    life.pass_time(30 * DAY, "and the successor is due in turn")
    assert "-    generation: 2\n+    generation: 3" in life.run("rotate", "--due").stdout


def test_a_checkout_that_is_read_only_still_gets_its_patch(life: Timeline) -> None:
    """The files stay as they are with `--print`, and a write that fails comes after the patch."""
    life.key_file.parent.chmod(0o555)
    text = life.key_file.read_text()
    assert "+    generation: 2" in life.run("rotate", "a", "--print").stdout
    done = life.run("rotate", "a", codes=(ExitCode.OK, ExitCode.ERROR))
    life.key_file.parent.chmod(0o755)
    assert "+    generation: 2" in done.stdout
    assert done.code == ExitCode.OK or life.key_file.read_text() == text
