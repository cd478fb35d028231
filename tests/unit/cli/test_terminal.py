"""The edges of output: streams that are closed, full, or know few characters."""

from __future__ import annotations

import io
import sys

import pytest

from reconciler.cli.terminal import Look, complain, explain, write_result


class Terminal(io.TextIOWrapper):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Claim to be one."""
        return True


def _stream(encoding: str) -> Terminal:
    return Terminal(io.BytesIO(), encoding=encoding)


@pytest.mark.parametrize(
    ("environment", "no_color", "color"),
    [
        ({}, False, True),
        ({}, True, False),
        ({"NO_COLOR": "1"}, False, False),
        ({"NO_COLOR": ""}, False, True),
        ({"TERM": "dumb"}, False, False),
    ],
)
def test_when_colours_are_used(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], *, no_color: bool, color: bool
) -> None:
    """On a terminal, unless --no-color, NO_COLOR or a dumb terminal say otherwise (no-color.org)."""
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    assert Look.of(_stream("utf-8"), no_color=no_color).color is color
    assert not Look.of(io.StringIO(), no_color=False).color


def test_the_width_is_that_of_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS decides; without it and without a terminal it is 100."""
    monkeypatch.setenv("COLUMNS", "72")

    assert Look.of(_stream("utf-8"), no_color=False).width == 72


def test_what_an_encoding_lacks_is_escaped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Text is never lost and never fails because of the terminal's encoding."""
    out, err = _stream("ascii"), _stream("latin-1")
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)

    write_result("a → é\n")
    explain("é →\n")

    assert Look.of(out, no_color=False).ascii_only
    assert out.buffer.getvalue() == b"a \\u2192 \\xe9\n"  # type: ignore[attr-defined]  # a BytesIO
    assert err.buffer.getvalue() == b"\xe9 \\u2192\n"  # type: ignore[attr-defined]  # likewise


def test_a_closed_stderr_is_survived(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nobody to tell, and that is no reason to stop a run."""

    class Gone(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stderr", Gone())

    complain("anything")
