"""Shared options: durations, and a scope that matches something."""

from __future__ import annotations

from datetime import timedelta

import click
import pytest

from reconciler.cli.options import Duration


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("20m", timedelta(minutes=20)),
        ("1h30m", timedelta(minutes=90)),
        ("2h0m5s", timedelta(hours=2, seconds=5)),
    ],
)
def test_durations(text: str, span: timedelta) -> None:
    """Hours, minutes and seconds, in this order."""
    assert Duration().convert(text, None, None) == span
    assert Duration().convert(span, None, None) is span


WRONG = ("", "0s", "0h0m", "20", "m", "5m1h", "-5m", "1.5h", "5 m", "5M", "\u0665m", "99999h")


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_duration(text: str) -> None:
    """A number without a unit, nothing at all, and anything else is refused with the form to write."""
    with pytest.raises(click.BadParameter, match="20m"):
        Duration().convert(text, None, None)
