"""`rotate` and `disable`: the files change as a reviewer wants to see it, and the next apply agrees."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.unified_patch import apply_patch
from tests.foreign_programs import needs_git

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
    """The patch is what changed, and applying it is the same as letting the command write."""
    path = declared(project)
    printed = project.run("rotate", "client-a", "--print")
    assert path.read_text() == KEYS
    written = project.run("rotate", "client-a")
    assert (written.code, written.stdout) == (0, printed.stdout)
    assert path.read_text() == KEYS.replace("    limits", "    generation: 2\n    limits")
    path.write_text(KEYS)
    apply_patch(printed.stdout.encode(), project.root)
    assert "generation: 2" in path.read_text()
    plan = project.run("plan")
    assert "the generation was raised" in plan.stdout


FORMS = {
    "plain": KEYS,
    "a file without a last line end": KEYS.rstrip("\n"),
    "line ends of Windows": KEYS.replace("\n", "\r\n"),
    "a byte order mark": f"\ufeff{KEYS}",
}


@needs_git
@pytest.mark.parametrize("form", FORMS)
def test_git_applies_the_printed_patch(project: Project, form: str) -> None:
    """As docs/commands.md has it; the reader of patches that the other tests use makes the same of it."""
    path = write(project, FORMS[form])
    done = project.shell(
        f"{sys.executable} -m reconciler rotate client-a --print > x.patch && git apply x.patch"
    )
    assert done.code == 0, done.stderr
    by_git = path.read_bytes()
    assert b"generation: 2" in by_git
    write(project, FORMS[form])
    apply_patch((project.root / "x.patch").read_bytes(), project.root)
    assert path.read_bytes() == by_git


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


LIMITS = "{daily_usd: 10, total_usd: 100, concurrency: 5}"
HEAD = "version: 1\ndefaults: {account: reseller, generation: 3, overlap: 2h, deliver: {sink: local}}\n"


def write(project: Project, text: str, name: str = "team") -> Path:
    """Write a key file, its line ends as they are."""
    path = project.root / "keys" / f"{name}.yaml"
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["lf", "crlf"])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (f"  a: {{limits: {LIMITS}}}  # x", f"  a: {{generation: 4, limits: {LIMITS}}}  # x"),
        (f"  a: {{limits: {LIMITS},}}", f"  a: {{generation: 4, limits: {LIMITS},}}"),
        (f"  'a': {{generation: 0x7, limits: {LIMITS}}}", f"  'a': {{generation: 8, limits: {LIMITS}}}"),
        ("  a:\n    profile: p\n    overlap: 1h", "  a:\n    generation: 4\n    profile: p\n    overlap: 1h"),
        ("  a:\n    # see\n\n    profile: p", "  a:\n    # see\n\n    generation: 4\n    profile: p"),
        ("  a: { }", "  a: { generation: 4}"),
    ],
    ids=["flow", "comma", "hexadecimal", "block", "comment", "empty"],
)
def test_every_way_to_write_a_key_keeps_its_other_bytes(
    project: Project, before: str, after: str, line_end: str
) -> None:
    """A generation that `defaults` gives is raised for the one key; the patch applies as printed."""
    head = f"{HEAD}profiles: {{p: {{limits: {LIMITS}}}}}\nkeys:\n"
    old, new = (f"{head}{key}".replace("\n", line_end) for key in (before, after))
    path = write(project, old)
    python = f"{sys.executable} -m reconciler"
    done = project.shell(f"{python} rotate a --print > x.patch")
    assert (done.code, done.stderr) == (0, "")
    apply_patch((project.root / "x.patch").read_bytes(), project.root)
    assert path.read_bytes() == new.encode()
    path.write_bytes(old.encode())
    assert project.run("rotate", "a").code == 0
    assert path.read_bytes() == new.encode()


@pytest.mark.parametrize("field", ["generation: 2", "overlap: 1h"])
def test_a_profile_has_no_generation_of_its_own(project: Project, field: str) -> None:
    """What one key is at is no matter of a profile, so `rotate` never has to guess where to raise it."""
    path = write(project, f"{HEAD}profiles: {{p: {{{field}}}}}\nkeys:\n  a: {{profile: p}}\n")
    before = path.read_text()
    refused = project.run("rotate", "a")
    assert (refused.code, path.read_text()) == (3, before)
    assert "does not belong here" in refused.stderr


def test_a_byte_order_mark_stays(project: Project) -> None:
    """Some editors write one; the patch applies to the file as it is."""
    text = f"\ufeff{HEAD}keys:\n  a: {{limits: {LIMITS}}}\n"
    path = write(project, text)
    done = project.shell(f"{sys.executable} -m reconciler rotate a --print > x.patch")
    assert done.code == 0, done.stderr
    apply_patch((project.root / "x.patch").read_bytes(), project.root)
    assert path.read_bytes() == text.replace("a: {", "a: {generation: 4, ").encode()
    assert project.run("rotate", "a").code == 0
    assert path.read_bytes() == text.replace("a: {", "a: {generation: 5, ").encode()


@pytest.mark.parametrize("by", ["the settings", "the declaration"])
def test_a_protected_key_stops_no_other_rotation_of_a_schedule(project: Project, by: str) -> None:
    """It is named and passed over; asked for by name, it is refused."""
    path = declared(project, f"{KEYS}  kept: {{limits: {LIMITS}, rotate_every: 30d}}\n")
    if by == "the settings":
        project.settings("safety: {protected: [reseller/kept]}\n")
    else:
        path.write_text(path.read_text().replace("kept: {", "kept: {protected: true, "))
    assert project.run("rotate", "kept").code == 5
    done = project.run("rotate", "--due", "--within", "31d")
    assert (done.code, path.read_text().count("generation: 2")) == (0, 1)
    assert "passed over: reseller/kept is protected" in done.stderr


def test_keys_of_two_files_are_one_patch(project: Project) -> None:
    """Each file is changed once, and a name that is given twice is raised once."""
    first = write(project, f"{HEAD}keys:\n  a: {{limits: {LIMITS}}}\n  b: {{limits: {LIMITS}}}\n")
    second = write(project, f"{HEAD}keys:\n  z: {{limits: {LIMITS}}}\n", "other")
    done = project.run("rotate", "a", "z", "b", "reseller/a")
    assert (done.code, done.stdout.count("--- a/keys/")) == (0, 2)
    assert (first.read_text().count("generation: 4"), second.read_text().count("generation: 4")) == (2, 1)


@pytest.mark.parametrize("where", [".", "sub", "deep"])
def test_the_patch_applies_wherever_the_settings_are(project: Project, where: str) -> None:
    """From the directory that the command ran in, or from the one above that holds both."""
    sub = project.root / "sub"
    sub.mkdir()
    (project.root / "deep").mkdir()
    for name in ("reconciler.yaml", "keys"):
        (project.root / name).rename(sub / name)
    before = (sub / "keys" / "team.yaml").read_text()
    config = {
        ".": "sub/reconciler.yaml",
        "sub": str(sub / "reconciler.yaml"),
        "deep": "../sub/reconciler.yaml",
    }
    rotate = f"{sys.executable} -m reconciler --config {config[where]} rotate client-a --print"
    patch = project.root / "x.patch"
    done = project.shell(f"cd {where} && {rotate} > {patch}")
    assert done.code == 0, done.stderr
    apply_patch(patch.read_bytes(), project.root / ("." if where == "deep" else where))
    assert "generation: 2" in (sub / "keys" / "team.yaml").read_text()
    assert before != (sub / "keys" / "team.yaml").read_text()


def test_a_linked_key_file_stays_a_link(project: Project) -> None:
    """The file that it leads to is what changes, with its mode kept, and what the patch names."""
    link = project.root / "keys" / "team.yaml"
    real = link.rename(project.root / "real.yaml")
    real.chmod(0o640)
    link.symlink_to("../real.yaml")
    done = project.run("rotate", "client-a")
    assert "+++ b/real.yaml" in done.stdout
    assert link.is_symlink()
    assert "generation: 2" in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o640


HOSTILE = (
    "--yes",
    "-x",
    "- x",
    "a: b",
    "x;rm",
    "a'b",
    "$(id)",
    "é",
    "::warning::x",
    "null",
    "1e3",
    "#c",
    "=cmd",
)


def test_hostile_names_are_rotated_and_switched_off_like_others(project: Project) -> None:
    """Names are data in every place: arguments, YAML, the patch and the screen."""
    lines = [
        f"  {json.dumps(name)}: {{limits: {LIMITS}, deliver: {{sink: local, name: K{number}}}}}\n"
        for number, name in enumerate(HOSTILE)
    ]
    path = write(project, f"{HEAD}keys:\n{''.join(lines)}")
    limits = {"daily_usd": 10, "total_usd": 100, "concurrency": 5}
    made = [{"account": "one", "description": f"{name}~3", **limits} for name in HOSTILE]
    project.sandbox.operator.create_keys(made)
    assert project.run("rotate", "--", *HOSTILE).code == 0
    assert path.read_text().count("generation: 4") == len(HOSTILE)
    off = project.run("disable", "--yes", "--", *HOSTILE)
    assert off.code == 0, off.stderr
    assert not any(enabled(project))
    assert not re.search(r"^::", off.stdout + off.stderr, re.MULTILINE)
    assert path.read_text().count("enabled: false") == len(HOSTILE)


def test_a_typo_among_names_changes_nothing(project: Project) -> None:
    """Neither at the provider nor in a file."""
    path = declared(project)
    refused = project.run("disable", "client-a", "client-aa", "--yes")
    assert (refused.code, "'client-aa' is not declared" in refused.stderr) == (1, True)
    assert (enabled(project), path.read_text()) == ([True], KEYS)


def test_a_sink_that_cannot_be_read_keeps_no_key_on(project: Project) -> None:
    """Damaged receipts, and a sink whose credentials are not here, are no matter of a disable."""
    declared(project)
    (project.root / ".secrets" / "keys.env.receipts.json").write_text("{")
    assert project.run("plan").code == 1
    assert project.run("disable", "client-a", "--yes").code == 0
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
