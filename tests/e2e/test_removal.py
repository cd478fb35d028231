"""What keeps keys from going that nobody meant to remove, and what becomes of those that went."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.core.plan import Operation as Op
from reconciler.errors import ExitCode
from reconciler.sandbox.server import SandboxServer
from tests.e2e.timeline import DAY, Timeline
from tests.e2e.year import LIVED_ON

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow
NAMES = ("a", "b", "c", "d", "e")


@pytest.fixture(params=LIVED_ON, ids=lambda server: server.name)
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Timeline]:
    """Return five applied keys in a namespace, whose account disables what is not declared."""
    with SandboxServer() as sandbox:
        sandbox.operator.no_limits(request.param.name)
        team = Timeline.begin(request.param, sandbox, tmp_path / "project")
        limits = {"total_usd": 100} if team.family else {"total_usd": 100, "daily_usd": 1, "concurrency": 1}
        team.settings["accounts"]["reseller"] |= {"namespace": "t", "undeclared": "disable"}
        team.keys = {
            "version": 1,
            "defaults": {"account": "reseller", "deliver": {"sink": "local"}},
            "keys": {name: {"limits": limits} for name in NAMES},
        }
        team.write()
        team.apply(*((Op.CREATE, f"t/{name}") for name in NAMES))
        yield team


def drop(team: Timeline, *names: str) -> dict[str, Any]:
    """Take keys out of the file, and return what it said about them."""
    said = {name: team.keys["keys"].pop(name) for name in names}
    team.write()
    return said


def all_on(team: Timeline) -> bool:
    """Tell whether nothing was removed."""
    return team.states() == {f"t/{name}": True for name in NAMES}


@pytest.mark.parametrize(("word", "told"), [("report", True), ("ignore", False)])
def test_keys_that_left_the_file_stay_where_nothing_else_was_asked(
    team: Timeline, word: str, *, told: bool
) -> None:
    """`report` names them in the plan, `ignore` does not."""
    team.settings["accounts"]["reseller"]["undeclared"] = word
    drop(team, "b")
    shown = team.run("plan", "--detailed-exitcode").stdout
    assert ("t/b" in shown) is told
    team.run("apply", "--yes")
    assert all_on(team)


def test_a_file_that_lost_every_key_removes_nothing(team: Timeline) -> None:
    """No key at all is a lost file more often than a wish, so a person has to say it."""
    drop(team, *NAMES)
    refused = team.run("apply", "--yes", code=ExitCode.REFUSED)
    assert "declare at least one, or use `undeclared: report`" in refused.stdout + refused.stderr
    assert all_on(team)


def test_many_removals_need_a_permission_that_ends(team: Timeline) -> None:
    """`allow` lets four keys go where three are the limit, until its day is over."""
    drop(team, "a", "b", "c", "d")
    refused = team.run("apply", "--yes", code=ExitCode.REFUSED)
    assert "4 disables, and max_disables is 3" in refused.stderr
    team.settings["allow"] = {"disables": 4, "until": f"{team.today:%Y-%m-%d}", "reason": "team a is gone"}
    team.write()
    team.run("plan", "-o", "plan.json")
    team.pass_time(2 * DAY, "nobody applied it")
    team.run("apply", "plan.json", "--yes", code=ExitCode.REFUSED)
    assert all_on(team)
    team.settings["allow"]["until"] = f"{team.today + timedelta(days=1):%Y-%m-%d}"
    team.write()
    team.apply(*((Op.DISABLE, f"t/{name}") for name in "abcd"))
    assert [name for name, on in team.states().items() if on] == ["t/e"]


def test_protected_keys_outlive_their_declaration(team: Timeline) -> None:
    """The settings protect by pattern; keys beside them go."""
    team.settings["safety"] = {"protected": ["reseller/[ab]"]}
    drop(team, "a", "c")
    done = team.run("apply", "--yes", code=ExitCode.REFUSED)
    assert "reseller/a is protected" in done.stdout + done.stderr
    assert (team.states()["t/a"], team.states()["t/c"]) == (True, False)


def test_a_list_that_was_cut_removes_nothing(team: Timeline) -> None:
    """Half of an answer is an error, and so is a list that is not all there, or that nobody can read."""
    drop(team, "b")
    operator = team.sandbox.operator
    operator.add_fault("truncate", method="GET", times=None)
    done = team.run("apply", "--yes", "--deadline", "5s", codes=(ExitCode.ERROR, ExitCode.DEFERRED))
    assert "Traceback" not in done.stderr
    operator.clear_faults()
    if team.family:
        operator.set_switches(team.server.name, list_total="too_high")
    else:
        operator.set_switches(list_shape="unknown")
    team.run("apply", "--yes", code=ExitCode.ERROR)
    assert all_on(team)


def test_a_name_that_comes_back_is_the_key_that_was_switched_off(team: Timeline) -> None:
    """It is not minted again; the plan says that it is off, and one word switches it on."""
    said = drop(team, "b")
    team.apply((Op.DISABLE, "t/b"))
    team.keys["keys"] |= said
    team.write()
    (note,) = team.plan()
    assert note == "reseller/b is off and stays off; declare `enabled: true`, or `false` if that is meant"
    team.keys["keys"]["b"]["enabled"] = True
    team.write()
    team.apply((Op.ENABLE, "t/b"))
    assert all_on(team)


def test_the_name_of_a_deleted_key_comes_back_with_a_new_generation(team: Timeline) -> None:
    """Its secret is still in the sink, so the same incarnation is never minted a second time."""
    team.settings["safety"] = {"max_deletes": 1}
    team.keys["keys"]["b"]["state"] = "absent"
    team.write()
    team.apply((Op.DELETE if team.family else Op.DISABLE, "t/b"))
    del team.keys["keys"]["b"]["state"]
    team.write()
    if team.family:
        blocked = team.run("apply", "--yes", code=ExitCode.REFUSED)
        assert "raise `generation`" in blocked.stdout + blocked.stderr
    team.keys["keys"]["b"]["generation"] = 2
    team.write()
    team.apply((Op.CREATE, "t/b~2"))
    assert team.receipts()["B"]["generation"] == 2
