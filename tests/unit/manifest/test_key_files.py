"""Which files the patterns in the settings name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.manifest import key_files
from reconciler.manifest.key_files import find_key_files, matching_files
from reconciler.manifest.source_files import SourceFile
from reconciler.manifest.tree import parse

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project


def found(*patterns: str) -> tuple[list[str], list[str]]:
    """Return the names and the problems for some patterns."""
    tree = parse("keys:\n" + "".join(f"- {pattern!r}\n" for pattern in patterns), "reconciler.yaml")
    files, problems = find_key_files(SourceFile(path=Path("reconciler.yaml"), shown="reconciler.yaml"), tree)
    return [file.shown for file in files], [str(problem) for problem in problems]


@pytest.fixture
def files(project: Project) -> Project:
    """A handful of files at several depths."""
    for name in (
        "reconciler.yaml",
        "keys/a.yaml",
        "keys/b.yaml",
        "keys/.c.yaml",
        "keys/x/d.yaml",
        "keys/x/y/e.yaml",
        "keys/f.txt",
    ):
        project.write(name, "")
    return project


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("keys/*.yaml", ["keys/a.yaml", "keys/b.yaml"]),
        ("keys/a.yaml", ["keys/a.yaml"]),
        ("keys/[ab].yaml", ["keys/a.yaml", "keys/b.yaml"]),
        ("keys/**/*.yaml", ["keys/a.yaml", "keys/b.yaml", "keys/x/d.yaml", "keys/x/y/e.yaml"]),
        ("**/**/e.yaml", ["keys/x/y/e.yaml"]),
        ("keys/*/*.yaml", ["keys/x/d.yaml"]),
        ("keys/.*.yaml", ["keys/.c.yaml"]),
        ("keys/?", []),
    ],
)
def test_patterns_name_files(pattern: str, names: list[str]) -> None:
    """Directories never count, hidden files only when they are asked for."""
    assert sorted(str(path) for path in matching_files(Path(), pattern)) == names


@pytest.mark.usefixtures("files")
def test_a_file_counts_once_and_the_settings_never() -> None:
    """Patterns may overlap."""
    Path("keys/link.yaml").symlink_to("a.yaml")
    assert found("*.yaml", "keys/*.yaml", "keys/a.yaml")[0] == ["keys/a.yaml", "keys/b.yaml"]


@pytest.mark.usefixtures("files")
def test_a_pattern_that_matches_nothing_is_a_problem_at_its_place() -> None:
    """A misspelt pattern must not look like an empty declaration."""
    names, problems = found("keys/a.yaml", "kyes/*.yaml", "*.yaml", "keys")
    sentence = "this pattern matches no file; correct it, or write for example keys/*.yaml"
    assert names == ["keys/a.yaml"]
    assert problems == [f"reconciler.yaml:{line}:3: {sentence}" for line in (3, 4, 5)]


@pytest.mark.usefixtures("files")
def test_links_to_directories_make_no_loop() -> None:
    """`**` does not follow them; a named directory may be a link."""
    Path("keys/again").symlink_to(".")
    assert found("keys/**/e.yaml") == (["keys/x/y/e.yaml"], [])
    assert found("keys/again/a.yaml")[0] == ["keys/again/a.yaml"]


@pytest.mark.usefixtures("files")
def test_malformed_patterns_are_left_to_validation() -> None:
    """They are not followed."""
    assert found("../*.yaml", "/etc/*") == ([], [])
    tree = parse("keys: keys/*.yaml", "f")
    assert find_key_files(SourceFile(path=Path("f"), shown="f"), tree) == ([], [])


@pytest.mark.usefixtures("files")
def test_too_many_files_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit, and it ends the search."""
    monkeypatch.setattr(key_files, "MAX_FILES", 1)
    assert found("keys/*.yaml") == (
        [],
        ["reconciler.yaml:2:3: this pattern matches more than 1 files; join some, or narrow it"],
    )


@pytest.mark.usefixtures("files")
def test_a_directory_that_cannot_be_read_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files missed in silence would look undeclared, and their keys might be disabled."""
    real = os.scandir

    def refuse(path: Path) -> object:
        # The permission bits say nothing to root, who runs many CI jobs.
        if path.name == "x":
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", refuse)
    assert found("keys/**/*.yaml")[1] == [
        (
            "reconciler.yaml:2:3: this pattern leads to a directory that cannot be read (Permission denied); "
            "check its permissions"
        )
    ]
