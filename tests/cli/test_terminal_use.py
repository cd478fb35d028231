"""What changes when a person watches: colours, the question before an apply, the line that changes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.cli.project import Project

ESCAPE = "\x1b["


def test_colours_on_a_terminal(project: Project) -> None:
    """A terminal gets colours, a pipe none."""
    code, screen = project.on_terminal("plan")

    assert code == 0
    assert ESCAPE in screen
    assert ESCAPE not in project.run("plan").stdout


@pytest.mark.parametrize(
    ("arguments", "environment"),
    [(("plan",), {"NO_COLOR": "1"}), (("--no-color", "plan"), {}), (("plan",), {"TERM": "dumb"})],
)
def test_no_colours_where_they_are_not_wanted(
    project: Project, arguments: tuple[str, ...], environment: dict[str, str]
) -> None:
    """NO_COLOR, --no-color and a dumb terminal each switch colours off."""
    assert ESCAPE not in project.on_terminal(*arguments, **environment)[1]


def test_an_apply_asks_and_no_is_no(project: Project) -> None:
    """Nothing but a clear yes applies: Enter alone changes nothing and ends with 4."""
    code, screen = project.on_terminal("apply", answer="\n")

    assert code == 4
    assert "reseller/client-a" in screen
    assert "not approved" in screen
    assert project.writes() == []


def test_an_apply_asks_and_yes_applies(project: Project) -> None:
    """The answer yes to the shown plan is its review."""
    code, screen = project.on_terminal("--no-color", "apply", answer="y\n")

    assert code == 0
    assert screen.index("Digest: sha256:") < screen.index("Apply this plan?")
    assert len(project.live("client-a")) == 1


def test_ctrl_c_at_the_question(project: Project) -> None:
    """Ctrl-C in place of an answer ends with 130 and changes nothing."""
    code, _ = project.on_terminal("apply", answer="\x03")

    assert code == 130
    assert project.writes() == []


def test_nothing_is_asked_when_there_is_nothing_to_do(project: Project) -> None:
    """A terminal with an empty plan sees no question."""
    assert project.run("apply", "--yes").code == 0

    code, screen = project.on_terminal("apply")

    assert code == 0
    assert "nothing to do" in screen
    assert "Apply this plan?" not in screen


def test_a_digest_is_review_enough_on_a_terminal(project: Project) -> None:
    """Who hands over the expected digest is not asked again."""
    digest = project.plan_file()["digest"]

    code, screen = project.on_terminal("apply", "--expect-digest", digest)

    assert code == 0
    assert "Apply this plan?" not in screen


FULL = Path("/dev/full")  # Linux has it, macOS does not
CLI = f"{sys.executable} -m reconciler"


@pytest.mark.parametrize("closed", ["1>&-", "2>&-", "0<&- 1>&- 2>&-"])
def test_closed_streams_change_nothing(project: Project, closed: str) -> None:
    """A service manager may close any of them; the work is done and the exit code is the true one."""
    done = project.shell(f"{CLI} apply --yes {closed}")

    assert "internal error" not in done.stderr
    assert (done.code, len(project.live("client-a"))) == (0, 1)
    assert project.shell(f"{CLI} drift {closed}").code == 0


@pytest.mark.parametrize(("full", "code"), [("1>/dev/full", 1), ("2>/dev/full", 0)] if FULL.exists() else [])
def test_streams_that_are_full_have_a_documented_exit_code(project: Project, full: str, code: int) -> None:
    """A lost result is an error, lost remarks are none; the interpreter's 120 is in no table."""
    done = project.shell(f"{CLI} apply --yes {full}")

    assert done.code == code
    assert "internal error" not in done.stderr
    assert len(project.live("client-a")) == 1
