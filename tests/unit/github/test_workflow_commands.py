"""What a runner obeys: annotations, quoted log lines and outputs, with every hostile text."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.github.workflow_commands import (
    MOST_ANNOTATIONS,
    Annotation,
    annotation_lines,
    output_text,
    quoted,
)
from tests.unit.render.samples import HOSTILE

COMMAND = re.compile(r"::(error|warning|notice) ((?:[a-z]+=[^,:]*)(?:,[a-z]+=[^,:]*)*)::(.*)")
OLD_COMMAND = re.compile(r"##\[")


def problem(message: str, file: str = "keys/team.yaml", line: int = 4, level: str = "error") -> Annotation:
    """Return an annotation in column 7."""
    return Annotation(level=level, file=file, line=line, column=7, message=message)


def obeyed(lines: list[str]) -> list[tuple[str, str, str]]:
    """Return the commands that a runner would obey, as the runner reads lines; stopped ones are not."""
    found: list[tuple[str, str, str]] = []
    stopped = None
    for line in "\n".join(lines).split("\n"):
        text = line.strip()
        if stopped is not None:
            stopped = None if text == f"::{stopped}::" else stopped
        elif text.startswith("::stop-commands::"):
            stopped = text.removeprefix("::stop-commands::")
        elif text.startswith("::"):
            parts = COMMAND.fullmatch(text)
            assert parts is not None, text
            found.append((parts[1], parts[2], parts[3]))
        assert not OLD_COMMAND.search(line)
    assert stopped is None
    return found


def test_a_problem_beside_its_line() -> None:
    """File, line and column are properties, and the message is the value (GitHub docs: workflow commands)."""
    assert annotation_lines([problem("limits.daily_usd: 0 is no limit; write 1 or more")]) == [
        (
            "::error file=keys/team.yaml,line=4,col=7,title=reconciler"
            "::limits.daily_usd: 0 is no limit; write 1 or more"
        )
    ]


def test_a_problem_without_a_place() -> None:
    """A problem of a whole file has no line, and one of the run has no file either."""
    lines = annotation_lines([problem("a", line=0), problem("b", file="", level="notice")])

    assert lines[0].startswith("::error file=keys/team.yaml,col=7,title=reconciler::")
    assert lines[1] == "::notice title=reconciler::b"


@pytest.mark.parametrize("text", [*HOSTILE, "50%0A::error::x", "a,b:c", "x\r\n::add-mask::y"])
def test_hostile_texts_command_nothing(text: str) -> None:
    """Neither a message nor the name of a file becomes a command, a property or a second line."""
    lines = annotation_lines([problem(text, file=f"keys/{text}.yaml")])
    [(level, properties, _)] = obeyed(lines)

    assert level == "error"
    assert [item.partition("=")[0] for item in properties.split(",")] == ["file", "line", "col", "title"]
    assert len("\n".join(lines).splitlines()) == 1


def test_percent_is_written_so_that_it_comes_back() -> None:
    """What the runner decodes is what was meant: a percent sign and its digits stay what they are."""
    [line] = annotation_lines([problem("50%0A or 100 %")])

    assert line.endswith("::50%250A or 100 %25")


def test_ten_of_each_level_and_the_rest_in_the_log() -> None:
    """The tenth says how many are left, and these are listed below, where the runner obeys nothing."""
    errors = [problem(f"::error::number {number}", line=number + 1) for number in range(13)]
    lines = annotation_lines([*errors, problem("w", level="warning")])
    found = obeyed(lines)

    assert [level for level, _, _ in found] == ["error"] * MOST_ANNOTATIONS + ["warning"]
    assert found[9][2].endswith("number 9 (and 3 more in the log)")
    assert "error: keys/team.yaml:13:7: ::error::number 12" in lines


def test_exactly_ten_need_no_count() -> None:
    """Ten problems fit, and nothing is said about more."""
    lines = annotation_lines([problem("x", line=number + 1) for number in range(10)])

    assert len(lines) == 10
    assert "more" not in lines[-1]


def test_nothing_found_says_nothing() -> None:
    """Without problems there is no line at all."""
    assert annotation_lines([]) == []


@given(texts=st.lists(st.text(max_size=30), max_size=5))
def test_quoted_lines_are_never_obeyed(texts: list[str]) -> None:
    """Whatever is quoted, the only commands are the two of the quotes, with a token nobody can guess."""
    lines = quoted(texts)

    assert obeyed(lines) == []
    assert len(lines) == len(texts) + 2
    assert re.fullmatch(r"::stop-commands::[0-9a-f]{32}", lines[0])
    assert lines[0] != quoted(texts)[0]


def read_outputs(text: str) -> dict[str, str]:
    """Return the outputs as a runner reads its file (GitHub docs: multiline strings)."""
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value = []
        for part in lines:
            if part == end:
                break
            value.append(part)
        found[name] = "\n".join(value)
    return found


def test_outputs_come_back_as_they_were() -> None:
    """Values of several lines, and those that look like an output of their own, stay one value."""
    values = {"digest": "sha256:ab", "empty": "", "evil": "x\nevil2<<end\ny\nend\nGITHUB_ENV=1"}

    assert read_outputs(output_text(values)) == values


def test_the_end_of_an_output_cannot_be_guessed() -> None:
    """Two writes of the same value end with different words."""
    assert output_text({"a": "b"}) != output_text({"a": "b"})
