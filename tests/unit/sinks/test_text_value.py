"""What stores of text take."""

from __future__ import annotations

import pytest

from reconciler.core.secret import Secret
from reconciler.sinks._text_value import text_problem


@pytest.mark.parametrize("value", ["", "sk-\udcff", "é" * 6])
def test_what_is_no_text_or_too_long_is_told(value: str) -> None:
    """Nothing, half of a character, and more bytes than fit are not stored; the value is not repeated."""
    problem = text_problem(Secret(value), most_bytes=11)

    assert problem
    assert not value or value not in problem


def test_text_that_fits_has_no_problem() -> None:
    """The limit counts bytes, and is itself allowed."""
    assert text_problem(Secret("é" * 5 + "x"), most_bytes=11) is None
