"""Reading files: regular, bounded, inside the settings' directory."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reconciler.errors import ManifestError
from reconciler.manifest.source_files import SourceFile, display_name, read_inside, read_regular

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project


def refusal(project: Project, name: str) -> str:
    """Return the problem of reading a file."""
    source = SourceFile(path=project.root / name, shown=name)
    with pytest.raises(ManifestError) as caught:
        read_inside(source, project.root.resolve(), most_mb=1)
    (problem,) = caught.value.problems
    return str(problem)


def test_a_file_and_a_link_inside_are_read(project: Project) -> None:
    """Links are fine as long as they stay inside."""
    project.write("a.yaml", "x")
    (project.root / "b.yaml").symlink_to("a.yaml")
    for name in ("a.yaml", "b.yaml"):
        source = SourceFile(path=Path(name), shown=name)
        assert read_inside(source, project.root.resolve(), most_mb=1) == b"x"


def test_a_link_out_of_the_directory_is_refused(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Otherwise a pull request could read the runner's files."""
    outside = tmp_path_factory.mktemp("outside") / "secret.yaml"
    outside.write_text("x")
    (project.root / "file.yaml").symlink_to(outside)
    (project.root / "folder").symlink_to(outside.parent)
    expected = "the file leads out of the settings' directory; move the file inside"
    assert refusal(project, "file.yaml") == f"file.yaml:1:1: {expected}"
    assert refusal(project, "folder/secret.yaml") == f"folder/secret.yaml:1:1: {expected}"


def test_a_pipe_is_refused_without_waiting(project: Project) -> None:
    """Nobody may ever write to it."""
    os.mkfifo(project.root / "pipe.yaml")
    assert refusal(project, "pipe.yaml").startswith(
        "pipe.yaml:1:1: the file is not a regular file; use plain files"
    )


def test_a_directory_is_no_file(project: Project) -> None:
    """Even where it is named like one."""
    (project.root / "d.yaml").mkdir()
    assert "the file cannot be read (Is a directory)" in refusal(project, "d.yaml")


def test_a_large_file_is_refused(project: Project) -> None:
    """The limit is a setting, and the sentence names it."""
    (project.root / "big.yaml").write_bytes(b"#" * (1 << 20))
    assert (
        len(read_inside(SourceFile(path=Path("big.yaml"), shown=""), project.root.resolve(), most_mb=1))
        == 1 << 20
    )
    (project.root / "big.yaml").write_bytes(b"#" * ((1 << 20) + 1))
    assert refusal(project, "big.yaml") == (
        "big.yaml:1:1: the file is larger than 1 MiB; use plain files of at most `max_file_mb` MiB (settings)"
    )


def test_missing_files_and_loops_are_problems(project: Project) -> None:
    """With the reason of the operating system."""
    (project.root / "loop.yaml").symlink_to("loop.yaml")
    assert "cannot be read (No such file or directory); check the path" in refusal(project, "none.yaml")
    assert "cannot be read (Too many levels of symbolic links)" in refusal(project, "loop.yaml")


def test_the_last_part_of_a_path_is_not_followed(project: Project) -> None:
    """A link that appears between the check and the open does not help anyone."""
    project.write("a", "x")
    (project.root / "b").symlink_to("a")
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(Path("b"), 10)


def test_sizes_below_a_megabyte_are_told_in_bytes(project: Project) -> None:
    """For credentials and other short files."""
    project.write("a", "12345")
    with pytest.raises(ValueError, match="is larger than 4 bytes"):
        read_regular(Path("a"), 4)


def test_names_of_files_are_shown_without_terminal_commands() -> None:
    """Whoever adds a file chooses its name."""
    assert display_name(Path("a\x1b[31m\nb.yaml")) == "a?[31m?b.yaml"
