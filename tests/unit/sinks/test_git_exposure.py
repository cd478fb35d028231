"""Whether git would publish a file."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import SinkRefusedError
from reconciler.ports.sink import Entry
from reconciler.sinks import _git_exposure as git_exposure
from reconciler.sinks import dotenv
from reconciler.sinks._git_exposure import exposure
from tests.foreign_programs import needs_git

if TYPE_CHECKING:
    from pathlib import Path

ENTRY = Entry(name="A", address="reseller/a", origin="https://api.example")


def git(directory: Path, *arguments: str) -> None:
    """Run git in a directory."""
    subprocess.run(["git", *arguments], cwd=directory, check=True, capture_output=True)


def preflight(path: Path, **options: object) -> None:
    """Ask a dotenv sink whether it can be written."""
    dotenv.build({"path": path, **options}).preflight([ENTRY])


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A work tree."""
    git(tmp_path, "init", "-q", "--template=", ".")
    return tmp_path


def test_outside_of_git_nothing_is_exposed(tmp_path: Path) -> None:
    """Without a work tree there is nothing to publish from."""
    preflight(tmp_path / "keys.env")


@needs_git
@pytest.mark.parametrize("pattern", [".secrets/", "keys.env*"])
def test_an_ignored_file_is_accepted(clone: Path, pattern: str) -> None:
    """The directory need not exist yet, and a link to it makes no difference."""
    (clone / ".gitignore").write_text(f"{pattern}\n", "utf-8")
    (clone / "link").symlink_to(".secrets")

    preflight(clone / ".secrets" / "keys.env")
    (clone / ".secrets").mkdir(mode=0o700)
    preflight(clone / ".secrets" / "keys.env")
    preflight(clone / "link" / "keys.env")


@needs_git
@pytest.mark.parametrize("patterns", ["", "/keys.env\n", "/keys.env\n/keys.env.receipts.json\n"])
def test_a_file_that_git_would_add_is_refused(clone: Path, patterns: str) -> None:
    """The file, its receipts and what a killed run leaves have to be ignored; the remedy says how."""
    (clone / ".gitignore").write_text(patterns, "utf-8")

    with pytest.raises(SinkRefusedError, match=r"add `keys\.env\*` to .*\.gitignore"):
        preflight(clone / "keys.env")
    preflight(clone / "keys.env", allow_tracked=True)


@needs_git
@pytest.mark.parametrize("tracked", ["keys.env", "keys.env.receipts.json"])
def test_a_tracked_file_is_refused_even_when_it_is_ignored(clone: Path, tracked: str) -> None:
    """Git goes on publishing what it tracks."""
    (clone / tracked).touch()
    git(clone, "add", "-f", tracked)
    (clone / ".gitignore").write_text("keys.env*\n", "utf-8")

    with pytest.raises(SinkRefusedError, match="git rm --cached"):
        preflight(clone / "keys.env")


@needs_git
def test_names_are_no_patterns(clone: Path) -> None:
    """A tracked file that a pattern would match is another file."""
    (clone / ".gitignore").write_text(r"\[k\]eys*" + "\n", "utf-8")
    (clone / "keys").touch()
    git(clone, "add", "keys")

    assert exposure([clone / "[k]eys"]) is None


@needs_git
def test_the_inside_of_a_repository_is_no_work_tree(clone: Path) -> None:
    """Nothing under .git is ever added."""
    assert exposure([clone / ".git" / "keys.env"]) is None


@needs_git
def test_variables_of_git_do_not_lead_astray(
    clone: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Inside a hook, git would look at another repository."""
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q", "--template=", ".")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    (clone / ".gitignore").write_text("keys.env*\n", "utf-8")

    assert exposure([clone / "keys.env"]) is None


def test_without_git_a_file_outside_of_work_trees_is_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine needs no git as long as there is nothing to ask it about."""
    monkeypatch.setenv("PATH", str(tmp_path))

    preflight(tmp_path / "keys.env")


@pytest.mark.parametrize("linked", [False, True], ids=["clone", "linked-work-tree"])
def test_without_git_a_file_in_a_work_tree_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, linked: bool
) -> None:
    """A container without git may write into a checkout that its host publishes from."""
    mark = tmp_path / ".git"
    if linked:
        mark.write_text("gitdir: elsewhere\n", "utf-8")
    else:
        mark.mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(SinkRefusedError, match="install git, or set `allow_tracked: true`"):
        preflight(tmp_path / ".secrets" / "keys.env")
    preflight(tmp_path / ".secrets" / "keys.env", allow_tracked=True)


@pytest.mark.parametrize(
    "script",
    ["echo 'fatal: detected dubious ownership in repository' >&2; exit 128", "exec sleep 30"],
    ids=["refuses", "hangs"],
)
def test_where_git_does_not_answer_the_path_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """Nothing is assumed in favour of the path."""
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n", "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(git_exposure, "_TIMEOUT_SECONDS", 0.3)

    assert "cannot tell" in (exposure([tmp_path / "keys.env"]) or "")
