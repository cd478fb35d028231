"""`rotate` and `disable`: the files change as a reviewer wants to see it, and the next apply agrees."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.project import Project

KEYS = """\
version: 1
defaults: {account: reseller, deliver: {sink: local}}
keys:
  # ours
  client-a:
    limits: {daily_usd: 10, total_usd: 100, concurrency: 5}   # small
    rotate_every: 30d
"""


def declared(project: Project, text: str = KEYS) -> Path:
    """Write the key file and apply it."""
    path = project.root / "keys" / "team.yaml"
    path.write_text(text)
    assert project.run("apply", "--yes").code == 0
    return path


def enabled(project: Project) -> list[bool]:
    """Return which keys are on."""
    return [row.enabled for row in project.sandbox.operator.keys("one")]


def test_a_rotation_is_asked_for_by_one_line(project: Project) -> None:
    """The patch is what changed, and `git apply` takes it."""
    path = declared(project)
    printed = project.run("rotate", "client-a", "--print")
    assert path.read_text() == KEYS
    written = project.run("rotate", "client-a")
    assert (written.code, written.stdout) == (0, printed.stdout)
    assert path.read_text() == KEYS.replace("    limits", "    generation: 2\n    limits")
    path.write_text(KEYS)
    subprocess.run(["git", "apply", "-"], cwd=project.root, input=printed.stdout, text=True, check=True)
    assert "generation: 2" in path.read_text()
    plan = project.run("plan")
    assert "the generation was raised" in plan.stdout


def test_a_leaked_key_is_replaced_by_one_command_and_one_apply(project: Project) -> None:
    """With --now the old key goes in the same apply as the new one comes; an address names a key too."""
    declared(project)
    assert project.run("rotate", "reseller/client-a", "--now").code == 0
    assert project.run("apply", "--yes").code == 0
    rows = {row.description: row.enabled for row in project.sandbox.operator.keys("one")}
    assert rows == {"client-a": False, "client-a~2": True}
    assert project.run("plan", "--detailed-exitcode").code == 0


def test_what_is_due_is_found_by_age(project: Project) -> None:
    """Nothing is due at first; with --within the files change, and nothing is due any more."""
    path = declared(project)
    early = project.run("rotate", "--due")
    assert (early.code, early.stdout, early.stderr) == (0, "", "no key is due for rotation\n")
    assert project.run("rotate", "--due", "--within", "31d").code == 0
    assert "generation: 2" in path.read_text()
    assert project.run("rotate", "--due", "--within", "31d").stdout == ""


def test_what_cannot_be_rotated_is_said_before_a_file_changes(project: Project) -> None:
    """One bad name among several changes nothing."""
    path = declared(project)
    more = KEYS + "  kept: {protected: true, limits: {total_usd: 1}}\n  gone: {state: absent}\n"
    path.write_text(more)
    refused = project.run("rotate", "client-a", "kept")
    assert refused.code == 5
    assert "reseller/kept is protected; remove `protected` at keys/team.yaml:8 first" in refused.stderr
    absent = project.run("rotate", "gone")
    assert (absent.code, "declared absent" in absent.stderr) == (1, True)
    unknown = project.run("rotate", "nobody")
    assert (unknown.code, "'nobody' is not declared" in unknown.stderr) == (1, True)
    for wrong in ([], ["--due", "client-a"], ["client-a", "--within", "3d"]):
        assert project.run("rotate", *wrong).code == 1
    assert path.read_text() == more


def test_a_key_is_switched_off_at_once_and_stays_off(project: Project) -> None:
    """The provider first, then the file, so that the next apply has nothing to do."""
    path = declared(project)
    done = project.run("disable", "client-a", "--yes")
    assert done.code == 0
    assert "+    enabled: false" in done.stderr
    assert enabled(project) == [False]
    assert "enabled: false" in path.read_text()
    assert project.run("plan", "--detailed-exitcode").code == 0
    again = project.run("disable", "client-a", "--yes", "--print")
    assert (again.code, again.stdout) == (0, "nothing to do: every one of these keys is off\n")


def test_nobody_switches_a_key_off_by_accident(project: Project) -> None:
    """Without a terminal somebody has to say --yes; on one, there is a question."""
    declared(project)
    assert project.run("disable", "client-a").code == 4
    code, screen = project.on_terminal("disable", "client-a", answer="n\n")
    assert (code, "Switch reseller/client-a off now?" in screen) == (4, True)
    assert enabled(project) == [True]
    assert project.on_terminal("disable", "client-a", answer="y\n")[0] == 0
    assert enabled(project) == [False]


def test_a_file_that_cannot_be_written_is_told(project: Project) -> None:
    """The key is off, and the user learns that the next apply would switch it on again."""
    path = declared(project)
    done = project.shell(f"ulimit -f 0; {sys.executable} -m reconciler disable client-a --yes")
    assert enabled(project) == [False]
    assert done.code == 1
    assert "could not be written" in done.stderr
    assert "the next apply would switch the keys on again" in done.stderr
    assert path.read_text() == KEYS
