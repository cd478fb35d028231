"""Refusals of pydantic in our own words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from reconciler.manifest.complaints import problems_of
from reconciler.manifest.tree import parse

if TYPE_CHECKING:
    from tests.unit.manifest.projects import Project


def sentences(shape: Any, text: str) -> list[str]:
    """Return what is said about a file of some shape."""
    tree = parse(text, "f")
    try:
        TypeAdapter(shape).validate_python(tree, strict=True)
    except ValidationError as error:
        return [str(problem) for problem in problems_of(error, tree, "f", known=(), providers=())]
    return []


def test_a_refusal_without_a_sentence_points_to_the_schema() -> None:
    """Pydantic's own text is never shown: it is for programmers, and it may hold the value."""
    assert sentences(dict[str, bytes], "a: secret\n") == [
        "f:1:1: `a` does not have the form that the schema asks for; see `reconciler schema`"
    ]


def test_a_refusal_of_the_whole_file_says_so() -> None:
    """There is no name to give."""
    assert sentences(list[str], "a: 1\n") == ["f:1:1: the file must be a list"]


@pytest.mark.parametrize("name", ["sk-live-4f9a8c", "cr_0a1b2c3d", "abcdefghijklmnopqrstuvwxyzabcd"])
def test_a_secret_that_was_pasted_as_a_field_is_not_repeated(project: Project, name: str) -> None:
    """What does not look like a misspelt word is described, not shown."""
    project.keys(f"version: 1\nkeys: {{a: {{account: main, {name}: x}}}}\n")
    (problem,) = project.problems()
    assert name not in problem
    assert "an unknown field" in problem
