"""Tests of checking operator values against declared types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import pytest

from reconciler.sandbox.validation import InvalidValueError, allowed, build


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Every kind of field that the sandbox declares."""

    count: int
    flag: bool = False
    ratio: float = 1.0
    status: Literal[200, 409] = 200
    word: str | None = None
    anything: object = None
    headers: dict[str, str] = field(default_factory=dict)


def test_values_are_taken_over() -> None:
    """Right names with right types make the object."""
    built = build(Sample, {"count": 2, "ratio": 3, "word": None, "status": 409, "headers": {"a": "b"}})

    assert built == Sample(count=2, ratio=3, status=409, headers={"a": "b"})


def test_a_base_keeps_what_is_not_mentioned() -> None:
    """A partial change leaves the other fields alone."""
    assert build(Sample, {"flag": True}, base=Sample(count=7)) == Sample(count=7, flag=True)


@pytest.mark.parametrize(
    "values",
    [
        {"count": True},
        {"count": "1"},
        {"count": 1, "flag": 1},
        {"count": 1, "ratio": float("nan")},
        {"count": 1, "ratio": True},
        {"count": 1, "status": 201},
        {"count": 1, "status": "200"},
        {"count": 1, "word": 5},
        {"count": 1, "headers": []},
    ],
)
def test_another_type_is_refused(values: dict[str, object]) -> None:
    """A value that JSON could confuse with the right one is still an error."""
    with pytest.raises(InvalidValueError, match="; use "):
        build(Sample, values)


def test_unknown_and_missing_names_are_refused() -> None:
    """A typo is an error that lists the names, and a required name has to be there."""
    with pytest.raises(InvalidValueError, match="has no cuont; use one of: anything, count"):
        build(Sample, {"cuont": 1})
    with pytest.raises(InvalidValueError, match="lacks count"):
        build(Sample, {})


def test_only_dataclasses_are_checked() -> None:
    """Passing another class is a mistake in the program."""
    with pytest.raises(TypeError, match="int is not a dataclass"):
        build(int, {})


def test_allowed_values_are_readable() -> None:
    """The table of switches names the values that a type admits."""
    shown = [allowed(hint) for hint in (Literal[200, "x"], bool, int, str | None, dict[str, str], object)]

    assert shown == ["200, x", "true, false", "a whole number", "text or null", "an object", "any value"]
